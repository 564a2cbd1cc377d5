"""The library's files within a transaction: the value under its key."""

from __future__ import annotations

from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.store.codec import decode, encode
from civitai_kit.store.environment import Transaction
from civitai_kit.store.keys import text_key
from civitai_kit.store.schema import Tables


def get_file(txn: Transaction, tables: Tables, key: str) -> LibraryFile | None:
    """The file under a key."""
    value = None if tables.library is None else txn.get(text_key(key), db=tables.library)
    return None if value is None else decode(LibraryFile, value)


def put_file(txn: Transaction, tables: Tables, file: LibraryFile) -> None:
    """Write a file in the place of the old."""
    txn.put(text_key(file.key), encode(file), db=tables.library)


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
        found.append(decode(LibraryFile, value))
        if len(found) == most:
            return found, key
    return found, None
