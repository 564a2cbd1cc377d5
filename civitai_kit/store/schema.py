"""The database's tables, its schema number, and the steps from older ones to this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import lmdb

from civitai_kit.core.errors import StoreError, StoreTooNew
from civitai_kit.store.codec import Damaged, decode_plain, encode_plain
from civitai_kit.store.environment import Environment, Transaction
from civitai_kit.store.errors import unreadable

SCHEMA = 1
_META_KEY = b"store"


@dataclass(frozen=True, slots=True)
class Tables:
    """The sub-databases; `versions`, `images`, `hashes` and `library` hold gzip JSON, the others are derived from them.

    `library` came later: it is made when a database is first opened for writing, and None where none has been yet.
    """

    versions: lmdb._Database
    summaries: lmdb._Database
    by_sha256: lmdb._Database
    by_model: lmdb._Database
    images: lmdb._Database
    image_ids: lmdb._Database
    hashes: lmdb._Database
    meta: lmdb._Database
    library: lmdb._Database | None = None


Upgrade = Callable[[Transaction, Tables], None]

# Schema number → the step to the next; each runs in one transaction together with the new number.
UPGRADES: Mapping[int, Upgrade] = {}

_NAMES = tuple(part.name for part in fields(Tables))
_LATER = "library"
# Tables with several values a key.
_INDEXES = frozenset({"by_sha256", "by_model", "image_ids"})


def prepare(
    environment: Environment, upgrades: Mapping[int, Upgrade] = UPGRADES, schema: int = SCHEMA
) -> Tables | None:
    """Check the schema before anything is touched, then make or upgrade the tables; None when there are none.

    Raises StoreTooNew, or StoreUnreadable for what is not ours.
    """
    found = _found_schema(environment)
    if found is not None and found > schema:
        raise StoreTooNew(
            f"The database {environment.path} has schema {found}, and this version knows up to {schema}",
            hint="Install a newer civitai-kit, or name another place with --database.",
            path=str(environment.path),
        )
    if environment.read_only:
        return _tables_to_read(environment, found, schema)
    tables = environment.write(lambda txn: _make(environment, txn, found, schema))
    for number in range(schema if found is None else found, schema):
        environment.write(partial(_upgrade, tables=tables, upgrades=upgrades, number=number))
    return tables


def _tables_to_read(environment: Environment, found: int | None, schema: int) -> Tables | None:
    if found is None:
        return None
    if found < schema:
        raise StoreError(
            f"The database {environment.path} has the older schema {found}, and reading does not change it",
            hint="Any command that writes, such as `download`, brings it up to date.",
            path=str(environment.path),
        )
    names = _NAMES if _LATER.encode() in _table_names(environment) else (name for name in _NAMES if name != _LATER)
    return Tables(*map(environment.existing_table, names))


def _found_schema(environment: Environment) -> int | None:
    """The schema number; None for an environment with nothing in it, as a process killed early leaves it."""
    names = _table_names(environment)
    if not names:
        return None
    if not names.issuperset(name.encode() for name in _NAMES if name != _LATER):
        raise unreadable(environment.path, "is not one of ours")
    meta = environment.existing_table("meta")
    value = environment.read(lambda txn: txn.get(_META_KEY, db=meta))
    try:
        return int(decode_plain(value or b"")["schema"])
    except (Damaged, KeyError, TypeError, ValueError) as error:
        raise unreadable(environment.path, f"has a damaged first record: {error}") from error


def _table_names(environment: Environment) -> set[bytes]:
    return environment.read(lambda txn: set(txn.cursor().iternext(values=False)))


def _make(environment: Environment, txn: Transaction, found: int | None, schema: int) -> Tables:
    tables = Tables(*(environment.table(name, txn, sorted_values=name in _INDEXES) for name in _NAMES))
    if found is None:
        _write_schema(txn, tables, schema)
    return tables


def _upgrade(txn: Transaction, tables: Tables, upgrades: Mapping[int, Upgrade], number: int) -> None:
    upgrades[number](txn, tables)
    _write_schema(txn, tables, number + 1)


def _write_schema(txn: Transaction, tables: Tables, schema: int) -> None:
    txn.put(_META_KEY, encode_plain({"schema": schema, "created_by": _program()}), db=tables.meta)


def _program() -> str:
    try:
        return f"civitai-kit {version('civitai-kit')}"
    except PackageNotFoundError:
        return "civitai-kit"
