"""The header of a safetensors file: eight bytes of length, then JSON that names tensors and metadata; bounded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import isinf
from typing import Any, BinaryIO

# The format's own limit; a longer header is an attack or no header at all.
LONGEST_HEADER = 100_000_000

_LENGTH_SIZE = 8
_METADATA = "__metadata__"


class BadHeader(ValueError):
    """These bytes are not the beginning of a safetensors file; the message says in which way."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its type (`F16` …), shape, and place as offsets from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Header:
    """A header of `length` bytes (the eight of the length itself not counted).

    `metadata` is text → text; a value that somebody wrote as anything but text stands there as its JSON.
    """

    length: int
    metadata: dict[str, str]
    tensors: dict[str, Tensor]


def read_header(source: bytes | BinaryIO, size: int | None = None) -> Header:
    """Read the header from the start of a file's bytes or of a stream that stands at its start.

    `size` is the length of the whole file where it is known (of bytes it is taken from them, unless given).
    Raises BadHeader; never reads more than the header, nor more than 100 MB.
    """
    length = int.from_bytes(_take(source, 0, _LENGTH_SIZE), "little")
    known = len(source) if size is None and isinstance(source, bytes) else size
    if length > LONGEST_HEADER:
        raise BadHeader(f"the header claims to be {length} bytes long; more than {LONGEST_HEADER} is not allowed")
    if length < 2 or (known is not None and length > known - _LENGTH_SIZE):
        raise BadHeader(f"a header of {length} bytes does not fit the file")
    found = _parse(_take(source, _LENGTH_SIZE, length))
    metadata = found.pop(_METADATA, None)
    return Header(length, _metadata(metadata), {name: _tensor(name, value) for name, value in found.items()})


def _take(source: bytes | BinaryIO, offset: int, count: int) -> bytes:
    """`count` bytes; a stream stands at `offset` already."""
    if isinstance(source, bytes):
        found = source[offset : offset + count]
    else:
        pieces, missing = [], count
        while missing and (piece := source.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        found = b"".join(pieces)
    if len(found) != count:
        raise BadHeader("the file ends before its header does")
    return found


def _parse(text: bytes) -> dict[str, Any]:
    if not text.startswith(b"{"):
        raise BadHeader("the header does not begin with {")
    try:
        found = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except BadHeader:
        raise
    except (ValueError, RecursionError) as error:
        raise BadHeader(f"the header is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadHeader("the header is no JSON object")
    return found


def _without_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadHeader(f"the header names {name[:80]!r} twice")
        found[name] = value
    return found


def _refuse_constant(name: str) -> float:
    raise BadHeader(f"the header holds {name}, which JSON does not have")


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise BadHeader(f"the header holds a number that is too large: {text[:20]}")
    return value


def _metadata(found: object) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadHeader(f"{_METADATA} is no object")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}


def _tensor(name: str, found: object) -> Tensor:
    match found:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [start, stop]} if (
            _are_sizes(*shape, start, stop) and start <= stop
        ):
            return Tensor(dtype, tuple(shape), start, stop)
        case _:
            raise BadHeader(f"the header's entry {name[:80]!r} describes no tensor")


def _are_sizes(*numbers: object) -> bool:
    return all(type(number) is int and number >= 0 for number in numbers)
