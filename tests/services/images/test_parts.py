"""The parts of an images run, each alone: limits, pace, claims, bookmarks, the ledger, and the folder of pictures."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import ImageKind, ImageRecord, Quality
from civitai_kit.core.errors import Interrupted, NotWritable, StoreUnreadable, UsageError
from civitai_kit.core.images.targets import Target
from civitai_kit.disk.folder import Folder
from civitai_kit.disk.picture_folder import PictureFolder
from civitai_kit.services.images.bookmarks import PLACE, Bookmark, Bookmarks
from civitai_kit.services.images.limits import Claims, Quota, Verdict
from civitai_kit.services.images.pace import HostPace
from civitai_kit.services.images.records import Ledger
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
                if fate is None or quota.reserve(None) is not Verdict.GRANTED:
                    return
            quota.settle(None, taken=fate)
            taken.append(fate)

    with ThreadPoolExecutor(slots) as pool:
        list(pool.map(work, range(slots)))
    assert sum(taken) == min(limit, sum(fates))


def test_a_full_model_leaves_room_for_others() -> None:
    quota = Quota(0, 1, never)
    assert quota.reserve(1) is Verdict.GRANTED
    quota.settle(1, taken=True)
    assert quota.reserve(1) is Verdict.MODEL_FULL
    assert quota.reserve(2) is Verdict.GRANTED
    assert quota.reserve(None) is Verdict.GRANTED


def test_waiting_for_a_place_ends_with_a_stop() -> None:
    quota = Quota(1, 0, lambda: True)
    assert quota.reserve(None) is Verdict.GRANTED
    assert quota.reserve(None) is Verdict.FULL


# -- pace -----------------------------------------------------------------------------------------------------


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_refusal_halves_what_goes_at_once_and_success_brings_it_back() -> None:
    clock = Clock()
    pace = HostPace(8, 3, never, clock)
    pace.slow_down(10)
    assert pace.allowed == 4
    pace.slow_down(10)
    assert pace.allowed == 4, "one pause is one refusal, however many were told"
    clock.now += 11
    pace.slow_down(10)
    assert pace.allowed == 2
    for _ in range(40 * 6):
        pace.went_well()
    assert pace.allowed == 8


def test_nobody_begins_during_a_pause_and_a_stop_ends_the_waiting() -> None:
    clock = Clock()
    stopped = False
    pace = HostPace(2, 3, lambda: stopped, clock)
    with pace.turn():
        pace.slow_down(5)
    stopped = True
    with pytest.raises(Interrupted), pace.turn():
        pass
    clock.now += 6
    with pace.turn():
        assert pace.allowed == 1


def test_a_turn_that_ends_early_lets_another_go_and_ends_once() -> None:
    pace = HostPace(1, 3, never)
    with pace.turn() as end:
        end()
        end()
        with pace.turn():
            assert pace._active == 1
    assert pace._active == 0


def test_a_host_that_never_gives_is_given_up_after_so_many_pauses_each_longer() -> None:
    clock = Clock()
    pace = HostPace(2, 3, never, clock)
    waits = []
    while pace.refused(1):
        waits.append(pace._free_at - clock.now)
        clock.now = pace._free_at
    assert waits == [1, 2, 4]
    pace.went_well()
    assert pace.refused(1)


def test_with_no_retries_wanted_a_refusal_is_final() -> None:
    assert not HostPace(2, 0, never).refused(30)


# -- claims, ledger -------------------------------------------------------------------------------------------


def test_of_two_jobs_for_the_same_bytes_the_second_waits_and_is_told_where_they_are(tmp_path: Path) -> None:
    claims, order = Claims(never), list[str]()
    begun = threading.Event()

    def second() -> None:
        begun.set()
        with claims.claim(1, Quality.HD) as brought:
            order.append(f"second {brought}")

    with claims.claim(1, Quality.HD) as brought:
        assert brought is None
        thread = threading.Thread(target=second)
        thread.start()
        begun.wait()
        with claims.claim(1, Quality.SD) as other:
            assert other is None
        order.append("first")
        claims.bring(1, Quality.HD, tmp_path)
    thread.join()
    assert order == ["first", f"second {tmp_path}"]


def record(number: int) -> ImageRecord:
    """A memory of an image."""
    return ImageRecord(kind=ImageKind.USERNAME, target="Ann", image_id=number)


def test_every_record_is_written_when_the_ledger_is_closed_and_many_at_once() -> None:
    album = _Counting()
    ledger = Ledger(album, lambda _: None)
    with ledger.open(), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ledger.put(record(number), Path("1.png")), range(1, 501)))
    assert album.count_images() == 500
    assert album.transactions < 100


def test_an_error_of_the_store_is_raised_and_nothing_hangs() -> None:
    ledger = Ledger(_Broken(), lambda _: None)
    with pytest.raises(StoreUnreadable), ledger.open():
        ledger.put(record(1), Path("1.png"))


def test_nothing_is_remembered_before_the_name_of_its_file_is_on_disk() -> None:
    album, seen = MemoryStore(), list[tuple[set[Path], int]]()
    ledger = Ledger(album, lambda folders: seen.append((set(folders), album.count_images())))
    with ledger.open():
        ledger.put(record(1), Path("here/1.png"))
        ledger.put(record(2), Path("there/2.png"))
        ledger.put(record(3), Path("here/3.png"))
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


# -- the folder of pictures -----------------------------------------------------------------------------------


def test_a_link_replaces_what_is_there_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "images")
    source = tmp_path / "source.png"
    source.write_bytes(b"the same bytes")
    for _ in range(2):
        folder.link(source, "a/b/1.png")
    assert [path.name for path in (tmp_path / "images/a/b").iterdir()] == ["1.png"]
    assert (tmp_path / "images/a/b/1.png").stat().st_ino == source.stat().st_ino


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", "a\0b", "a/..", "c:/x", "a/b\\..\\..\\x"])
def test_no_path_leads_out_however_often_its_folder_was_looked_at(tmp_path: Path, path: str) -> None:
    folder = PictureFolder(tmp_path / "images")
    (tmp_path / "images/a").mkdir(parents=True)
    folder.locate("a/fine.png")
    with pytest.raises(UsageError):
        folder.locate(path)


def test_a_link_within_the_folder_that_leads_out_of_it_is_not_followed(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "images")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/out").symlink_to(tmp_path)
    for _ in range(2):
        with pytest.raises(UsageError):
            folder.locate("out/1.png")


def test_a_note_that_cannot_be_written_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(NotWritable):
        PictureFolder(tmp_path / "images").note("nowhere/1.txt", b"text")
