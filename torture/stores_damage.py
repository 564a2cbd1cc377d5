"""Ways to damage a database, and what may truly be answered then: exit 10, the answers of a sound one, or both."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb

from torture.faults_storage import bomb

PAGE = 4096
Damage = Callable[[Path, random.Random], None]

# -- damage to the file ----------------------------------------------------------------------------------------


def _zero_page(data: Path, chance: random.Random) -> None:
    content = bytearray(data.read_bytes())
    at = chance.randrange(2, len(content) // PAGE) * PAGE
    content[at : at + PAGE] = bytes(PAGE)
    data.write_bytes(content)


def _zero_many(data: Path, chance: random.Random) -> None:
    for _ in range(20):
        _zero_page(data, chance)


def _zero_metas(data: Path, chance: random.Random) -> None:
    content = data.read_bytes()
    data.write_bytes(bytes(2 * PAGE) + content[2 * PAGE :])


def _flips(count: int, first: int = 2 * PAGE) -> Damage:
    def damage(data: Path, chance: random.Random) -> None:
        content = bytearray(data.read_bytes())
        for _ in range(count):
            content[chance.randrange(first, len(content))] ^= 1 << chance.randrange(8)
        data.write_bytes(content)

    return damage


def _flip_heads(data: Path, chance: random.Random) -> None:
    """Bits in the heads of pages, by which LMDB finds its way."""
    content = bytearray(data.read_bytes())
    for _ in range(20):
        content[chance.randrange(2, len(content) // PAGE) * PAGE + chance.randrange(64)] ^= 1 << chance.randrange(8)
    data.write_bytes(content)


def _flip_metas(data: Path, chance: random.Random) -> None:
    content = bytearray(data.read_bytes())
    for _ in range(8):
        content[chance.randrange(2) * PAGE + chance.randrange(16, 170)] ^= 1 << chance.randrange(8)
    data.write_bytes(content)


def _swapped(data: Path, chance: random.Random) -> None:
    """Two pages in each other's place."""
    content = bytearray(data.read_bytes())
    one, two = (number * PAGE for number in chance.sample(range(2, len(content) // PAGE), 2))
    content[one : one + PAGE], content[two : two + PAGE] = content[two : two + PAGE], content[one : one + PAGE]
    data.write_bytes(content)


def _cut(share: float) -> Damage:
    def damage(data: Path, chance: random.Random) -> None:
        content = data.read_bytes()
        data.write_bytes(content[: int(len(content) * share)])

    return damage


def _cut_to(size: int) -> Damage:
    def damage(data: Path, chance: random.Random) -> None:
        data.write_bytes(data.read_bytes()[:size])

    return damage


def _is(content: bytes) -> Damage:
    def damage(data: Path, chance: random.Random) -> None:
        data.write_bytes(content)

    return damage


def _patched(offset: int, form: str, value: int) -> Damage:
    """A field of both heads of the file: magic 16, format 20, page size 40, last page 128 (from each page's start)."""

    def damage(data: Path, chance: random.Random) -> None:
        content = bytearray(data.read_bytes())
        for meta in (0, PAGE):
            struct.pack_into(form, content, meta + offset, value)
        data.write_bytes(content)

    return damage


def _sqlite(data: Path, chance: random.Random) -> None:
    data.unlink()
    database = sqlite3.connect(data)
    database.execute("create table x (y)")
    database.commit()
    database.close()


def _folder(data: Path, chance: random.Random) -> None:
    data.unlink()
    data.mkdir()


# -- damage to what is in it -----------------------------------------------------------------------------------


def _rewritten(table: str, change: Callable[[bytes], bytes], *, only: bytes | None = None) -> Damage:
    """Values of a sub-database changed through LMDB itself: all of them, or that of one key."""

    def damage(data: Path, chance: random.Random) -> None:
        with lmdb.open(str(data.parent), max_dbs=32, map_size=2**30) as environment:
            database = environment.open_db(table.encode())
            with environment.begin(write=True, db=database) as transaction:
                keys = [key for key, _ in transaction.cursor() if only in (None, key)]
                for key in keys:
                    transaction.put(key, change(transaction.get(key) or b""))

    return damage


def _json(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """A change of what a value holds, packed again."""
    return lambda value: gzip.compress(json.dumps(change(json.loads(gzip.decompress(value)))).encode())


def _renamed(row: bytes) -> bytes:
    """A bit flipped within a name: still a row, and no longer the truth."""
    return row.replace(b"Model", b"Godel")


def _foreign(data: Path, chance: random.Random) -> None:
    """An LMDB file of another program."""
    for path in data.parent.iterdir():
        path.unlink()
    with lmdb.open(str(data.parent), max_dbs=4) as environment:
        database = environment.open_db(b"theirs")
        with environment.begin(write=True, db=database) as transaction:
            transaction.put(b"key", b"value")


def _without(table: str) -> Damage:
    def damage(data: Path, chance: random.Random) -> None:
        with lmdb.open(str(data.parent), max_dbs=32, map_size=2**30) as environment:
            database = environment.open_db(table.encode())
            with environment.begin(write=True) as transaction:
                transaction.drop(database)

    return damage


ONE = b"v_1005"
UNREADABLE, EITHER, SERVED = frozenset({10}), frozenset({0, 10}), frozenset({0})
# As a process leaves it that was killed in its first moment: nothing is remembered yet.
BEGUN = frozenset({0, 8})
ALWAYS: tuple[tuple[str, Damage, frozenset[int]], ...] = (
    ("20 zeroed pages", _zero_many, EITHER),
    ("zeroed heads", _zero_metas, UNREADABLE),
    ("cut to nothing", _cut_to(0), BEGUN),
    ("cut to a byte", _cut_to(1), UNREADABLE),
    ("cut to one page", _cut_to(PAGE), UNREADABLE),
    ("cut to two pages", _cut_to(2 * PAGE), UNREADABLE),
    ("cut to a half", _cut(0.5), UNREADABLE),
    ("cut by a tenth", _cut(0.9), UNREADABLE),
    ("cut by a thousandth", _cut(0.999), EITHER),
    ("a text", _is(b"this is no database\n" * 1000), UNREADABLE),
    ("zeros", _is(bytes(200_000)), UNREADABLE),
    ("random bytes", _is(random.Random(3).randbytes(200_000)), UNREADABLE),
    ("a gzip", _is(gzip.compress(bytes(1_000_000))), UNREADABLE),
    ("a SQLite file", _sqlite, UNREADABLE),
    ("a folder", _folder, UNREADABLE),
    ("a database of another program", _foreign, UNREADABLE),
    ("another magic number", _patched(16, "<I", 0xBEEFC0DF), UNREADABLE),
    ("another format", _patched(20, "<I", 999), UNREADABLE),
    ("a page size of 0", _patched(40, "<I", 0), UNREADABLE),
    ("a page size of 2 GiB", _patched(40, "<I", 2**31), UNREADABLE),
    ("a last page far beyond", _patched(128, "<Q", 2**40), UNREADABLE),
    ("a newer schema", _rewritten("meta", _json(lambda meta: {**meta, "schema": 99})), UNREADABLE),
    ("a schema that is a word", _rewritten("meta", _json(lambda meta: {**meta, "schema": "x"})), UNREADABLE),
    ("no schema", _rewritten("meta", lambda value: b"junk"), UNREADABLE),
    ("a missing table", _without("summaries"), UNREADABLE),
    ("an entry that is no gzip", _rewritten("versions", lambda value: b"junk", only=ONE), EITHER),
    ("an entry cut short", _rewritten("versions", lambda value: value[:-9], only=ONE), EITHER),
    ("an entry that is no JSON", _rewritten("versions", lambda value: gzip.compress(b"{"), only=ONE), EITHER),
    (
        "an entry of 100,000 levels",
        _rewritten("versions", lambda value: gzip.compress(b"[" * 99_999), only=ONE),
        EITHER,
    ),
    ("an entry that is a list", _rewritten("versions", _json(lambda entry: [entry]), only=ONE), EITHER),
    ("an entry that unfolds to 300 MB", _rewritten("versions", lambda value: bomb(), only=ONE), EITHER),
    ("an entry of nothing", _rewritten("versions", lambda value: b"", only=ONE), EITHER),
    ("every entry damaged", _rewritten("versions", lambda value: value[:20] + b"\xff" + value[21:]), EITHER),
    ("summaries of junk", _rewritten("summaries", lambda row: b"junk"), SERVED),
    ("summaries of nothing", _rewritten("summaries", lambda row: b""), SERVED),
    ("summaries with right sums, no JSON", _rewritten("summaries", lambda row: row[:4] + b"{"), SERVED),
    ("summaries with right sums, cut", _rewritten("summaries", lambda row: row[:-5]), SERVED),
    ("summaries with right sums, 5", _rewritten("summaries", lambda row: row[:4] + b"[5]"), SERVED),
    ("summaries with right sums, another name", _rewritten("summaries", _renamed), SERVED),
    ("summaries with right sums, not UTF-8", _rewritten("summaries", lambda row: row[:6] + b"\xff" + row[7:]), SERVED),
)
AGAIN: tuple[tuple[str, Damage, int], ...] = (
    ("a zeroed page", _zero_page, 8),
    ("200 flipped bits", _flips(200), 6),
    ("a flipped bit", _flips(1), 4),
    ("flipped bits in heads of pages", _flip_heads, 6),
    ("flipped bits in the file's heads", _flip_metas, 4),
    ("two pages swapped", _swapped, 3),
)
