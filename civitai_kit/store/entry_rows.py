"""What is written of an entry, made ready outside of any transaction: the packed value, and a small row beside it.

The row has the summary between the checksum of the value that it was made of and one of its own: where either is
another, the row is not believed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from pydantic_core import PydanticSerializationError, from_json, to_json

from civitai_kit.core.collection.entry import Entry, Facts, Status, Summary, SummaryFile, fold
from civitai_kit.core.collection.packed import Packed
from civitai_kit.store.codec import decode, dump, encode, is_sealed, pack, sealed
from civitai_kit.store.keys import id_key, text_key, version_key

T = TypeVar("T")
Wanted = Callable[[bytes, bytes | None], bool]

# So many entries go through one kind of work before the next: up to twice as fast as one by one, for small entries.
_AT_ONCE = 64
_CRC_BYTES = 4
_JSON = slice(_CRC_BYTES, -_CRC_BYTES)
# Where a gzip member holds the checksum of its content: reading it takes a tenth of the time of computing one.
_CRC = slice(-8, -4)
# Looked up by text, which is three times as fast as calling the enum.
_STATUSES = {str(status): status for status in Status}


def pack_entry(entry: Entry) -> Packed:
    """An entry ready to be written; raises UsageError for what JSON cannot hold."""
    return _packed(entry, encode(entry))


def pack_entries(entries: Iterable[Entry]) -> Iterator[Packed]:
    """The same for many."""
    for some in _batches(entries):
        values = [pack(text) for text in [dump(entry) for entry in some]]
        yield from [_packed(entry, value) for entry, value in zip(some, values, strict=True)]


def encode_row(entry: Entry, value: bytes) -> bytes | None:
    """An entry's summary as a row: JSON whose first text is what searches look at, between two checksums.

    None for a name that is no valid text (half a surrogate pair); the summary is then read from the value itself.
    """
    # A summary's fields, without making one: an import has a hundred thousand of them.
    fields = (
        fold(f"{entry.model_name}\n{entry.version_name}"),
        entry.version_id,
        entry.model_id,
        entry.model_name,
        entry.version_name,
        entry.type,
        entry.base_model,
        entry.creator,
        # Plain texts: an enum is looked up slowly.
        entry.status._value_,
        [
            (file.file_id, file.path, file.size, file.sha256 or file.proved.get("sha256"), file.status._value_)
            for file in entry.files
        ],
        entry.added_at,
        entry.updated_at,
        entry.last_seen,
        entry.site_state,
    )
    try:
        return sealed(value[_CRC] + to_json(fields))
    except PydanticSerializationError:
        return None


def summary_of(value: bytes, row: bytes | None) -> Summary:
    """The summary of an entry, from its row when that still fits the value, else from the value itself.

    Raises Damaged when the value is damaged.
    """
    if row is None or not _fits(row, value):
        return decode(Entry, value).summary
    _, *before, status, files, added, updated, seen, state = from_json(row[_JSON])
    shown = tuple([SummaryFile._make((*file[:-1], _STATUSES[file[-1]])) for file in files])
    return Summary._make((*before, _STATUSES[status], shown, added, updated, seen, state))


def facts_of(value: bytes, row: bytes | None) -> Facts:
    """What statistics need of an entry, from its row when that still fits the value, else from the value itself.

    Raises Damaged when the value is damaged.
    """
    if row is None or not _fits(row, value):
        return decode(Entry, value).summary.facts
    _, _, _, _, _, kind, base_model, creator, status, files, *_ = from_json(row[_JSON])
    return Facts(kind, base_model, status, creator, len(files), sum([file[2] or 0 for file in files]))


def anything(value: bytes, row: bytes | None) -> bool:
    """Lets every (value, row) pass."""
    return True


def sieve(text: str) -> Wanted:
    """A quick test of (value, row) that lets pass whatever may match `text`, and little else."""
    # JSON escapes letter by letter: text within text stays within when both are escaped.
    needle = json.dumps(fold(text), ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
    return lambda value, row: row is None or needle in row or not _fits(row, value)


def _packed(entry: Entry, value: bytes) -> Packed:
    model_id = None if entry.model_id is None else id_key(entry.model_id)
    digests = [text_key(digest) for digest in entry.sha256s]
    version_id = entry.version_id
    return Packed(version_id, version_key(version_id), value, encode_row(entry, value), digests, model_id)


def _batches(things: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(things)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _fits(row: bytes, value: bytes) -> bool:
    """Whether a row was made of this value, and is still as it was made."""
    return row[:_CRC_BYTES] == value[_CRC] and is_sealed(row)
