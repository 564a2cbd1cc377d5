"""Entries within a transaction: the value, its summary and the two look-ups, always changed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import lmdb

from civitai_kit.core.entry import Entry, Summary
from civitai_kit.store.codec import decode, encode
from civitai_kit.store.environment import Transaction
from civitai_kit.store.keys import id_key, text_key, version_id_of, version_key
from civitai_kit.store.schema import Tables
from civitai_kit.store.summary_rows import encode_row, summary_of


def get_entry(txn: Transaction, tables: Tables, version_id: int) -> Entry | None:
    """The entry of a version; raises Damaged when its value is damaged."""
    value = txn.get(version_key(version_id), db=tables.versions)
    return None if value is None else decode(Entry, value)


def put_entry(txn: Transaction, tables: Tables, entry: Entry, value: bytes | None = None) -> None:
    """Write an entry in the place of the old; `value` is the entry encoded, where that was done before."""
    key = version_key(entry.version_id)
    value = encode(entry) if value is None else value
    old = get_entry(txn, tables, entry.version_id)
    txn.put(key, value, db=tables.versions)
    txn.put(key, encode_row(entry.summary, value), db=tables.summaries)
    before, after = _terms(old, tables), _terms(entry, tables)
    stays = id_key(entry.version_id)
    for table, term in before - after:
        txn.delete(term, stays, db=table)
    for table, term in after - before:
        txn.put(term, stays, db=table)


def delete_entry(txn: Transaction, tables: Tables, version_id: int) -> bool:
    """Remove an entry and all that points to it; says whether it was there."""
    old = get_entry(txn, tables, version_id)
    if old is None:
        return False
    txn.delete(version_key(version_id), db=tables.versions)
    txn.delete(version_key(version_id), db=tables.summaries)
    for table, term in _terms(old, tables):
        txn.delete(term, id_key(version_id), db=table)
    return True


def version_ids(txn: Transaction, tables: Tables) -> list[int]:
    """All version ids, rising; raises Damaged when a key is not one of ours."""
    keys = txn.cursor(db=tables.versions).iternext(keys=True, values=False)
    return sorted(version_id_of(key) for key in keys)


def values_of(txn: Transaction, tables: Tables, ids: Iterable[int]) -> list[bytes]:
    """The packed values of those versions that are still there."""
    values = (txn.get(version_key(version_id), db=tables.versions) for version_id in ids)
    return [value for value in values if value is not None]


def summaries_of(
    txn: Transaction, tables: Tables, ids: Iterable[int], wanted: Callable[[bytes, bytes | None], bool]
) -> list[Summary]:
    """The summaries of those versions that are still there and whose (value, row) is `wanted`."""
    return list(_summaries(txn, tables, ids, wanted))


def versions_under(txn: Transaction, table: lmdb._Database, term: bytes) -> tuple[int, ...]:
    """The version ids that a look-up holds under a term, rising."""
    cursor = txn.cursor(db=table)
    if not cursor.set_key(term):
        return ()
    return tuple(sorted(int(value) for value in cursor.iternext_dup()))


def _summaries(
    txn: Transaction, tables: Tables, ids: Iterable[int], wanted: Callable[[bytes, bytes | None], bool]
) -> Iterator[Summary]:
    for version_id in ids:
        key = version_key(version_id)
        value = txn.get(key, db=tables.versions)
        if value is None:
            continue
        row = txn.get(key, db=tables.summaries)
        if wanted(value, row):
            yield summary_of(version_id, value, row)


def _terms(entry: Entry | None, tables: Tables) -> set[tuple[lmdb._Database, bytes]]:
    """The keys, each in its table, under which a version is looked up."""
    if entry is None:
        return set()
    terms = {(tables.by_sha256, text_key(digest)) for digest in entry.sha256s}
    if entry.model_id is not None:
        terms.add((tables.by_model, id_key(entry.model_id)))
    return terms
