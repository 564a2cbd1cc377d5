"""Image records within a transaction: the value under its key, and the look-up by image id."""

from __future__ import annotations

from collections.abc import Iterator

from civitai_kit.core.collection.entry import ImageRecord
from civitai_kit.store.codec import decode, encode
from civitai_kit.store.environment import Transaction
from civitai_kit.store.keys import id_key, text_key, text_prefix
from civitai_kit.store.schema import Tables


def get_image(txn: Transaction, tables: Tables, key: str) -> ImageRecord | None:
    """The record under a key."""
    if not key:
        return None
    value = txn.get(text_key(key), db=tables.images)
    return None if value is None else decode(ImageRecord, value)


def put_image(txn: Transaction, tables: Tables, record: ImageRecord) -> None:
    """Write a record in the place of the old."""
    key = text_key(record.key)
    txn.put(key, encode(record), db=tables.images)
    txn.put(id_key(record.image_id), key, db=tables.image_ids)


def delete_image(txn: Transaction, tables: Tables, record: ImageRecord) -> None:
    """Remove a record that is there."""
    key = text_key(record.key)
    txn.delete(key, db=tables.images)
    txn.delete(id_key(record.image_id), key, db=tables.image_ids)


def images_by_id(txn: Transaction, tables: Tables, image_id: int) -> list[ImageRecord]:
    """The records of one image, whatever it was taken for, by rising key."""
    cursor = txn.cursor(db=tables.image_ids)
    if not cursor.set_key(id_key(image_id)):
        return []
    values = [txn.get(key, db=tables.images) for key in cursor.iternext_dup()]
    return [decode(ImageRecord, value) for value in values if value is not None]


def images_page(
    txn: Transaction, tables: Tables, prefix: str, after: bytes, most: int
) -> tuple[list[ImageRecord], bytes | None]:
    """Up to `most` records whose key begins with `prefix`, from behind the database key `after` on.

    With them comes the `after` of the next page, None when there is none.
    """
    found: list[ImageRecord] = []
    for looked, (key, value) in enumerate(_from(txn, tables, text_prefix(prefix), after), 1):
        record = decode(ImageRecord, value)
        if record.key.startswith(prefix):
            found.append(record)
        if looked == most:
            return found, key
    return found, None


def _from(txn: Transaction, tables: Tables, prefix: bytes, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    cursor = txn.cursor(db=tables.images)
    # No key lies between a key and the same with a zero byte behind it.
    start = after + b"\0" if after else prefix
    if not (cursor.set_range(start) if start else cursor.first()):
        return
    for key, value in cursor.iternext():
        if not key.startswith(prefix):
            return
        yield key, value
