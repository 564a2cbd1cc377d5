"""A disk that is really full: what makes room works, what looks works, and what needs room says that there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.testing import Known, Sandbox
from tests.program import ROOT

# Mounts a small file system in a namespace of its own, fills it, and runs the commands that it is given.
ON_A_FULL_DISK = """
import json, subprocess, sys
from tests.program import loaded
place, commands = sys.argv[1], json.loads(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", place], check=True)
with loaded() as program:
    def run(words):
        code, out, err = program.run(["--save-path", place + "/save", "--json", *words], cwd=place)
        return {"code": code, "said": err.decode(), **json.loads(out)}
    said = [run(commands[0])]
    with open(place + "/ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass
    said += map(run, commands[1:])
print(json.dumps(said))
"""
ISOLATED = ("unshare", "--mount", "--map-root-user")


def can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    tried = [*ISOLATED, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="no file system of our own can be mounted here")


@pytest.fixture
def full(civitai_sandbox: Sandbox, tmp_path: Path) -> Any:
    """Runs commands on a disk that is full after the first, a download; gives what the others said."""

    def run(*commands: list[str]) -> list[dict[str, Any]]:
        first = ["download", str(int(Known.PLAIN_LORA)), "--yes"]
        settings = {"API_URL": civitai_sandbox.url, "API_KEY": civitai_sandbox.api_key, "API_DELAY_MS": "0"}
        env = {**os.environ, **{f"CIVITAI_KIT_{name}": value for name, value in settings.items()}}
        words = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path), json.dumps([first, *commands])]
        done = subprocess.run([*ISOLATED, *words], capture_output=True, text=True, check=False, env=env, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        said: list[dict[str, Any]] = json.loads(done.stdout)
        assert said[0]["code"] == 0, said[0]
        return said[1:]

    return run


def test_looking_and_verifying_work(full: Any) -> None:
    for said in full(["db", "view"], ["db", "verify"], ["scan", str(int(Known.PLAIN_LORA))]):
        assert (said["code"], said["errors"]) == (0, []), said


def test_deleting_and_cleaning_make_room(full: Any) -> None:
    version = ["--model-version-id", "100101"]
    deleted, view, cleaned = full(["db", "delete", *version, "--yes"], ["db", "view"], ["clean"])
    assert (deleted["code"], deleted["data"]["entries"]) == (0, ["v_100101"]), deleted
    assert (view["data"]["entries"], cleaned["code"]) == ([], 0)


def test_a_log_that_has_no_room_is_a_warning(full: Any) -> None:
    (said,) = full(["--log-api", "scan", str(int(Known.PLAIN_LORA))])
    assert (said["code"], said["errors"]) == (0, [])
    assert "not logged" in said["said"]


def test_a_download_says_that_the_disk_is_full(full: Any) -> None:
    (said,) = full(["download", str(int(Known.CHECKPOINT_VARIANTS)), "--yes"])
    assert (said["code"], {row["code"] for row in said["errors"]}) == (9, {"disk_full"}), said


def test_a_scan_of_a_library_ends_in_order_and_goes_on_where_there_is_room(full: Any, tmp_path: Path) -> None:
    models = tmp_path.with_name(f"{tmp_path.name}-models")
    models.mkdir()
    for number in range(5):
        (models / f"{number}.pt").write_bytes(os.urandom(1000))
    [said] = full(["library", "scan", str(models)])
    assert said["code"] == 9 and {row["code"] for row in said["errors"]} == {"disk_full"}, said
    assert "Traceback" not in said["said"]


def test_looking_into_a_library_works(full: Any) -> None:
    for said in full(["library", "missing"], ["library", "where", "safetensors"], ["library", "clean", "--dry-run"]):
        assert (said["code"], said["errors"]) == (0, []), said
