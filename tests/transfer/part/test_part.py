"""The part file: synced before journalled, proved before trusted, whole before named."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civitai_kit.core.errors import NotWritable
from civitai_kit.core.plans.order import Proof
from civitai_kit.transfer.part.journal import Journal, boot_line, parse_journal
from civitai_kit.transfer.part.part import Part, open_part

NAMES = frozenset({"sha256"})
SOURCES = frozenset({"/f"})
CONTENT = os.urandom(3_000_000)
HASH = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def look() -> None:
    """Nothing is to stop."""


def opened(target: Path, promise: str | None = None) -> Part:
    return Part(target, Journal(source="/f", promise=promise), NAMES)


def add(part: Part, stop: int) -> None:
    chunk = memoryview(CONTENT)[part.written : stop]
    part.write(chunk)
    part.hash(chunk)


def begun(target: Path, *stops: int, more: int = 0, promise: str | None = None) -> None:
    """Leave a part that was synced at `stops` and written a little further."""
    part = opened(target, promise)
    part.learn(total=len(CONTENT), etag='"e"', modified=None)
    part.announce()
    for stop in stops:
        add(part, stop)
        part.record(part.point())
    add(part, part.written + more)
    part.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


@pytest.mark.parametrize("promise", [None, f"size:{len(CONTENT)}"])
def test_what_was_not_synced_is_not_trusted_where_no_hash_decides(target: Path, promise: str | None) -> None:
    begun(target, 1_000_000, more=500_000, promise=promise)
    part = opened(target, promise)
    assert part.resume(SOURCES, Proof(), look) == 1_000_000
    assert part.path.stat().st_size == 1_000_000
    part.close()


@pytest.mark.parametrize(("broken", "kept"), [(1_700_000, 1_000_000), (10, 0), (2_500_000, 2_000_000)])
def test_the_last_good_point_is_where_it_goes_on(target: Path, broken: int, kept: int) -> None:
    begun(target, 1_000_000, 2_000_000, 3_000_000)
    with target.with_name("file.bin.part").open("r+b") as file:
        file.seek(broken)
        file.write(bytes([CONTENT[broken] ^ 1]))
    part = opened(target)
    assert part.resume(SOURCES, Proof(), look) == kept
    add(part, len(CONTENT))
    assert part.digests().sha256 == hashlib.sha256(CONTENT).hexdigest()
    part.close()


@pytest.mark.parametrize(("length", "kept"), [(1_999_999, 1_000_000), (0, 0), (2_000_000, 2_000_000)])
def test_a_part_shorter_than_its_journal_goes_on_from_what_is_there(target: Path, length: int, kept: int) -> None:
    begun(target, 1_000_000, 2_000_000)
    os.truncate(target.with_name("file.bin.part"), length)
    part = opened(target)
    assert part.resume(SOURCES, Proof(), look) == kept
    part.close()


def test_a_journal_without_its_part_is_worth_nothing(target: Path) -> None:
    begun(target, 1_000_000)
    target.with_name("file.bin.part").unlink()
    part = opened(target)
    assert part.resume(SOURCES, Proof(), look) == 0
    assert not target.with_name("file.bin.part.json").exists()
    part.close()


def test_beginning_anew_takes_the_journal_away_first(target: Path) -> None:
    begun(target, 1_000_000)
    part = opened(target)
    part.resume(SOURCES, Proof(), look)
    part.restart()
    assert not target.with_name("file.bin.part.json").exists()
    assert part.path.stat().st_size == 0
    part.close()


def test_an_empty_part_does_not_stay(target: Path) -> None:
    with open_part(target, Journal(source="/f"), NAMES):
        assert target.with_name("file.bin.part").exists()
    assert list(target.parent.iterdir()) == []


def test_promotion_replaces_what_was_there_and_leaves_nothing_else(target: Path) -> None:
    target.write_text("old")
    part = opened(target)
    add(part, 5)
    part.record(part.point())
    part.promote(target)
    assert target.read_bytes() == CONTENT[:5]
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_vanishes_is_told_as_not_writable(target: Path) -> None:
    folder = target.parent / "gone"
    part = opened(folder / "file.bin")
    add(part, 5)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(NotWritable):
        part.promote(folder / "file.bin")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 400_000), st.booleans()), max_size=8), st.integers(0, 3_000_000))
def test_the_journal_never_claims_more_than_the_part_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]], cut: int
) -> None:
    target = tmp_path_factory.mktemp("part") / "file.bin"
    journal_path = target.with_name("file.bin.part.json")
    part = opened(target)
    for count, synced in steps:
        add(part, min(len(CONTENT), part.written + count))
        if synced:
            part.record(part.point())
        if journal_path.exists():
            journal = parse_journal(journal_path.read_bytes())
            assert journal is not None
            assert journal.synced <= part.path.stat().st_size
    part.close()
    size = part.path.stat().st_size
    os.truncate(part.path, min(size, cut))
    again = opened(target)
    kept = again.resume(SOURCES, Proof(), look)
    assert kept <= min(size, cut)
    assert again.head(kept) == CONTENT[:kept]
    again.close()


# -- what a killed run had written and not synced -----------------------------------------------------------------


@pytest.mark.parametrize("stops", [(), (1_000_000,), (400_000, 1_000_000)])
def test_where_a_hash_decides_what_was_written_is_kept_without_a_sync(target: Path, stops: tuple[int, ...]) -> None:
    begun(target, *stops, more=500_000, promise=HASH)
    part = opened(target, HASH)
    assert part.resume(SOURCES, Proof(), look) == sum(stops[-1:]) + 500_000
    add(part, len(CONTENT))
    assert part.digests().sha256 == hashlib.sha256(CONTENT).hexdigest()
    part.close()


def test_what_nobody_marked_is_not_kept_such_as_room_taken_in_advance(target: Path) -> None:
    begun(target, 1_000_000, more=500_000, promise=HASH)
    os.truncate(target.with_name("file.bin.part"), len(CONTENT))
    part = opened(target, HASH)
    assert part.resume(SOURCES, Proof(), look) == 1_500_000
    assert part.path.stat().st_size == 1_500_000
    part.close()


def test_marks_beyond_the_end_of_the_part_keep_what_is_there(target: Path) -> None:
    begun(target, 1_000_000, more=500_000, promise=HASH)
    os.truncate(target.with_name("file.bin.part"), 1_200_000)
    part = opened(target, HASH)
    assert part.resume(SOURCES, Proof(), look) == 1_200_000
    part.close()


def test_after_a_restart_of_the_machine_only_what_was_synced_is_kept(target: Path) -> None:
    begun(target, 1_000_000, more=500_000, promise=HASH)
    journal = target.with_name("file.bin.part.json")
    first, _, marks = journal.read_bytes().split(b"\n", 2)
    journal.write_bytes(first + b"\n" + boot_line("another") + marks)
    part = opened(target, HASH)
    assert part.resume(SOURCES, Proof(), look) == 1_000_000
    part.close()


def test_it_goes_back_to_the_point_before_the_first_doubt_however_often_it_was_killed(target: Path) -> None:
    begun(target, 1_000_000, more=500_000, promise=HASH)
    for kept in (1_500_000, 2_000_000):
        part = opened(target, HASH)
        assert part.resume(SOURCES, Proof(), look) == kept
        add(part, kept + 300_000)
        part.record(part.point())
        add(part, kept + 500_000)
        part.close()
    part = opened(target, HASH)
    part.resume(SOURCES, Proof(), look)
    assert part.go_back(look)
    assert (part.written, part.resumed, part.path.stat().st_size) == (1_000_000, 1_000_000, 1_000_000)
    assert not part.go_back(look), "it went back twice"
    add(part, len(CONTENT))
    assert part.digests().sha256 == hashlib.sha256(CONTENT).hexdigest()
    part.close()


def test_stretches_that_several_connections_wrote_are_kept_with_the_gaps_between_them(target: Path) -> None:
    begun(target, 500_000, promise=HASH)
    part = opened(target, HASH)
    part.resume(SOURCES, Proof(), look)
    with part.path.open("r+b") as file:
        for start, stop in ((1_000_000, 1_200_000), (2_000_000, 2_700_000)):
            file.seek(start)
            file.write(CONTENT[start:stop])
            part.mark(start, stop)
    part.close()
    again = opened(target, HASH)
    assert again.resume(SOURCES, Proof(), look) == 500_000
    assert again.islands() == [(1_000_000, 1_200_000), (2_000_000, 2_700_000)]
    add(again, 1_100_000)
    assert again.islands() == [(1_100_000, 1_200_000), (2_000_000, 2_700_000)]
    again.restart()
    assert again.islands() == []
    again.close()


def test_the_journal_stays_within_its_bound_however_much_is_marked(target: Path) -> None:
    begun(target, 500_000, promise=HASH)
    part = opened(target, HASH)
    part.resume(SOURCES, Proof(), look)
    for number in range(20_000):
        part.mark(600_000 + 2 * number, 600_001 + 2 * number)
    add(part, 550_000)
    part.record(part.point())
    part.close()
    assert target.with_name("file.bin.part.json").stat().st_size <= 64 * 1024
    assert opened(target, HASH).resume(SOURCES, Proof(), look) == 550_000


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_a_link_in_place_of_a_part_is_never_written_through(target: Path) -> None:
    theirs = target.with_name("letter.txt")
    theirs.write_text("dear")
    target.with_name(target.name + ".part").symlink_to(theirs)
    with pytest.raises(NotWritable, match="link"):
        opened(target)
    assert theirs.read_text() == "dear"


# What others have put where our files should lie


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("ending", [".part", ".part.json", ".part.tmp"])
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_nothing_is_read_or_written_through_what_lies_in_our_place(target: Path, ending: str, kind: str) -> None:
    precious = target.with_name("precious")
    precious.write_bytes(b"of a person")
    begun(target, 1_000_000)
    place = target.with_name(target.name + ending)
    place.unlink(missing_ok=True)
    plant(kind, place, precious)
    with pytest.raises(NotWritable, match=r"not a file of ours|another name"):
        go_on(target)
    assert precious.read_bytes() == b"of a person"
    assert place.is_fifo() or place.samefile(precious)


def test_a_journal_of_four_gigabytes_is_not_read(target: Path) -> None:
    begun(target, 1_000_000)
    with target.with_name(target.name + ".part.json").open("wb") as file:
        file.truncate(4 * 2**30)
    with pytest.raises(NotWritable, match="longer than"):
        go_on(target)


def plant(kind: str, place: Path, precious: Path) -> None:
    match kind:
        case "link":
            place.symlink_to(precious)
        case "hard link":
            place.hardlink_to(precious)
        case _:
            os.mkfifo(place)


def go_on(target: Path) -> None:
    """Resume and journal a little more, as a run does."""
    part = opened(target)
    try:
        part.resume(SOURCES, Proof(), look)
        add(part, 2_000_000)
        part.record(part.point())
    finally:
        part.close()
