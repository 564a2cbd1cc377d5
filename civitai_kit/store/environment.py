"""One LMDB environment: transactions as jobs, a map that grows, and LMDB's errors as ours."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

import lmdb

from civitai_kit.core.errors import CivitaiKitError, DiskFull, NotWritable, StoreLocked, UsageError
from civitai_kit.store.codec import Damaged
from civitai_kit.store.data_file import NAME, unreadable

T = TypeVar("T")
# Quoted: at run time the class takes no parameters.
Transaction: TypeAlias = "lmdb.Transaction[bytes]"

TABLES = 16
# Address space only: the file grows with what is in it. Elsewhere the file is as long as the map.
_ROOMY = 64 * 2**30
_SMALL = 64 * 2**20
_LARGEST_STEP = 4 * 2**30
_READERS = 512
_SPARSE = os.name == "posix" and sys.maxsize > 2**32


class Environment:
    """An open LMDB environment; jobs may come from several threads, one at a time may write.

    A job is run again when the map had to grow under it, so it must only act through its transaction.
    """

    def __init__(self, path: Path, handle: lmdb.Environment, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._handle = handle
        self._gate = _Gate()
        self._writing = threading.RLock()
        self._in_write = False

    @classmethod
    def open(cls, path: Path, *, read_only: bool, map_size: int | None = None) -> Environment:
        """Open the environment in the folder `path`, making it when it may be written; `map_size` in bytes."""
        with translated(path):
            if not read_only:
                _make_folder(path)
            handle = _open_handle(path, read_only, map_size)
            if not read_only:
                handle.reader_check()
        return cls(path, handle, read_only=read_only)

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._handle.close()

    def table(self, name: str, txn: Transaction, *, sorted_values: bool = False) -> lmdb._Database:
        """The sub-database `name`, made in a write transaction where it is missing."""
        return self._handle.open_db(name.encode(), txn=txn, dupsort=sorted_values)

    def existing_table(self, name: str) -> lmdb._Database:
        """The sub-database `name`, for reading; not to be asked for within a job."""
        # A handle opened within a read transaction would end with that transaction.
        return self._settled(lambda: self._handle.open_db(name.encode(), create=False))

    def read(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a read transaction; keep it short, it holds back the reuse of pages."""

        def run() -> T:
            with self._handle.begin() as txn:
                return job(txn)

        return self._settled(run)

    def write(self, job: Callable[[Transaction], T]) -> T:
        """Run `job` in a write transaction, synced when this returns; an exception from it leaves all as it was."""
        if self.read_only:
            raise NotWritable(f"The database {self.path} is open for reading only", path=str(self.path))
        with self._writing:
            if self._in_write:
                raise RuntimeError("a write within a write")
            self._in_write = True
            try:
                return self._write(job)
            finally:
                self._in_write = False

    def _write(self, job: Callable[[Transaction], T]) -> T:
        while True:
            try:
                with (
                    translated(self.path, writing=True),
                    self._gate.passing(),
                    self._handle.begin(write=True) as txn,
                ):
                    return job(txn)
            except lmdb.MapFullError:
                self._grow()
            except lmdb.MapResizedError:
                self._resize(0)

    def _settled(self, act: Callable[[], T]) -> T:
        """Run what reads; again with the new size when another process has grown the map."""
        while True:
            try:
                with translated(self.path), self._gate.passing():
                    return act()
            except lmdb.MapResizedError:
                self._resize(0)

    def _grow(self) -> None:
        size = self._handle.info()["map_size"]
        self._resize(size + min(size, _LARGEST_STEP))

    def _resize(self, size: int) -> None:
        """Set the map's size; 0 takes the size that another process gave it."""
        with translated(self.path, writing=True), self._gate.alone():
            self._handle.set_mapsize(size)


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


@contextmanager
def translated(path: Path, *, writing: bool = False) -> Iterator[None]:
    """Turn LMDB's errors, and those of damaged values, into ours; those by which it asks for a new map size pass."""
    try:
        yield
    except (lmdb.MapFullError, lmdb.MapResizedError):
        raise
    except lmdb.Error as error:
        raise _translate(error, path, writing=writing) from error
    except Damaged as error:
        raise unreadable(path, f"is damaged: {error}") from error


def _translate(error: lmdb.Error, path: Path, *, writing: bool) -> CivitaiKitError:
    number = getattr(error, "code", 0)
    # When a disk is full LMDB may say only that a write was cut short, which is EIO.
    if number in (errno.ENOSPC, errno.EDQUOT) or (writing and number == errno.EIO):
        return DiskFull(
            f"The database {path} cannot be written: the disk is full ({error})",
            hint="Make room, or name another place with --database.",
            path=str(path),
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotWritable(
            f"The database {path} cannot be written: {os.strerror(number)}",
            hint="Change its permissions, or name another place with --database.",
            path=str(path),
        )
    if number in (errno.EAGAIN, errno.EBUSY) or isinstance(error, (lmdb.LockError, lmdb.ReadersFullError)):
        return _locked(path, str(error))
    if "already open in this process" in str(error):
        return _locked(path, "it is already open in this process")
    if isinstance(error, lmdb.BadValsizeError):
        return UsageError(f"Too long for the database {path}: {error}")
    return unreadable(path, f"cannot be used: {error}")


def _locked(path: Path, why: str) -> StoreLocked:
    return StoreLocked(
        f"The database {path} is in use: {why}",
        hint="Wait until the other command has ended.",
        path=str(path),
    )


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else NotWritable
        raise kind(f"The database {path} cannot be made: {error.strerror}", path=str(path)) from error


def _open_handle(path: Path, read_only: bool, map_size: int | None) -> lmdb.Environment:
    size = map_size or _default_map_size(path)
    try:
        return _open(path, read_only, size, lock=True)
    except lmdb.MemoryError:
        # Address space is limited here: begin small and grow.
        return _open(path, read_only, _small_map(path), lock=True)
    except lmdb.Error as error:
        if not read_only or getattr(error, "code", 0) not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        # Who may not write the lock file may not write the data either: no process of this user changes it meanwhile.
        return _open(path, read_only, size, lock=False)


def _open(path: Path, read_only: bool, map_size: int, *, lock: bool) -> lmdb.Environment:
    return lmdb.open(
        str(path),
        map_size=map_size,
        readonly=read_only,
        create=not read_only,
        lock=lock,
        mode=0o666,
        max_dbs=TABLES,
        max_readers=_READERS,
    )


def _default_map_size(path: Path) -> int:
    return _ROOMY if _SPARSE else _small_map(path)


def _small_map(path: Path) -> int:
    file = path / NAME
    length = file.stat().st_size if file.exists() else 0
    # A multiple of every page size, and room to go on.
    return max(_SMALL, (length // _SMALL + 1) * _SMALL)
