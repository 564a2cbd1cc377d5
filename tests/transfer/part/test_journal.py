"""The journal: what was written is read back, anything else is nothing, and it stays small."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.transfer.part.journal import Journal, Point, parse_journal
from civitai_kit.transfer.part.validators import sendable_validator

HEX = "0123456789abcdef"
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
    for name in ("schema", "source", "total", "points", "etag"):
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
