"""What a person names to be read: files, pipes that somebody writes to, standard input; nothing without end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from civitai_kit.files.errors import OddFile
from civitai_kit.files.input import read_input

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and devices")
MOST = 1000


def test_a_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_input(tmp_path / "link", MOST) == b"content"


@pytest.mark.parametrize(("device", "kind"), [("/dev/zero", "device"), ("/dev/urandom", "device"), ("/", "folder")])
def test_a_device_and_a_folder_are_refused(device: str, kind: str) -> None:
    with pytest.raises(OddFile, match=kind):
        read_input(device, MOST)


def test_the_null_device_holds_nothing() -> None:
    assert read_input(os.devnull, MOST) == b""


def test_a_giant_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(OddFile, match="longer than 1,000 bytes"):
        read_input(tmp_path / "sparse", MOST)


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OddFile, match="nobody writes to it"):
        read_input(tmp_path / "pipe", MOST)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"x" * 70_000,), daemon=True)
    writer.start()
    assert read_input(tmp_path / "pipe", 10**6) == b"x" * 70_000
    writer.join(10)


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_standard_input_is_read_by_its_names(name: str) -> None:
    if not Path(name).exists():
        pytest.skip("this system has no such name")
    code = "import sys; from civitai_kit.files.input import read_input; print(len(read_input(sys.argv[1], 99)))"
    done = subprocess.run([sys.executable, "-c", code, name], input=b"text", capture_output=True, check=True)
    assert done.stdout.split() == [b"4"]


def test_a_device_without_end_on_standard_input_is_read_up_to_the_bound() -> None:
    code = "from civitai_kit.files.input import read_input; read_input('/dev/stdin', 10**7)"
    with Path("/dev/zero").open("rb") as zeros:
        done = subprocess.run([sys.executable, "-c", code], stdin=zeros, capture_output=True, text=True, check=False)
    assert "longer than 10,000,000 bytes" in done.stderr
