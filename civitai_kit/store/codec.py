"""Records to gzip-compressed JSON and back; deterministic bytes that any gzip reads."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from importlib import import_module
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from civitai_kit.core.errors import UsageError

# Level 6 saves 2 % more and takes three times as long.
_LEVEL = _LEVEL_OF_SHORT = 1
_SHORT = 1024
_zlib: Any = zlib
with suppress(ImportError):  # Three times zlib's rate, where the `speed` extra is installed.
    _zlib = import_module("isal.isal_zlib")
    # Its level 0 compresses too: short texts to half as much again, in a third of the time.
    _LEVEL_OF_SHORT = 0

RecordT = TypeVar("RecordT", bound=BaseModel)

# Half a surrogate pair in a key becomes this without a word; the slow way keeps it.
_REPLACED = "\N{REPLACEMENT CHARACTER}".encode()
# To look for one byte takes a tenth of the time.
_MAYBE_REPLACED = _REPLACED[0]
_CRC_OF_SEALED = 0x2144DF1C
# Tells zlib to write and read gzip's own header and trailer, without a time in it.
_GZIP = 31
# No record is longer: whole answers of the site, of which a record holds a part, may have as much.
LONGEST = 64 * 2**20
# No byte of a deflated text unfolds to more: a shorter value need not be watched.
_LONGEST_UNWATCHED = LONGEST // 1032


class Damaged(ValueError):
    """A key or value of the database that cannot be read."""


def pack(text: bytes) -> bytes:
    """The bytes as one gzip member; the same bytes give the same member on the same machine.

    Raises UsageError for more than `LONGEST`.
    """
    if len(text) > LONGEST:
        raise UsageError(f"A record of {len(text):,} bytes cannot be remembered: {LONGEST:,} is the most.")
    level = _LEVEL if len(text) > _SHORT else _LEVEL_OF_SHORT
    return bytes(_zlib.compress(text, level, wbits=_GZIP))


def unpack(value: bytes) -> bytes:
    """What `pack` was given; raises Damaged when the bytes are no whole gzip member, or unfold to too much."""
    try:
        if len(value) > _LONGEST_UNWATCHED:
            return _unpack_watched(value)
        return bytes(_zlib.decompress(value, _GZIP))
    except (zlib.error, _zlib.error, EOFError) as error:
        raise Damaged(f"not gzip ({error})") from error


def _unpack_watched(value: bytes) -> bytes:
    unpacking = _zlib.decompressobj(_GZIP)
    text = bytes(unpacking.decompress(value, LONGEST + 1))
    if len(text) > LONGEST or not unpacking.eof:
        raise Damaged("cut short, or too long")
    return text


def sealed(content: bytes) -> bytes:
    """The bytes with their CRC-32 behind them."""
    return content + int(_zlib.crc32(content)).to_bytes(4, "little")


def is_sealed(content: bytes) -> bool:
    """Whether bytes are still as `sealed` gave them: with its own CRC-32 behind it, anything has this one."""
    return bool(_zlib.crc32(content) == _CRC_OF_SEALED)


def encode(record: BaseModel) -> bytes:
    """A record as a packed value; raises UsageError for what JSON cannot hold."""
    return pack(dump(record))


def dump(record: BaseModel) -> bytes:
    """A record as JSON, not yet packed; raises UsageError for what JSON cannot hold."""
    try:
        text = record.__pydantic_serializer__.to_json(record)
    except PydanticSerializationError:
        return _dump_plainly(record)
    return _dump_plainly(record) if _MAYBE_REPLACED in text and _REPLACED in text else text


def decode(model: type[RecordT], value: bytes) -> RecordT:
    """The record of a packed value; raises Damaged when it is none."""
    return parse(model, unpack(value))


def parse(model: type[RecordT], text: bytes) -> RecordT:
    """The record of a JSON text; raises Damaged when it is none."""
    try:
        return model.model_validate_json(text)
    except ValidationError:
        content = _load_plainly(text)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise Damaged(f"not of its shape ({error.error_count()} faults)") from error


def encode_plain(content: dict[str, Any]) -> bytes:
    """A small JSON object as a packed value."""
    return pack(json.dumps(content, sort_keys=True).encode())


def decode_plain(value: bytes) -> dict[str, Any]:
    """The JSON object of a packed value; raises Damaged when it is none."""
    content = _load_plainly(unpack(value))
    if not isinstance(content, dict):
        raise Damaged("not a JSON object")
    return content


def _dump_plainly(record: BaseModel) -> bytes:
    """The slow way, for what pydantic refuses but the site can send: half a surrogate pair, deep nesting."""
    fields = {name: getattr(record, name) for name in type(record).model_fields}
    try:
        return json.dumps(fields, default=_dump_inner, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"Cannot be remembered as JSON: {error}") from error


def _dump_inner(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _load_plainly(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"not JSON ({error})") from error
