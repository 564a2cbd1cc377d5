"""Little memory, few open files: the work is done, or it is said what there is too little of; nothing ever hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from civitai_kit.testing import Known, Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")

# Sets a limit and becomes the command.
WITHIN = """
import os, resource, sys
kind, value = getattr(resource, sys.argv[1]), int(sys.argv[2])
resource.setrlimit(kind, (value, value))
os.execv(sys.executable, [sys.executable, "-m", "civitai_kit", *sys.argv[3:]])
"""
MIB = 2**20
LACKS = ("not enough memory", "more threads", "more files", "Too many open files")


@pytest.mark.parametrize(
    ("limit", "values"),
    [
        ("RLIMIT_AS", [50 * MIB, 90 * MIB, 110 * MIB, 150 * MIB, 250 * MIB]),
        ("RLIMIT_NOFILE", [6, 9, 12, 16, 100]),
    ],
)
def test_a_limit_is_lived_with_or_said(civitai_sandbox: Sandbox, tmp_path: Path, limit: str, values: list[int]) -> None:
    settings = {"API_URL": civitai_sandbox.url, "API_KEY": civitai_sandbox.api_key, "API_DELAY_MS": "0"}
    env = {**os.environ, **{f"CIVITAI_KIT_{name}": value for name, value in settings.items()}}
    ends = []
    for value in values:
        words = ["--save-path", str(tmp_path / str(value)), "--json", "download", str(int(Known.PLAIN_LORA)), "--yes"]
        command = [sys.executable, "-c", WITHIN, limit, str(value), *words, "--all-versions", "--max-retries", "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
        if not done.stdout:
            # So little that Python itself does not begin.
            assert value == values[0] and done.returncode == 1, done.stderr
            continue
        said = [row["message"] for row in json.loads(done.stdout)["errors"]]
        assert done.returncode in (0, 1, 7, 9), (value, said)
        assert all(any(lack in text for lack in LACKS) for text in said), (value, said)
        ends.append(done.returncode)
    assert ends[0] != 0 and ends[-1] == 0
