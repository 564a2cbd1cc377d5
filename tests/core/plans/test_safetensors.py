"""The header of safetensors files: real ones, broken ones, and any bytes at all."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.plans.safetensors import BadHeader, Tensor, read_header

RECORDS = Path(__file__).parents[4] / "shared" / "data" / "safetensors"


def packed(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_tensors_and_metadata_are_read() -> None:
    content = packed(
        {"__metadata__": {"ss_tag": "x"}, "w": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}},
        bytes(12),
    )
    header = read_header(content)
    assert header.metadata == {"ss_tag": "x"}
    assert header.tensors == {"w": Tensor("F16", (2, 3), 0, 12)}


def test_a_stream_is_read_no_further_than_its_header() -> None:
    stream = io.BytesIO(packed({}, b"tensors"))
    read_header(stream)
    assert stream.read() == b"tensors"


def test_metadata_that_is_no_text_stands_as_its_json() -> None:
    assert read_header(packed({"__metadata__": {"n": 1, "d": {"a": []}}})).metadata == {"n": "1", "d": '{"a": []}'}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends before"),
        (b"\x01\x02", "ends before"),
        (packed(b"{}")[:-1], "does not fit"),
        ((200_000_000).to_bytes(8, "little") + b"{}", "not allowed"),
        (b"\xff" * 16, "not allowed"),
        (packed(b"[]"), "begin with"),
        (packed(b"{]"), "no JSON"),
        (packed(b"{\xff}"), "no JSON"),
        (packed(b'{"a":' * 100_000), "no JSON"),
        (packed(b'{"a":' + b"9" * 5000 + b"}"), "no JSON"),
        (packed(b'{"__metadata__":{"a":NaN}}'), "NaN"),
        (packed(b'{"__metadata__":{"a":1e400}}'), "too large"),
        (packed(b'{"__metadata__":{"a":"1","a":"2"}}'), "twice"),
        (packed({"__metadata__": []}), "no object"),
        (packed({"w": {"dtype": "F16"}}), "no tensor"),
        (packed({"w": {"dtype": "F16", "shape": [True], "data_offsets": [0, 1]}}), "no tensor"),
        (packed({"w": {"dtype": "F16", "shape": [1], "data_offsets": [2, 1]}}), "no tensor"),
    ],
)
def test_a_broken_header_says_in_which_way(content: bytes, reason: str) -> None:
    with pytest.raises(BadHeader, match=reason):
        read_header(content)


def test_a_length_beyond_the_files_size_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadHeader, match="does not fit"):
        read_header(io.BytesIO(packed({}) + bytes(100)), size=9)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_header_or_a_reason(content: bytes) -> None:
    def outcome(source: bytes | io.BytesIO) -> object:
        try:
            return read_header(source).metadata
        except BadHeader:
            return BadHeader

    assert outcome(content) == outcome(io.BytesIO(content))


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5), st.binary(max_size=20))
def test_metadata_comes_back_as_it_was_written(metadata: dict[str, str], data: bytes) -> None:
    header = read_header(packed({"__metadata__": metadata}, data))
    assert header.metadata == metadata


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*.safetensors")), ids=lambda path: path.name[:40])
def test_real_files_are_read_or_refused_with_a_reason(path: Path) -> None:
    content = path.read_bytes()
    # Some only bear the name: a line end, a pointer to the file, a description of it.
    other = len(content) < 9 or content.startswith((b"version https://git-lfs", b"{"))
    if other or "duplicate_keys" in path.name or "zero_len" in path.name:
        with pytest.raises(BadHeader):
            read_header(content)
        return
    header = read_header(content)
    assert max(tensor.stop for tensor in header.tensors.values()) == len(content) - 8 - header.length
