"""Cached digests within a transaction: a row for each file, valid while the file has the same stamp."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from civitai_kit.core.plans.digests import Digests, FileStamp
from civitai_kit.store.codec import Damaged, decode_plain, encode_plain
from civitai_kit.store.environment import Transaction
from civitai_kit.store.schema import Tables


def cached_digests(txn: Transaction, tables: Tables, stamp: FileStamp) -> Digests | None:
    """What was computed when the file had this stamp."""
    value = txn.get(_key(stamp), db=tables.hashes)
    try:
        content = {} if value is None else decode_plain(value)
    except Damaged:  # The file itself can still be asked.
        return None
    return _digests(content) if content.get("stamp") == asdict(stamp) else None


def remember_digests(txn: Transaction, tables: Tables, stamp: FileStamp, digests: Digests) -> None:
    """Keep digests beside those known at this stamp; what was computed at an older stamp is replaced."""
    old = cached_digests(txn, tables, stamp)
    whole = digests if old is None else digests.joined(old)
    txn.put(_key(stamp), encode_plain({"stamp": asdict(stamp), "digests": asdict(whole)}), db=tables.hashes)


def _key(stamp: FileStamp) -> bytes:
    # Size and time are in the value, so that a changed file replaces its row.
    return f"{stamp.device}:{stamp.inode}".encode()


def _digests(content: dict[str, Any]) -> Digests:
    held = content.get("digests")
    known = {part.name for part in fields(Digests)}
    return Digests(**{name: value for name, value in held.items() if name in known}) if held else Digests()
