"""The folder of pictures: files that share their bytes, notes beside them, and no way out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from civitai_kit.core.errors import NotWritable, UsageError
from civitai_kit.disk.picture_folder import PictureFolder


def test_a_link_replaces_what_is_there_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "images")
    source = tmp_path / "source.png"
    source.write_bytes(b"the same bytes")
    for _ in range(2):
        folder.link(source, "a/b/1.png")
    assert [path.name for path in (tmp_path / "images/a/b").iterdir()] == ["1.png"]
    assert (tmp_path / "images/a/b/1.png").stat().st_ino == source.stat().st_ino


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", "a\0b", "a/..", "c:/x", "a/b\\..\\..\\x"])
def test_no_path_leads_out(tmp_path: Path, path: str) -> None:
    folder = PictureFolder(tmp_path / "images")
    (tmp_path / "images/a").mkdir(parents=True)
    with pytest.raises(UsageError):
        folder.locate(path)


def test_a_folder_that_was_moved_and_linked_back_gets_its_notes(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "images")
    (tmp_path / "images").mkdir()
    (tmp_path / "another disk").mkdir()
    (tmp_path / "images/out").symlink_to(tmp_path / "another disk")
    folder.note("out/1.txt", b"text")
    assert (tmp_path / "another disk/1.txt").read_bytes() == b"text"


def test_a_note_that_cannot_be_written_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(NotWritable):
        PictureFolder(tmp_path / "images").note("nowhere/1.txt", b"text")


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
def test_a_note_is_not_written_through_what_lies_in_its_temporary_files_place(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path)
    (tmp_path / "precious").write_bytes(b"of a person")
    (tmp_path / "1.txt.tmp").symlink_to(tmp_path / "precious")
    (tmp_path / "2.txt.tmp").hardlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / "3.txt.tmp")
    for number in (1, 2, 3):
        with pytest.raises(NotWritable):
            folder.note(f"{number}.txt", b"text")
        assert os.path.lexists(tmp_path / f"{number}.txt.tmp")
    assert (tmp_path / "precious").read_bytes() == b"of a person"
