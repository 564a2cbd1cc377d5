"""The library's files within a transaction: the value under its key."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from sys import intern
from typing import Any

from civitai_kit.core.library.model_file import LibraryFile, MatchedBy
from civitai_kit.core.plans.digests import FileStamp
from civitai_kit.store.codec import Damaged, decode_plain, pack
from civitai_kit.store.environment import Transaction
from civitai_kit.store.keys import text_key
from civitai_kit.store.schema import Tables

_ALIKE = frozenset(
    {"output", "root", "added_at", "asked_at", "weak_asked_at", "updated_at", "last_seen", "missing_since"}
)
_NAMES = frozenset(part.name for part in fields(LibraryFile))


def get_file(txn: Transaction, tables: Tables, key: str) -> LibraryFile | None:
    """The file under a key."""
    value = None if tables.library is None else txn.get(text_key(key), db=tables.library)
    return None if value is None else decode_file(value)


def put_file(txn: Transaction, tables: Tables, file: LibraryFile) -> None:
    """Write a file in the place of the old."""
    txn.put(text_key(file.key), encode_file(file), db=tables.library)


def delete_file(txn: Transaction, tables: Tables, key: str) -> bool:
    """Remove a file; says whether it was there."""
    return bool(txn.delete(text_key(key), db=tables.library))


def files_page(txn: Transaction, tables: Tables, after: bytes, most: int) -> tuple[list[LibraryFile], bytes | None]:
    """Up to `most` files from behind the database key `after` on, and the `after` of the next page (None: no more)."""
    found: list[LibraryFile] = []
    if tables.library is None:
        return found, None
    cursor = txn.cursor(db=tables.library)
    if not (cursor.set_range(after + b"\0") if after else cursor.first()):
        return found, None
    for key, value in cursor.iternext():
        found.append(decode_file(value))
        if len(found) == most:
            return found, key
    return found, None


def encode_file(file: LibraryFile) -> bytes:
    """A file as gzip JSON. A path may hold bytes that are no text; JSON in ASCII keeps them."""
    known = {name: value for name, value in asdict(file).items() if value is not None}
    return pack(json.dumps(known).encode())


def decode_file(value: bytes) -> LibraryFile:
    """The file of a packed value; fields that are not known are passed over. Raises Damaged when it is none."""
    content = decode_plain(value)
    known: dict[str, Any] = {name: content[name] for name in content if name in _NAMES}
    # Said of many files alike: held once.
    for name in _ALIKE & known.keys():
        known[name] = intern(known[name]) if isinstance(known[name], str) else None
    try:
        if "stamp" in known:
            known["stamp"] = FileStamp(**known["stamp"])
        if "matched_by" in known:
            known["matched_by"] = MatchedBy(known["matched_by"])
        return LibraryFile(**known)
    except (TypeError, ValueError) as error:
        raise Damaged(f"a library's file that is none: {error}") from error
