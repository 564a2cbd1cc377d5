"""BackgroundRequest, syncing and renaming so that no crash leaves half of anything under a name that promises more."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from civitai_kit.core.errors import NotWritable
from civitai_kit.transfer.part.disk_errors import disk_error, disk_errors

if sys.platform == "win32":

    def _lock(fd: int) -> None:
        """The save path's own lock has to do."""

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

# A virus scanner or an indexer may hold a file for a moment on Windows: a refused rename is tried again.
_RENAME_WAITS = (0.05, 0.1, 0.2, 0.5, 1.0)


sync_bytes: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
"""Waits until a file's bytes and length are on disk."""


def open_locked(path: Path) -> int:
    """A descriptor of `path`, made with the user's umask, which no other transfer has; raises NotWritable."""
    with disk_errors(path):
        while True:
            fd = os.open(path, _OPEN, 0o666)
            try:
                _lock(fd)
            except BlockingIOError:
                os.close(fd)
                raise NotWritable(
                    f"{path} is being written by another transfer.",
                    hint="Wait for it to end, or stop it.",
                    path=str(path),
                ) from None
            except OSError:  # A file system without locks.
                return fd
            if _is_same_file(fd, path):
                return fd
            os.close(fd)  # The other transfer has just given it its final name.


def create_locked(path: str) -> int:
    """A descriptor of a new file that no other transfer has; raises FileExistsError where one was there first."""
    fd = os.open(path, _OPEN | os.O_EXCL, 0o666)
    try:
        _lock(fd)
    except BlockingIOError:
        os.close(fd)
        raise FileExistsError(errno.EEXIST, "another transfer has just begun it", path) from None
    except OSError:  # A file system without locks.
        return fd
    if os.fstat(fd).st_size:
        os.close(fd)
        raise FileExistsError(errno.EEXIST, "another transfer has just ended it", path)
    return fd


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def write_synced(path: Path, content: bytes) -> None:
    """Replace a small file by one that is on disk before it has the name; raises OSError."""
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def rename(source: str | Path, target: str | Path) -> None:
    """Give a file another name, replacing what has it; raises OSError."""
    for wait in _RENAME_WAITS:
        try:
            os.replace(source, target)  # noqa: PTH105 - Path.replace makes a path more, for thousands of pictures
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(wait)
        else:
            return
    os.replace(source, target)  # noqa: PTH105


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on disk, where the system has such a thing."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows has no such thing.
        return
    try:
        os.fsync(fd)
    except OSError as error:
        raise disk_error(error, folder) from error
    finally:
        os.close(fd)
