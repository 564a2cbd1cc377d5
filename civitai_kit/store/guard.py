"""Checks the pages of a large database just before LMDB follows them.

Each MiB takes a millisecond, so that a large database is not looked at as a whole when it is opened. Of a few keys the
pages that lead to them are checked; of a table that is walked or written to, or of which many keys are asked, all of
its pages, once. What is committed later was made from pages that were sound.
"""

from __future__ import annotations

import os
import struct
import threading
from collections import Counter
from io import FileIO
from pathlib import Path
from typing import Any

from civitai_kit.files.opening import open_own
from civitai_kit.store.data_file import NAME, POINTER_BYTES, SMALL, Meta, UnknownFormat, mapped_pages, metas
from civitai_kit.store.errors import refused
from civitai_kit.store.pages import DamagedPages

# To check the way to a key takes a twentieth of a millisecond: so many take as long as 10 MiB.
_FEW_KEYS = 200


def guard_of(folder: Path) -> PageGuard | None:
    """What watches over the database in a folder; None where it was small enough to be checked as a whole."""
    path = folder / NAME
    if POINTER_BYTES != 8 or path.stat().st_size <= SMALL:
        return None
    return PageGuard(path)


class PageGuard:
    """Checks what is about to be read of a data file; raises DamagedPages, or StoreUnreadable where the disk fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = FileIO(open_own(path, os.O_RDONLY))
        self._names: dict[int, bytes] = {}
        self._sound: set[bytes] = set()
        self._asked: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def name(self, table: Any, name: str) -> None:
        """Say which table a handle of LMDB's stands for."""
        self._names[id(table)] = name.encode()

    def before_key(self, table: Any, key: bytes, transaction: int) -> None:
        """Check the pages that lead to a key, as the transaction of this number sees them."""
        name = self._names.get(id(table), b"")
        if name in self._sound:
            return
        self._asked[name] += 1
        if self._asked[name] > _FEW_KEYS:
            self.before_all(table, transaction)
        else:
            self._check(name, transaction, lambda pages, tree: pages.check_path(tree, key))

    def before_all(self, table: Any, transaction: int) -> None:
        """Check all pages of a table, once."""
        name = self._names.get(id(table), b"")
        if name not in self._sound:
            self._check(name, transaction, lambda pages, tree: pages.check(tree))
            self._sound.add(name)

    def _check(self, name: bytes, transaction: int, look: Any) -> None:
        with self._lock:
            try:
                meta = self._seen_by(transaction)
                used = min(self._file.seek(0, os.SEEK_END), (meta.last_page + 1) * meta.page_size)
                # A table that this transaction makes has no pages yet.
                tree = mapped_pages(self._file, used, meta.page_size).tables(meta.tables).get(name)
                if tree is not None:
                    look(mapped_pages(self._file, used, meta.page_size), tree)
            except UnknownFormat:
                return
            except (struct.error, IndexError, ValueError) as error:
                raise DamagedPages(str(error)) from error
            except OSError as error:
                raise refused(error, self._path.parent) from error

    def _seen_by(self, transaction: int) -> Meta:
        """What the transaction began with; of what others have committed since, the pages are still there too."""
        both = sorted(metas(self._file), key=lambda meta: meta.transaction)
        return both[0] if both[1].transaction > transaction >= both[0].transaction else both[1]


class GuardedTransaction:
    """A transaction of LMDB's with a guard before it; it has what our jobs ask of one, and `own` is LMDB's."""

    def __init__(self, own: Any, guard: PageGuard) -> None:
        self.own = own
        self._guard = guard
        self._id = own.id()

    def get(self, key: bytes, *, db: Any) -> bytes | None:
        """The value of a key."""
        self._guard.before_key(db, key, self._id)
        found: bytes | None = self.own.get(key, db=db)
        return found

    def put(self, key: bytes, value: bytes, *, db: Any) -> bool:
        """Write a value."""
        self._guard.before_all(db, self._id)
        return bool(self.own.put(key, value, db=db))

    def delete(self, key: bytes, value: bytes = b"", *, db: Any) -> bool:
        """Remove a key, or one of its values."""
        self._guard.before_all(db, self._id)
        return bool(self.own.delete(key, value, db=db))

    def cursor(self, db: Any = None) -> Any:
        """What walks a table; the list of tables was checked when the database was opened."""
        if db is not None:
            self._guard.before_all(db, self._id)
        return self.own.cursor(db=db) if db is not None else self.own.cursor()

    def stat(self, db: Any) -> Any:
        """What the list of tables says of one."""
        return self.own.stat(db)
