"""The parts of an images run, each alone: limits, the writer of records, bookmarks."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import ImageKind, ImageRecord
from civitai_kit.core.errors import StoreUnreadable
from civitai_kit.core.images.targets import Target
from civitai_kit.disk.folder import Folder
from civitai_kit.services.images.bookmarks import PLACE, Bookmark, Bookmarks
from civitai_kit.services.images.counts import Grant, Quota
from civitai_kit.services.images.records import RecordWriter
from civitai_kit.store.memory_store import MemoryStore

ANN = Target(ImageKind.USERNAME, "Ann")


def never() -> bool:
    """Nobody has stopped us."""
    return False


# -- limits ---------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(1, 20), st.integers(1, 8), st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_limit_is_never_passed_and_is_reached_when_enough_succeed(limit: int, slots: int, fates: list[bool]) -> None:
    quota, lock, queue, taken = Quota(limit, 0, never), threading.Lock(), iter(fates), []

    def work(_: int) -> None:
        while True:
            with lock:
                fate = next(queue, None)
                if fate is None or quota.reserve(None) is not Grant.GRANTED:
                    return
            quota.settle(None, taken=fate)
            taken.append(fate)

    with ThreadPoolExecutor(slots) as pool:
        list(pool.map(work, range(slots)))
    assert sum(taken) == min(limit, sum(fates))


def test_a_full_model_leaves_room_for_others() -> None:
    quota = Quota(0, 1, never)
    assert quota.reserve(1) is Grant.GRANTED
    quota.settle(1, taken=True)
    assert quota.reserve(1) is Grant.MODEL_FULL
    assert quota.reserve(2) is Grant.GRANTED
    assert quota.reserve(None) is Grant.GRANTED


def test_waiting_for_a_place_ends_with_a_stop() -> None:
    quota = Quota(1, 0, lambda: True)
    assert quota.reserve(None) is Grant.GRANTED
    assert quota.reserve(None) is Grant.FULL


# -- the writer of records ------------------------------------------------------------------------------------


def record(number: int) -> ImageRecord:
    """A memory of an image."""
    return ImageRecord(kind=ImageKind.USERNAME, target="Ann", image_id=number)


def test_every_record_is_written_when_the_writer_is_closed_and_many_at_once() -> None:
    album = _Counting()
    writer = RecordWriter(album, lambda _: None)
    with writer.open(), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: writer.put(record(number), Path("1.png")), range(1, 501)))
    assert album.count_images() == 500
    assert album.transactions < 100


def test_an_error_of_the_store_is_raised_and_nothing_hangs() -> None:
    writer = RecordWriter(_Broken(), lambda _: None)
    with pytest.raises(StoreUnreadable), writer.open():
        writer.put(record(1), Path("1.png"))


def test_nothing_is_remembered_before_the_name_of_its_file_is_on_disk() -> None:
    album, seen = MemoryStore(), list[tuple[set[Path], int]]()
    writer = RecordWriter(album, lambda folders: seen.append((set(folders), album.count_images())))
    with writer.open():
        writer.put(record(1), Path("here/1.png"))
        writer.put(record(2), Path("there/2.png"))
        writer.put(record(3), Path("here/3.png"))
    assert set[Path]().union(*(folders for folders, _ in seen)) == {Path("here"), Path("there")}
    assert [count for _, count in seen] == sorted(count for _, count in seen)
    assert seen[0][1] == 0
    assert album.count_images() == 3


class _Counting(MemoryStore):
    """A store that counts its transactions."""

    transactions = 0

    def put_images(self, records: Iterable[ImageRecord]) -> int:
        self.transactions += 1
        return super().put_images(records)


class _Broken(MemoryStore):
    """A store that cannot write."""

    def put_images(self, records: Iterable[ImageRecord]) -> int:
        raise StoreUnreadable("broken")


# -- bookmarks ------------------------------------------------------------------------------------------------


def test_a_bookmark_is_found_again_by_the_same_question_only(tmp_path: Path) -> None:
    disk, mark = Folder(tmp_path), Bookmark(frozenset({"version 1"}), {"feed": "200|5", "model": 77})
    Bookmarks(disk).keep(ANN, "Newest", mark)
    assert Bookmarks(disk).find(Target(ImageKind.USERNAME, "ANN"), "Newest") == mark
    assert Bookmarks(disk).find(ANN, "Oldest") == Bookmark()
    assert Bookmarks(disk).find(Target(ImageKind.TAG, "Ann"), "Newest") == Bookmark()
    Bookmarks(disk).keep(ANN, "Newest", Bookmark())
    assert Bookmarks(disk).find(ANN, "Newest") == Bookmark()


def test_no_file_is_made_where_nothing_broke_off(tmp_path: Path) -> None:
    Bookmarks(Folder(tmp_path)).keep(ANN, "Newest", Bookmark())
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema": 99, "targets": {}}',
        b'{"schema": 1, "targets": []}',
        b'{"schema": 1, "targets": {"username:ann": {"question": "Newest", "done": 5, "broken": {"feed": []}}}}',
        b'{"schema": 1, "targets": {"username:ann": {"question": "Newest", "broken": {"feed": true}}}}',
        b"[" * 100_000,
    ],
)
def test_bookmarks_that_cannot_be_read_mean_from_the_start(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PLACE).write_bytes(content)
    marks = Bookmarks(Folder(tmp_path))
    assert marks.find(ANN, "Newest") == Bookmark()
    marks.keep(ANN, "Newest", Bookmark(broken={"feed": "10"}))
    assert Bookmarks(Folder(tmp_path)).find(ANN, "Newest").broken == {"feed": "10"}
