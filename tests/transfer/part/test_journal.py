"""The journal: what was written is read back, anything else is nothing, and it stays small."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.transfer.part.journal import (
    Journal,
    Point,
    boot_line,
    mark_line,
    parse_journal,
    parse_marks,
    stretches,
)
from civitai_kit.transfer.part.validators import sendable_validator

HEX = "0123456789abcdef"
BOOT = "b-1"
offsets = st.lists(st.integers(1, 10**12), unique=True, max_size=20).map(sorted)
texts = st.none() | st.text(max_size=20)
validators = texts.map(sendable_validator)


@st.composite
def journals(draw: st.DrawFn) -> Journal:
    points = tuple(Point(offset, draw(st.text(HEX, min_size=64, max_size=64))) for offset in draw(offsets))
    least = points[-1].offset if points else 0
    return Journal(
        source=draw(st.text(max_size=30)),
        promise=draw(texts),
        etag=draw(validators),
        modified=draw(validators),
        total=draw(st.none() | st.integers(least, 10**13)),
        doubtful=draw(st.none() | st.integers(0, 10**13)),
        points=points,
    )


@given(journals())
def test_what_was_written_is_read_back(journal: Journal) -> None:
    assert parse_journal(journal.dump()) == journal


@given(journals(), st.data())
def test_a_cut_journal_is_none(journal: Journal, data: st.DataObject) -> None:
    content = journal.dump()
    assert parse_journal(content[: data.draw(st.integers(0, len(content) - 1))]) is None


@given(journals(), st.data())
def test_a_changed_byte_never_makes_it_fail(journal: Journal, data: st.DataObject) -> None:
    content = bytearray(journal.dump())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    found = parse_journal(bytes(content))
    assert found is None or [point.offset for point in found.points] == sorted({p.offset for p in found.points})


@given(st.binary(max_size=200))
def test_any_bytes_are_a_journal_or_none(content: bytes) -> None:
    found = parse_journal(content)
    assert found is None or found == parse_journal(found.dump())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_odd_values_are_no_journal(value: Any) -> None:
    good = json.loads(Journal(source="s").dump())
    for name in ("schema", "source", "total", "points", "etag", "doubtful"):
        found = parse_journal(json.dumps({**good, name: value}).encode())
        assert found is None or found == parse_journal(found.dump())


@pytest.mark.parametrize(
    "points", [[[0, "0" * 64]], [[5, "0" * 64], [5, "0" * 64]], [[1, "x" * 64]], [[True, "0" * 64]]]
)
def test_points_that_do_not_rise_or_are_none_make_it_none(points: list[Any]) -> None:
    good = json.loads(Journal(source="s").dump())
    assert parse_journal(json.dumps({**good, "points": points}).encode()) is None


def test_a_claim_beyond_the_total_is_none() -> None:
    journal = Journal(source="s", total=10, points=(Point(11, "0" * 64),))
    assert parse_journal(journal.dump()) is None


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=400))
def test_it_stays_small_and_never_forgets_the_newest_point(steps: list[int]) -> None:
    journal, offset = Journal(source="s"), 0
    for step in steps:
        offset += step
        journal = journal.with_point(Point(offset, "0" * 64))
        assert journal.synced == offset
        assert len(journal.points) <= 64
    assert parse_journal(journal.dump()) == journal


def test_a_point_further_back_takes_the_place_of_those_after_it() -> None:
    journal = Journal(source="s").with_point(Point(10, "a" * 64)).with_point(Point(20, "b" * 64))
    assert [point.offset for point in journal.with_point(Point(15, "c" * 64)).points] == [10, 15]


@pytest.mark.parametrize("odd", ['"é"', '"a\r\nX: y"', '"a\x00"', '"a\ud800"', '"' + "e" * 600 + '"', " ", "\x7f"])
@pytest.mark.parametrize("name", ["etag", "modified"])
def test_a_validator_that_cannot_be_sent_back_is_none_and_the_journal_stays_good(name: str, odd: str) -> None:
    good = json.loads(Journal(source="s", total=10, points=(Point(10, "0" * 64),)).dump())
    found = parse_journal(json.dumps({**good, name: odd}).encode())
    assert found == Journal(source="s", total=10, points=(Point(10, "0" * 64),))


# -- what was written and not synced ------------------------------------------------------------------------------

spans = st.dictionaries(st.integers(0, 300), st.integers(0, 400), max_size=12)


def marked(marks: dict[int, int], boot: str = BOOT) -> bytes:
    return Journal(source="s").dump() + b"\n" + boot_line(boot) + b"".join(mark_line(*mark) for mark in marks.items())


def test_a_journal_from_before_there_were_marks_is_read() -> None:
    old = json.loads(Journal(source="s", total=9).dump())
    del old["doubtful"]
    assert parse_journal(json.dumps(old).encode()) == Journal(source="s", total=9)
    assert parse_marks(json.dumps(old).encode(), BOOT) == {}


@given(spans)
def test_marks_do_not_change_the_journal_and_are_read_back(marks: dict[int, int]) -> None:
    assert parse_journal(marked(marks)) == Journal(source="s")
    assert parse_marks(marked(marks), BOOT) == marks


@given(spans)
def test_marks_of_before_a_restart_of_the_machine_count_for_nothing(marks: dict[int, int]) -> None:
    assert parse_marks(marked(marks, "b-0"), BOOT) == {}


@given(spans, st.data())
def test_marks_that_are_cut_or_spoilt_never_claim_more(marks: dict[int, int], data: st.DataObject) -> None:
    content = marked(marks)
    at = data.draw(st.integers(len(Journal(source="s").dump()), len(content)))
    for spoilt in (content[:at], content[:at] + bytes(20), content[:at] + b"\nx"):
        assert all(stop <= marks.get(start, -1) for start, stop in parse_marks(spoilt, BOOT).items())


@given(st.binary(max_size=100))
def test_any_bytes_are_marks_or_none(content: bytes) -> None:
    parse_marks(b"{}\n" + boot_line(BOOT) + content, BOOT)


@given(spans, st.integers(0, 300), st.integers(0, 400))
def test_stretches_hold_what_is_marked_and_nothing_else(marks: dict[int, int], start: int, most: int) -> None:
    found = stretches(marks, start, most)
    held = {at for begin, stop in found for at in range(begin, stop)}
    assert held == {at for begin, stop in marks.items() for at in range(max(begin, start), min(stop, most))}
    ends = [end for stretch in found for end in stretch]
    assert ends == sorted(set(ends)), "they touch, or are not in their order"


@given(st.lists(st.integers(1, 10**9), min_size=80, max_size=300), st.integers(0, 70))
def test_the_point_before_what_is_in_doubt_is_never_forgotten(steps: list[int], doubtful: int) -> None:
    journal, offset, safe = Journal(source="s"), 0, None
    for number, step in enumerate(steps):
        offset += step
        journal = journal.with_point(Point(offset, "0" * 64))
        if number == doubtful:
            journal, safe = journal.doubting(offset), journal.points[-1]
    assert journal.before_doubt().points[-1] == safe
    assert journal.before_doubt().doubtful is None


def test_what_was_in_doubt_first_stays_the_place_to_go_back_to() -> None:
    journal = Journal(source="s").doubting(50)
    assert (journal.doubting(90).doubtful, journal.doubting(10).doubtful) == (50, 10)
