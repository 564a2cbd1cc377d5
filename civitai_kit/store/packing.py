"""Entries made ready to be written, outside of any transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.collection.packed import Packed
from civitai_kit.store.codec import dump, encode, pack
from civitai_kit.store.keys import id_key, text_key, version_key
from civitai_kit.store.summary_rows import encode_row

T = TypeVar("T")

_HANDFUL = 64


def pack_entry(entry: Entry) -> Packed:
    """An entry ready to be written; raises UsageError for what JSON cannot hold."""
    return _packed(entry, encode(entry))


def pack_entries(entries: Iterable[Entry]) -> Iterator[Packed]:
    """The same for many."""
    for some in _handfuls(entries):
        yield from _packed_together(some, [dump(entry) for entry in some])


def _packed_together(entries: list[Entry], texts: list[bytes]) -> list[Packed]:
    values = list(map(pack, texts))
    return list(map(_packed, entries, values))


def _packed(entry: Entry, value: bytes) -> Packed:
    model_id = None if entry.model_id is None else id_key(entry.model_id)
    digests = [text_key(digest) for digest in entry.sha256s]
    version_id = entry.version_id
    return Packed(version_id, version_key(version_id), value, encode_row(entry, value), digests, model_id)


def _handfuls(things: Iterable[T]) -> Iterator[list[T]]:
    # Each kind of work over some before the next kind: for small entries up to twice as quick as one by one.
    rest = iter(things)
    while some := list(islice(rest, _HANDFUL)):
        yield some
