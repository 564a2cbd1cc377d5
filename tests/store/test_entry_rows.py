"""Rows beside the values: believed only where they were made of the value that is there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import Entry
from civitai_kit.store.codec import encode
from civitai_kit.store.entry_rows import encode_row, facts_of, sieve, summary_of

OLD, NEW = Entry(version_id=5, model_name="Old name"), Entry(version_id=5, model_name="New name")


def row_of(entry: Entry, value: bytes) -> bytes:
    row = encode_row(entry, value)
    assert row is not None
    return row


def test_a_row_speaks_for_the_value_that_it_was_made_of() -> None:
    value = encode(NEW)
    # Were the value asked, it would say another name.
    assert summary_of(value, row_of(OLD, value)).model_name == "Old name"


def test_a_row_of_another_value_is_not_believed() -> None:
    value, stale = encode(NEW), row_of(OLD, encode(OLD))
    assert summary_of(value, stale).model_name == "New name"
    assert facts_of(value, stale) == NEW.summary.facts
    assert sieve("new")(value, stale)


@given(st.integers(0), st.integers(0, 7))
def test_a_row_with_any_bit_changed_is_not_believed(place: int, bit: int) -> None:
    value = encode(NEW)
    row = bytearray(row_of(NEW, value))
    row[place % len(row)] ^= 1 << bit
    assert summary_of(value, bytes(row)) == NEW.summary
    assert facts_of(value, bytes(row)) == NEW.summary.facts
    assert sieve("new")(value, bytes(row))


@given(st.binary(max_size=40))
def test_no_bytes_in_a_rows_place_do_harm(row: bytes) -> None:
    value = encode(NEW)
    assert summary_of(value, row) == NEW.summary
    assert facts_of(value, row) == NEW.summary.facts
    assert sieve("new")(value, row)


@given(st.text(max_size=20), st.integers(0, 20), st.integers(1, 20))
def test_a_search_passes_over_no_entry_that_matches(name: str, start: int, length: int) -> None:
    entry = Entry(version_id=5, model_name=name)
    value = encode(entry)
    for text in (part := name[start : start + length], part.swapcase(), part.casefold()):
        if entry.summary.matches(text):
            assert sieve(text)(value, encode_row(entry, value))
