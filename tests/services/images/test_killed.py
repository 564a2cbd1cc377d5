"""A process killed in the middle of a gallery: nothing half under a final name, no memory that lies, nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from civitai_kit.core.errors import Code, Exit
from civitai_kit.sandbox.worlds import media
from civitai_kit.testing import Sandbox
from tests.program import Program, Running
from tests.services.album import Album

pytestmark = pytest.mark.skipif(os.name != "posix", reason="killed as POSIX has it")


@pytest.mark.parametrize("after", [3, 25])
def test_kill_9_leaves_no_lie_and_the_next_run_has_everything(
    civitai_sandbox: Sandbox, program: Program, tmp_path: Path, after: int
) -> None:
    album = Album(civitai_sandbox, tmp_path / "save")
    album.add(60)
    civitai_sandbox.faults.add("slow_start", times=None, delay=0.01)
    process = _start(program, album)
    end = time.monotonic() + 30
    while len(album.pictures() if album.root.exists() else []) < after:
        assert time.monotonic() < end and process.poll() is None, "it fetched nothing"
        time.sleep(0.01)
    process.kill()
    process.communicate()
    for record in album.records():
        assert record.path is not None
        assert (album.root / record.path).stat().st_size == record.size
    for path in album.pictures():
        if not path.endswith((".part", ".journal", ".tmp")):
            assert (album.root / "images" / path).read_bytes().startswith(b"\x89PNG")
    civitai_sandbox.faults.clear()
    assert album.fetch("username:ann").targets[0].seen == 60
    assert len([path for path in album.pictures() if path.endswith(".png")]) == 60
    assert len(album.records()) == 60


def test_a_signal_ends_it_in_order_within_three_seconds_and_the_next_run_goes_on(
    civitai_sandbox: Sandbox, program: Program, tmp_path: Path
) -> None:
    album = Album(civitai_sandbox, tmp_path / "save")
    album.add(90)
    civitai_sandbox.faults.add("slow_start", times=None, delay=0.05)
    process = _start(program, album)
    end = time.monotonic() + 30
    # Those under way may be of a page or two before: enough for the first ones to be settled.
    while len(album.pictures() if album.root.exists() else []) < 60:
        assert time.monotonic() < end and process.poll() is None, "it fetched nothing"
        time.sleep(0.01)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert time.monotonic() - begun < 3
    taken = [path for path in album.pictures() if path.endswith(".png")]
    assert len(album.records()) == len(taken)
    civitai_sandbox.faults.clear()
    civitai_sandbox.clear_requests()
    report = album.fetch("username:ann", page_size=10)
    assert (report.downloaded, report.exit_code) == (90 - len(taken), 0)
    assert "cursor=" in album.asked()[0]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="makes a small disk, which takes root")
def test_a_disk_that_fills_ends_the_run_in_order_and_the_next_run_goes_on(
    civitai_sandbox: Sandbox, tmp_path: Path
) -> None:
    album = Album(civitai_sandbox, tmp_path / "save")
    album.add(12)
    album.add(1, content=media.png(text="large")[:-12] + bytes(3_000_000) + media.png(text="large")[-12:])
    with _disk(album.root, "2500k"):
        report = album.fetch("username:ann")
        # Several pictures may meet the full disk before the run has ended.
        assert {error.code for error in report.errors} == {Code.DISK_FULL}
        assert report.exit_code == Exit.DISK
        assert all(path.endswith(".png") for path in album.pictures())
        assert len(album.records()) == len(album.pictures()) < 13
        _mount("-o", "remount,size=20m", str(album.root))
        assert album.fetch("username:ann").exit_code == 0
        assert len(album.records()) == len(album.pictures()) == 13


@contextmanager
def _disk(root: Path, size: str) -> Iterator[None]:
    """A disk of its own, of so many bytes."""
    root.mkdir()
    if not _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(root)):
        pytest.skip("no disk can be made here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)


def _mount(*words: str) -> bool:
    return shutil.which("mount") is not None and subprocess.run(["mount", *words], check=False).returncode == 0


def _start(program: Program, album: Album) -> Running:
    words = ["--save-path", str(album.root), "--api-url", album.sandbox.url, "images", "-u", "ann", "--page-size", "10"]
    env = {**os.environ, "CIVITAI_API_KEY": "", "CIVITAI_KIT_API_DELAY_MS": "0", "HOME": str(album.root.parent)}
    return program.start(words, env=env, cwd=album.root.parent)
