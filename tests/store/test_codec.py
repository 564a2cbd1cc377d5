"""Values survive the way into the database and back, whatever the site sends."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import Entry, ImageKind, ImageRecord, fold
from civitai_kit.core.errors import UsageError
from civitai_kit.store.codec import LONGEST, Damaged, decode, encode, pack, unpack
from civitai_kit.store.keys import SHORT_KEY, text_key, text_prefix, version_id_of, version_key

# Any text, half surrogate pairs too: the site cuts names in the middle of an emoji.
TEXTS = st.text(st.characters())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, JSON, max_size=5), TEXTS)
def test_any_json_comes_back_equal(answer: dict[str, Any], name: str) -> None:
    entry = Entry(version_id=1, model_name=name, version=answer, model={"inner": answer})
    assert decode(Entry, encode(entry)) == entry


@given(st.dictionaries(TEXTS, JSON, max_size=5))
def test_any_value_is_json_that_gzip_reads(answer: dict[str, Any]) -> None:
    text = gzip.decompress(encode(Entry(version_id=1, version=answer)))
    assert json.loads(text)["version"] == answer


def test_integers_beyond_sixty_four_bits_come_back_whole() -> None:
    entry = Entry(version_id=2**80, version={"seed": 2**200, "least": -(2**70)})
    assert decode(Entry, encode(entry)) == entry


def test_answers_nested_deeper_than_the_quick_way_allows_come_back() -> None:
    nested: dict[str, Any] = {}
    for _ in range(400):
        nested = {"a": nested}
    entry = Entry(version_id=1, version=nested)
    assert decode(Entry, encode(entry)) == entry


def test_what_json_cannot_hold_is_refused_not_written() -> None:
    with pytest.raises(UsageError):
        encode(Entry(version_id=1, version={"a": "\ud800", "b": float("nan")}))


@given(st.binary(max_size=2000))
def test_packing_is_deterministic_and_readable_by_gzip(content: bytes) -> None:
    assert pack(content) == pack(content)
    assert gzip.decompress(pack(content)) == content
    assert unpack(gzip.compress(content)) == content


@pytest.mark.parametrize("value", [b"", b"{}", pack(b"{}")[:-9], pack(b"[]"), pack(b"{}"), pack(b"\xff"), pack(b"{")])
def test_a_damaged_value_is_called_damaged(value: bytes) -> None:
    with pytest.raises(Damaged):
        decode(Entry, value)


def test_what_unfolds_to_more_than_any_record_is_damaged_and_never_unfolded() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(300)) + packer.flush()
    tracemalloc.start()
    with pytest.raises(Damaged, match="too long"):
        unpack(bomb)
    assert tracemalloc.get_traced_memory()[1] < 2 * LONGEST
    tracemalloc.stop()


def test_the_longest_record_comes_back_and_a_longer_one_is_refused() -> None:
    assert unpack(pack(bytes(LONGEST))) == bytes(LONGEST)
    with pytest.raises(UsageError):
        pack(bytes(LONGEST + 1))


@given(st.integers())
def test_a_version_key_is_text_that_leads_back_to_its_id(version_id: int) -> None:
    assert version_key(version_id) == f"v_{version_id}".encode()
    assert version_id_of(version_key(version_id)) == version_id


@pytest.mark.parametrize("key", [b"", b"v_", b"12", b"v_1x", b"v_-", b"v_\xff"])
def test_a_foreign_key_is_called_damaged(key: bytes) -> None:
    with pytest.raises(Damaged):
        version_id_of(key)


@given(TEXTS, TEXTS)
def test_text_keys_fit_differ_and_keep_their_prefixes(one: str, other: str) -> None:
    for text in (one * 40, other * 40):
        assert len(text_key(text)) <= 511
        for cut in (0, 1, len(text) // 2, len(text)):
            assert text_key(text).startswith(text_prefix(text[:cut]))
    assert (text_key(one * 40) == text_key(other * 40)) == (one * 40 == other * 40)


def test_no_text_can_be_made_to_meet_the_key_of_a_longer_one() -> None:
    long = "x" * (SHORT_KEY + 1)
    assert text_key(text_key(long).decode()) != text_key(long)


@given(TEXTS, TEXTS)
def test_a_name_is_found_by_any_part_of_it(before: str, part: str) -> None:
    # Composition can join letters across the border; it never does across a space and a plain letter.
    name = f"{before} x{part}"
    assert Entry(version_id=1, model_name=name).summary.matches(f"X{part}")
    assert fold(name) == fold(fold(name).upper()) or not name.isascii()


@given(TEXTS, st.integers())
def test_an_image_record_comes_back_with_its_key(target: str, image_id: int) -> None:
    record = ImageRecord(kind=ImageKind.TAG, target=target, image_id=image_id)
    again = decode(ImageRecord, encode(record))
    assert (again, again.key) == (record, f"tag:{target}_{image_id}_HD")
