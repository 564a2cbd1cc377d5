"""One LMDB environment: transactions as jobs, a map that grows, and LMDB's errors as ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar, cast

import lmdb

from civitai_kit.core.errors import NotWritable
from civitai_kit.store.data_file import NAME
from civitai_kit.store.errors import translated
from civitai_kit.store.guard import GuardedTransaction, PageGuard, guard_of
from civitai_kit.store.opening import open_handle

T = TypeVar("T")
# Quoted: at run time the class takes no parameters.
Transaction: TypeAlias = "lmdb.Transaction[bytes]"

_LARGEST_STEP = 4 * 2**30


class Environment:
    """An open LMDB environment; jobs may come from several threads, one at a time may write.

    A job is run again when the map had to grow under it, so it must only act through its transaction.
    """

    def __init__(
        self, path: Path, handle: lmdb.Environment, guard: PageGuard | None, *, read_only: bool, notice: str | None
    ) -> None:
        self.path = path
        self._guard = guard
        self.read_only = read_only
        self.notice = notice
        self._handle = handle
        self._opened = (path / NAME).stat()
        self._gate = _Gate()
        self._writing = threading.Lock()
        self._writer: int | None = None
        self._due: SimpleQueue[_Write[Any]] = SimpleQueue()

    @classmethod
    def open(cls, path: Path, *, read_only: bool, map_size: int | None = None) -> Environment:
        """Open the environment in the folder `path`, making it when it may be written; `map_size` in bytes.

        Its `notice` says what the file system cannot do for it.
        """
        with translated(path):
            opened = open_handle(path, read_only=read_only, map_size=map_size)
            if not read_only and opened.locks:
                opened.handle.reader_check()
            guard = guard_of(path)
        return cls(path, opened.handle, guard, read_only=read_only, notice=opened.notice)

    def is_current(self) -> bool:
        """Whether its file is still the one that lies in the folder."""
        try:
            there = (self.path / NAME).stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return os.path.samestat(there, self._opened)

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._handle.close()
        if self._guard is not None:
            self._guard.close()

    def table(self, name: str, txn: Transaction, *, sorted_values: bool = False) -> lmdb._Database:
        """The sub-database `name`, made in a write transaction where it is missing."""
        own = getattr(txn, "own", txn)
        return self._known(name, self._handle.open_db(name.encode(), txn=own, dupsort=sorted_values))

    def existing_table(self, name: str) -> lmdb._Database:
        """The sub-database `name`, for reading; not to be asked for within a job."""
        # A handle opened within a read transaction would end with that transaction.
        return self._known(name, self._settled(lambda: self._handle.open_db(name.encode(), create=False)))

    def _known(self, name: str, table: lmdb._Database) -> lmdb._Database:
        if self._guard is not None:
            self._guard.name(table, name)
        return table

    def read(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a read transaction; keep it short, it holds back the reuse of pages."""

        def run() -> T:
            with self._handle.begin() as txn:
                return job(self._guarded(txn))

        return self._settled(run)

    def write(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a write transaction, synced when this returns; an exception from it leaves all as it was.

        What several threads want written while another writes goes into one transaction, and is synced once.
        """
        if self.read_only:
            raise NotWritable(f"The database {self.path} is open for reading only", path=str(self.path))
        if self._writer == threading.get_ident():
            raise RuntimeError("a write within a write")
        mine = _Write(job)
        self._due.put(mine)
        with self._writing:
            if not mine.done:
                self._writer = threading.get_ident()
                try:
                    self._write_with_others(mine)
                finally:
                    self._writer = None
        return mine.value

    def _write_with_others(self, mine: _Write[T]) -> None:
        """Carry out what is due, `mine` among it; alone where it was tried together with others in vain."""
        together = [mine] if mine.tried else [self._due.get() for _ in range(self._due.qsize())]
        if len(together) > 1:
            for each in together:
                each.tried = True
            # What fails together is done again one by one: each thread is to meet its own error.
            with suppress(Exception):
                values = self._write(lambda txn: [each.job(txn) for each in together])
                for each, value in zip(together, values, strict=True):
                    each.value, each.done = value, True
        if not mine.done:
            mine.value, mine.done = self._write(mine.job), True

    def _write(self, job: Callable[[Transaction], T]) -> T:
        while True:
            try:
                return self._attempt(lambda: self._write_once(job))
            except lmdb.MapFullError:
                self._grow()
            except lmdb.MapResizedError:
                self._resize(0)

    def _write_once(self, job: Callable[[Transaction], T]) -> T:
        with translated(self.path, writing=True), self._gate.passing(), self._handle.begin(write=True) as txn:
            return job(self._guarded(txn))

    def _guarded(self, txn: Transaction) -> Transaction:
        # It has what jobs ask of a transaction.
        return txn if self._guard is None else cast(Transaction, GuardedTransaction(txn, self._guard))

    def _settled(self, act: Callable[[], T]) -> T:
        """Run what reads; again with the new size when another process has grown the map."""
        while True:
            try:
                with translated(self.path), self._gate.passing():
                    return self._attempt(act)
            except lmdb.MapResizedError:
                self._resize(0)

    def _attempt(self, act: Callable[[], T]) -> T:
        """Run what opens a transaction; none is left open when memory runs out before it can be closed.

        The traceback holds on to it, and to close the environment would wait for it for ever. So another error is
        raised once the first one is gone with all it holds, in the thread that opened the transaction.
        """
        try:
            return act()
        except MemoryError:
            pass
        raise MemoryError(f"not enough memory for the database {self.path}")

    def _grow(self) -> None:
        size = self._handle.info()["map_size"]
        self._resize(size + min(size, _LARGEST_STEP))

    def _resize(self, size: int) -> None:
        """Set the map's size; 0 takes the size that another process gave it."""
        with translated(self.path, writing=True), self._gate.alone():
            self._handle.set_mapsize(size)


class _Write(Generic[T]):
    """A job that waits to be written, and what became of it."""

    value: T

    def __init__(self, job: Callable[[Transaction], T]) -> None:
        self.job = job
        self.tried = False
        self.done = False


class _Gate:
    """Many threads may be inside at once; one that wants to be alone waits until they have left, and nobody enters."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting = 0
        self._mine = threading.local()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside; a thread that is inside already may always enter again."""
        depth = getattr(self._mine, "depth", 0)
        if not depth:
            self._enter()
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth = depth
            if not depth:
                self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be inside while no other thread is; a thread that is inside must not ask for it."""
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: not self._inside)
                yield
            finally:
                self._waiting -= 1
                self._changed.notify_all()

    def _enter(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)
            self._inside += 1

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            if self._waiting:
                self._changed.notify_all()
