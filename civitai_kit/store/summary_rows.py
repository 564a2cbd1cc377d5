"""Small rows beside the big values: a summary, and the checksum of the value that it was made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from pydantic_core import from_json

from civitai_kit.core.entry import Entry, Status, Summary, SummaryFile, fold
from civitai_kit.store.codec import checksum, decode

_CRC_BYTES = 4
_FILE_FIELDS = tuple(part.name for part in fields(SummaryFile))
_PLAIN_FIELDS = tuple(part.name for part in fields(Summary) if part.name not in ("version_id", "files", "status"))


def encode_row(summary: Summary, value: bytes) -> bytes:
    """A summary as a row: checksum of `value`, then JSON whose first text is what searches look at."""
    haystack = fold(summary.model_name) + "\n" + fold(summary.version_name)
    files = [[getattr(file, name) for name in _FILE_FIELDS] for file in summary.files]
    row = [haystack, files, summary.status, *(getattr(summary, name) for name in _PLAIN_FIELDS)]
    return _stamp(value) + json.dumps(row, separators=(",", ":")).encode()


def summary_of(version_id: int, value: bytes, row: bytes | None) -> Summary:
    """The summary of an entry, from its row when that still fits the value, else from the value itself.

    Raises Damaged when the value is damaged.
    """
    if row is None or row[:_CRC_BYTES] != _stamp(value):
        return decode(Entry, value).summary
    _, files, status, *plain = _parse(row)
    shown = tuple(SummaryFile(f[0], f[1], f[2], f[3], Status(f[4])) for f in files)
    return Summary(
        version_id=version_id, files=shown, status=Status(status), **dict(zip(_PLAIN_FIELDS, plain, strict=True))
    )


def sieve(text: str) -> Callable[[bytes, bytes | None], bool]:
    """A quick test of (value, row) that lets pass whatever may match `text`, and little else."""
    # A row is ASCII: text within text stays within when both are escaped.
    needle = json.dumps(fold(text))[1:-1].encode()

    def may_match(value: bytes, row: bytes | None) -> bool:
        return row is None or needle in row or row[:_CRC_BYTES] != _stamp(value)

    return may_match


def _stamp(value: bytes) -> bytes:
    return checksum(value).to_bytes(_CRC_BYTES, "little")


def _parse(row: bytes) -> list[Any]:
    text = row[_CRC_BYTES:]
    try:
        return list(from_json(text))
    except ValueError:  # Half a surrogate pair in a name.
        return list(json.loads(text))
