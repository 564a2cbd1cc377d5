"""LMDB's errors, and those of damaged values, as ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from civitai_kit.core.errors import CivitaiKitError, DiskFull, NotWritable, StoreLocked, StoreUnreadable, UsageError
from civitai_kit.core.exhaustion import lack_of
from civitai_kit.files.errors import write_error
from civitai_kit.files.replacing import CANNOT
from civitai_kit.store.codec import Damaged
from civitai_kit.store.pages import DamagedPages


@contextmanager
def translated(path: Path, *, writing: bool = False) -> Iterator[None]:
    """Turn LMDB's errors, and those of damaged values, into ours; those by which it asks for a new map size pass."""
    try:
        yield
    except (lmdb.MapFullError, lmdb.MapResizedError):
        raise
    except lmdb.Error as error:
        raise _translate(error, path, writing=writing) from error
    except (Damaged, DamagedPages) as error:
        raise unreadable(path, f"is damaged: {error}") from error


def unreadable(folder: Path, what: str) -> StoreUnreadable:
    """The error for a database that is refused, with the way out; nothing was changed."""
    return StoreUnreadable(
        f"The database {folder} {what}",
        hint="Nothing was changed. Move it aside, then run again: `civitai-kit db import` brings back an export, and "
        "the `civitai-kit download` that names the same models enters the files that are there. "
        "Or name another with --database.",
        path=str(folder),
    )


def odd_file(place: Path, what: str, way_out: str) -> StoreUnreadable:
    """The error for a database one of whose files is none, such as a link or a pipe."""
    return StoreUnreadable(
        f"The database {place.parent} is not opened: its {place.name} is {what}",
        hint=f"Nothing was changed. {way_out}",
        path=str(place),
    )


def refused(error: OSError, path: Path) -> CivitaiKitError:
    """The error for a database that the system does not let be read, sound as it may be."""
    return _of_system(error.errno or 0, path) or unreadable(path, f"cannot be read: {error.strerror}")


def _translate(error: lmdb.Error, path: Path, *, writing: bool) -> CivitaiKitError:
    number = error_number(error)
    # When a disk is full LMDB may say only that a write was cut short, which is EIO.
    if number in (errno.ENOSPC, errno.EDQUOT) or (writing and number == errno.EIO):
        return DiskFull(
            f"The database {path} cannot be written: the disk is full ({error})",
            hint="Make room, or name another place with --database.",
            path=str(path),
        )
    if (known := _of_system(number, path)) is not None:
        return known
    if number in (errno.EAGAIN, errno.EBUSY) or isinstance(error, (lmdb.LockError, lmdb.ReadersFullError)):
        return _locked(path, str(error))
    if "already open in this process" in str(error):
        return _locked(path, "it is already open in this process")
    if isinstance(error, lmdb.BadValsizeError):
        return UsageError(f"Too long for the database {path}: {error}")
    return unreadable(path, f"cannot be used: {error}")


def _of_system(number: int, path: Path) -> CivitaiKitError | None:
    """What the system refuses to a database whose bytes are none the worse for it."""
    if number == errno.EFBIG:
        return write_error(OSError(number, os.strerror(number)), path)
    lack = lack_of(OSError(number, ""))
    if lack is not None:
        return NotWritable(f"The database {path} cannot be opened: {lack.message}", hint=lack.hint, path=str(path))
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _not_writable(path, number, "Change its permissions, or name another place with --database.")
    if number == errno.ENAMETOOLONG:
        return _not_writable(path, number, "Name another place with --database.")
    if number in CANNOT or number == errno.ENOLCK:
        hint = "Its file system cannot do what a database needs: name a place on a local disk with --database."
        return _not_writable(path, number, hint)
    return None


def error_number(error: lmdb.Error) -> int:
    """The system's number of an error; 0 for LMDB's own."""
    return int(getattr(error, "code", 0) or (errno.ENOMEM if isinstance(error, lmdb.MemoryError) else 0))


def _not_writable(path: Path, number: int, hint: str) -> NotWritable:
    return NotWritable(f"The database {path} cannot be used: {os.strerror(number)}", hint=hint, path=str(path))


def _locked(path: Path, why: str) -> StoreLocked:
    return StoreLocked(
        f"The database {path} is in use: {why}",
        hint="Wait until the other command has ended.",
        path=str(path),
    )
