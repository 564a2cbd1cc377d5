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

from civitai_kit.testing import Known, sandbox
from tests.program import ROOT

# Mounts a small file system in a namespace of its own, fills it, and runs the commands that it is given.
ON_A_FULL_DISK = """
import json, os, subprocess, sys
from tests.program import loaded
place, commands = sys.argv[1], json.loads(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", place], check=True)
with loaded() as program:
    def run(words):
        code, out, err = program.run(["--save-path", place + "/save", "--json", *words], cwd=place)
        return {"code": code, "said": err.decode(), **json.loads(out)}
    said = [run(commands[0])]
    os.mkdir(place + "/models")
    for number in range(5):
        with open(f"{place}/models/{number}.pt", "wb") as model:
            model.write(os.urandom(1000))
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


PLAIN = str(int(Known.PLAIN_LORA))
LOOKS = {
    "view": ("db", "view"),
    "verify": ("db", "verify"),
    "scan": ("scan", PLAIN),
    "missing": ("library", "missing"),
    "where": ("library", "where", "safetensors"),
    "dry run": ("library", "clean", "--dry-run"),
    "log": ("--log-api", "scan", PLAIN),
}
MAKES = {
    "library": ("library", "scan", "models"),
    "download": ("download", str(int(Known.CHECKPOINT_VARIANTS)), "--yes"),
}
REMOVES = {
    "delete": ("db", "delete", "--model-version-id", "100101", "--yes"),
    "view": ("db", "view"),
    "clean": ("clean",),
}


def on_a_full_disk(place: Path, **commands: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What each command says on a disk that has been full since a download."""
    with sandbox() as site:
        settings = {"API_URL": site.url, "API_KEY": site.api_key, "API_DELAY_MS": "0"}
        env = {**os.environ, **{f"CIVITAI_KIT_{name}": value for name, value in settings.items()}}
        everything = json.dumps([("download", PLAIN, "--yes"), *commands.values()])
        words = [*ISOLATED, sys.executable, "-c", ON_A_FULL_DISK, str(place), everything]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first, *others = json.loads(done.stdout)
    assert first["code"] == 0, first
    return dict(zip(commands, others, strict=True))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What is said by commands that look, and then by commands that would make something."""
    return on_a_full_disk(tmp_path_factory.mktemp("full"), **LOOKS, **MAKES)


@pytest.mark.parametrize("command", LOOKS)
def test_looking_and_verifying_work(full: dict[str, dict[str, Any]], command: str) -> None:
    assert (full[command]["code"], full[command]["errors"]) == (0, [])


def test_deleting_and_cleaning_make_room(tmp_path: Path) -> None:
    said = on_a_full_disk(tmp_path, **REMOVES)
    assert (said["delete"]["code"], said["delete"]["data"]["entries"]) == (0, ["v_100101"]), said
    assert (said["view"]["data"]["entries"], said["clean"]["code"]) == ([], 0)


def test_a_log_that_has_no_room_is_a_warning(full: dict[str, dict[str, Any]]) -> None:
    assert "not logged" in full["log"]["said"]


@pytest.mark.parametrize("command", MAKES)
def test_what_takes_room_says_that_the_disk_is_full(full: dict[str, dict[str, Any]], command: str) -> None:
    said = full[command]
    assert (said["code"], {row["code"] for row in said["errors"]}) == (9, {"disk_full"}), said
    assert "Traceback" not in said["said"]
