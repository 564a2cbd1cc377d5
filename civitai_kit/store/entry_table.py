"""Entries within a transaction: the value, its summary and the two look-ups, always changed together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, takewhile
from typing import TypeAlias

import lmdb

from civitai_kit.core.collection.entry import Entry, Facts, Summary
from civitai_kit.core.collection.packed import Packed
from civitai_kit.store.codec import decode, unpack
from civitai_kit.store.entry_rows import Wanted, facts_of, summary_of
from civitai_kit.store.environment import Transaction
from civitai_kit.store.keys import id_key, id_of, text_key, version_id_of, version_key
from civitai_kit.store.schema import Tables

# A look-up, and what stands in it for a version.
_Term: TypeAlias = "tuple[lmdb._Database, bytes]"


def get_entry(txn: Transaction, tables: Tables, version_id: int) -> Entry | None:
    """The entry of a version; raises Damaged when its value is damaged."""
    value = txn.get(version_key(version_id), db=tables.versions)
    return None if value is None else decode(Entry, value)


def put_entry(txn: Transaction, tables: Tables, new: Packed) -> None:
    """Write an entry in the place of the old."""
    value = txn.get(new.key, db=tables.versions)
    if value == new.value:
        return
    txn.put(new.key, new.value, db=tables.versions)
    if new.row is None:
        txn.delete(new.key, db=tables.summaries)
    else:
        txn.put(new.key, new.row, db=tables.summaries)
    after, version_id = _terms(new.sha256s, new.model_id, tables), id_key(new.version_id)
    if value is not None:
        before = _terms_of(decode(Entry, value), tables)
        _forget(txn, before - after, version_id)
        after -= before
    for table, term in after:
        txn.put(term, version_id, db=table)


def put_entries(txn: Transaction, tables: Tables, batch: Iterable[Packed]) -> None:
    """Write many entries, of one version the last; those that are new go into each table at once, in its order."""
    latest = {new.key: new for new in batch}
    fresh: list[Packed] = []
    for key in sorted(latest):
        if txn.get(key, db=tables.versions) is None:
            fresh.append(latest[key])
        else:
            put_entry(txn, tables, latest[key])
    _put_all(txn, tables.versions, [(new.key, new.value) for new in fresh])
    _put_all(txn, tables.summaries, [(new.key, new.row) for new in fresh if new.row is not None])
    ids = [id_key(new.version_id) for new in fresh]
    digests = [(digest, number) for new, number in zip(fresh, ids, strict=True) for digest in new.sha256s]
    _put_all(txn, tables.by_sha256, sorted(digests))
    models = [(new.model_id, number) for new, number in zip(fresh, ids, strict=True) if new.model_id]
    _put_all(txn, tables.by_model, sorted(models))


def _put_all(txn: Transaction, table: lmdb._Database, rows: list[tuple[bytes, bytes]]) -> None:
    txn.cursor(db=table).putmulti(rows)


def delete_entry(txn: Transaction, tables: Tables, version_id: int) -> bool:
    """Remove an entry and all that points to it; says whether it was there."""
    old = get_entry(txn, tables, version_id)
    if old is None:
        return False
    txn.delete(version_key(version_id), db=tables.versions)
    txn.delete(version_key(version_id), db=tables.summaries)
    _forget(txn, _terms_of(old, tables), id_key(version_id))
    return True


def version_ids(txn: Transaction, tables: Tables) -> list[int]:
    """All version ids, rising; raises Damaged when a key is not one of ours."""
    keys = txn.cursor(db=tables.versions).iternext(keys=True, values=False)
    return sorted(version_id_of(key) for key in keys)


def values_of(txn: Transaction, tables: Tables, ids: Iterable[int]) -> list[bytes]:
    """The packed values of those versions that are still there."""
    values = (txn.get(version_key(version_id), db=tables.versions) for version_id in ids)
    return [value for value in values if value is not None]


def remembered(txn: Transaction, tables: Tables, packed: Iterable[Packed]) -> dict[int, bool]:
    """Those of the versions that are there, and whether what is there is the same JSON."""
    values = [(new, txn.get(new.key, db=tables.versions)) for new in packed]
    return {new.version_id: is_same(new.value, value) for new, value in values if value is not None}


def is_same(one: bytes, other: bytes) -> bool:
    """Whether two packed values hold the same, also where different machines packed them."""
    return one == other or unpack(one) == unpack(other)


def summaries_of(txn: Transaction, tables: Tables, ids: Iterable[int], wanted: Wanted) -> list[Summary]:
    """The summaries of those versions that are still there and whose (value, row) is `wanted`."""
    found: list[Summary] = []
    for version_id in ids:
        key = version_key(version_id)
        value = txn.get(key, db=tables.versions)
        if value is None:
            continue
        row = txn.get(key, db=tables.summaries)
        if wanted(value, row):
            found.append(summary_of(value, row))
    return found


def facts_page(txn: Transaction, tables: Tables, after: bytes, most: int) -> tuple[list[Facts], bytes | None]:
    """What statistics need of up to `most` entries, from behind the database key `after` on, in the keys' order.

    With them comes the `after` of the next page, None when there is none.
    """
    values = _pairs_behind(txn, tables.versions, after, most)
    rows = dict(_pairs_behind(txn, tables.summaries, after, most))
    return [facts_of(value, rows.get(key)) for key, value in values], values[-1][0] if values else None


def wanted_page(
    txn: Transaction, tables: Tables, after: bytes, most: int, wanted: Wanted
) -> tuple[list[int], bytes | None]:
    """The version ids of those among up to `most` entries whose (value, row) is `wanted`; else as `facts_page`."""
    values = _pairs_behind(txn, tables.versions, after, most)
    rows = dict(_pairs_behind(txn, tables.summaries, after, most))
    ids = [version_id_of(key) for key, value in values if wanted(value, rows.get(key))]
    return ids, values[-1][0] if values else None


def _pairs_behind(txn: Transaction, table: lmdb._Database, after: bytes, most: int) -> list[tuple[bytes, bytes]]:
    cursor = txn.cursor(db=table)
    # No key lies between one and the same with a zero behind it.
    return list(islice(cursor.iternext(), most)) if cursor.set_range(after + b"\0") else []


def versions_under(txn: Transaction, table: lmdb._Database, term: bytes) -> tuple[int, ...]:
    """The version ids that a look-up holds under a term, rising."""
    cursor = txn.cursor(db=table)
    if not cursor.set_key(term):
        return ()
    return tuple(sorted(map(id_of, cursor.iternext_dup())))


def versions_beginning(txn: Transaction, table: lmdb._Database, head: bytes) -> tuple[int, ...]:
    """The version ids that a look-up holds under terms that begin with `head`, rising."""
    cursor = txn.cursor(db=table)
    if not cursor.set_range(head):
        return ()
    found = takewhile(lambda pair: pair[0].startswith(head), cursor.iternext())
    return tuple(sorted({id_of(value) for _, value in found}))


def _terms_of(entry: Entry, tables: Tables) -> set[_Term]:
    model_id = None if entry.model_id is None else id_key(entry.model_id)
    return _terms(map(text_key, entry.sha256s), model_id, tables)


def _terms(sha256s: Iterable[bytes], model_id: bytes | None, tables: Tables) -> set[_Term]:
    """The keys, each in its table, under which a version is looked up."""
    terms = {(tables.by_sha256, digest) for digest in sha256s}
    if model_id is not None:
        terms.add((tables.by_model, model_id))
    return terms


def _forget(txn: Transaction, terms: Iterable[_Term], version_id: bytes) -> None:
    for table, term in terms:
        txn.delete(term, version_id, db=table)
