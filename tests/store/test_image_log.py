"""Records that were noted and not written outlive their process; whatever else lies in the log's place harms nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import ImageKind, ImageRecord
from civitai_kit.store.codec import dump
from civitai_kit.store.image_log import NAME, ImageLog
from civitai_kit.store.lmdb_store import LmdbStore


def image(number: int) -> ImageRecord:
    return ImageRecord(kind=ImageKind.USERNAME, target="ann", image_id=number, path=f"images/{number}.png", size=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "db"


def left_by_a_killed_process(folder: Path, content: bytes) -> None:
    LmdbStore.open(folder, read_only=False).close()
    (folder / NAME).write_bytes(content)


def ids(folder: Path, *, read_only: bool = False) -> list[int]:
    with LmdbStore.open(folder, read_only=read_only) as store:
        return [record.image_id for record in store.images()]


def test_what_was_noted_and_not_written_is_there_when_the_store_is_opened_again(folder: Path) -> None:
    with LmdbStore.open(folder, read_only=False) as store:
        for number in (1, 2, 3):
            store.note_image(image(number))
        store.put_images([image(2)])
    assert ids(folder) == [1, 2, 3]
    assert not (folder / NAME).exists()


def test_one_who_only_reads_leaves_it_to_the_next_writer(folder: Path) -> None:
    left_by_a_killed_process(folder, dump(image(1)) + b"\n")
    assert ids(folder, read_only=True) == []
    assert ids(folder) == [1]


def test_nothing_is_left_where_everything_was_written(folder: Path) -> None:
    with LmdbStore.open(folder, read_only=False) as store:
        store.note_image(image(1))
        store.put_images([image(1)])
        assert (folder / NAME).stat().st_size == 0
    assert not (folder / NAME).exists()


def test_the_log_holds_no_more_than_what_waits(folder: Path) -> None:
    with LmdbStore.open(folder, read_only=False) as store:
        for number in range(200):
            store.note_image(image(number))
            store.put_images([image(number)])
        assert (folder / NAME).stat().st_size == 0


@given(st.binary(max_size=60), st.integers(0, 400))
def test_lines_that_are_cut_or_spoilt_are_passed_over(
    tmp_path_factory: pytest.TempPathFactory, spoilt: bytes, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    lines = [dump(image(number)) + b"\n" for number in (1, 2)]
    (folder / NAME).write_bytes(lines[0] + spoilt.replace(b"\n", b"") + b"\n" + lines[1][:cut])
    found = [record.image_id for record in ImageLog(folder).left()]
    assert found[0] == 1
    assert (2 in found[1:]) == (cut >= len(lines[1]))


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "endless"])
def test_nothing_is_read_or_written_through_what_lies_in_its_place(folder: Path, kind: str) -> None:
    left_by_a_killed_process(folder, b"")
    place, precious = folder / NAME, folder / "precious"
    precious.write_bytes(b"of a person")
    place.unlink()
    match kind:
        case "link":
            place.symlink_to(precious)
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case _:
            with place.open("wb") as file:
                file.truncate(2**33)
    with LmdbStore.open(folder, read_only=False) as store:
        store.note_image(image(1))
        store.put_images([image(1)])
    assert ids(folder) == [1]
    assert precious.read_bytes() == b"of a person"
