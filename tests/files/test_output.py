"""What a person names as output: links followed, modes kept, pipes and devices written to and never replaced."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from civitai_kit.core.errors import DiskFull, NotWritable
from civitai_kit.files.output import is_regular, open_appending, output_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, modes, pipes and devices")
SOME = b"some content\n"


def put(path: str | Path, content: bytes = SOME) -> None:
    with output_file(path) as file:
        file.write(content)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real.json").write_bytes(b"old")
    (tmp_path / "plan.json").symlink_to("far/real.json")
    put(tmp_path / "plan.json")
    assert (tmp_path / "plan.json").is_symlink() and (tmp_path / "far" / "real.json").read_bytes() == SOME
    assert names(tmp_path / "far") == ["real.json"]


def test_where_a_link_leads_to_nothing_yet_the_file_is_made(tmp_path: Path) -> None:
    (tmp_path / "plan.json").symlink_to("new.json")
    put(tmp_path / "plan.json")
    assert (tmp_path / "plan.json").is_symlink() and (tmp_path / "new.json").read_bytes() == SOME


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_the_mode_of_a_file_is_kept(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "export.jsonl"
    place.write_bytes(b"old")
    place.chmod(mode)
    put(place)
    assert stat.S_IMODE(place.stat().st_mode) == mode and place.read_bytes() == SOME


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "export.jsonl"
    place.write_bytes(b"old")

    def fail() -> None:
        with output_file(place) as file:
            file.write(b"half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        fail()
    assert place.read_bytes() == b"old" and names(tmp_path) == ["export.jsonl"]


@pytest.mark.parametrize("through_link", [False, True])
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path, *, through_link: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to("pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    put(tmp_path / ("link" if through_link else "pipe"))
    reader.join(10)
    assert read == [SOME] and stat.S_ISFIFO(pipe.lstat().st_mode)


def test_a_device_is_written_to_and_stays_a_device(tmp_path: Path) -> None:
    before = Path("/dev/null").stat()
    put("/dev/null")
    (tmp_path / "link").symlink_to("/dev/null")
    put(tmp_path / "link")
    assert os.path.samestat(before, Path("/dev/null").stat()) and (tmp_path / "link").is_symlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
def test_a_full_device_is_a_full_disk_that_names_it() -> None:
    with pytest.raises(DiskFull, match="/dev/full cannot be written: No space left"):
        put("/dev/full")


@pytest.mark.parametrize("through_link", [False, True])
def test_a_descriptor_is_written_on_from_where_it_stands(tmp_path: Path, *, through_link: bool) -> None:
    with (tmp_path / "all").open("wb", buffering=0) as file:
        file.write(b"before\n")
        name = f"/dev/fd/{file.fileno()}"
        if through_link:
            (tmp_path / "link").symlink_to(name)
        put(str(tmp_path / "link") if through_link else name)
        file.write(b"after\n")
    assert (tmp_path / "all").read_bytes() == b"before\n" + SOME + b"after\n"


def test_a_reader_that_left_is_told_apart_from_a_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with pytest.raises(BrokenPipeError):
            put(f"/dev/fd/{writing}")
    finally:
        os.close(writing)


@pytest.mark.parametrize("name", ["nowhere/file", "folder", "loop", "/dev/fd/9999"])
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(NotWritable, match="cannot be written"):
        put(tmp_path / name)


def test_appending_follows_a_link_and_begins_a_new_file_there(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("real.log")
    for line in (b"a\n", b"b\n"):
        with os.fdopen(open_appending(tmp_path / "log"), "ab") as file:
            file.write(line)
    assert (tmp_path / "real.log").read_bytes() == b"a\nb\n" and (tmp_path / "log").is_symlink()


def test_only_a_file_is_regular(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    assert is_regular(tmp_path / "file") and is_regular(tmp_path / "link")
    assert not any(is_regular(path) for path in (tmp_path / "pipe", tmp_path, tmp_path / "none", "/dev/stdout"))
