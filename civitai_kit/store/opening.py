"""Opening an LMDB environment as well as machine and file system allow: map, locks, syncs."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import lmdb

from civitai_kit.files.errors import writing
from civitai_kit.files.opening import open_own
from civitai_kit.files.replacing import CANNOT, can_sync
from civitai_kit.store.data_file import NAME
from civitai_kit.store.errors import error_number

TABLES = 16
# Address space only: the file grows with what is in it. Elsewhere the file is as long as the map.
_ROOMY = 64 * 2**30
_SMALL, _TIGHT = 64 * 2**20, 4 * 2**20
_READERS = 512
_SPARSE = os.name == "posix" and sys.maxsize > 2**32
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, slots=True)
class _Way:
    """How an environment is opened."""

    read_only: bool
    map_size: int
    locks: bool = True
    syncs: bool = True


@dataclass(frozen=True, slots=True)
class Opened:
    """An open environment, whether its readers and writers know of each other, and what could not be had."""

    handle: lmdb.Environment
    locks: bool
    notice: str | None


def open_handle(path: Path, *, read_only: bool, map_size: int | None) -> Opened:
    """Open the environment in the folder `path`, making it when it may be written; raises lmdb.Error or NotWritable."""
    if not read_only:
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
    way = _Way(read_only, map_size or _default_map_size(path))
    try:
        handle = _open(path, way)
    except lmdb.Error as error:
        other = _other_way(path, way, error_number(error))
        if other is None:
            raise
        way = other
        handle = _open(path, way)
    if not read_only and not _syncs(path):
        handle.close()
        way = replace(way, syncs=False)
        handle = _open(path, way)
    return Opened(handle, way.locks, None if read_only else _notice(path, way))


def _other_way(path: Path, way: _Way, number: int) -> _Way | None:
    """What to try after such an error; None where nothing else would help."""
    if number == errno.ENOMEM:
        # Address space is limited here: begin small and grow.
        return replace(way, map_size=_small_map(path, _TIGHT))
    if number in CANNOT or number == errno.ENOLCK:
        # Whoever writes holds the save path's lock, so that there is no second writer.
        return replace(way, locks=False)
    if way.read_only and number in _NOT_ALLOWED:
        # Who may not write the lock file may not write the data either: no process of this user changes it meanwhile.
        return replace(way, locks=False)
    return None


def _open(path: Path, way: _Way) -> lmdb.Environment:
    return lmdb.open(
        os.fsencode(path),
        map_size=way.map_size,
        readonly=way.read_only,
        create=not way.read_only,
        lock=way.locks,
        sync=way.syncs,
        mode=0o666,
        max_dbs=TABLES,
        max_readers=_READERS,
    )


def _syncs(path: Path) -> bool:
    descriptor = open_own(path / NAME, os.O_RDONLY)
    try:
        return can_sync(descriptor)
    finally:
        os.close(descriptor)


def _notice(path: Path, way: _Way) -> str | None:
    lacks = [
        *([] if way.locks else ["knows no locks (look at it only while nothing writes)"]),
        *([] if way.syncs else ["cannot make writes last through a power cut"]),
    ]
    said = " and ".join(lacks)
    return f"The file system of the database {path} {said}; --database puts it on a local disk." if lacks else None


def _default_map_size(path: Path) -> int:
    return _ROOMY if _SPARSE else _small_map(path)


def _small_map(path: Path, room: int = _SMALL) -> int:
    file = path / NAME
    length = file.stat().st_size if file.exists() else 0
    # A multiple of every page size, and room to go on.
    return (length // room + 1) * room
