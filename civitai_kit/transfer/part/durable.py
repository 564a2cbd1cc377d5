"""Making and syncing files so that no crash leaves half of anything under a name that promises more."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from pathlib import Path

from civitai_kit.core.errors import NotWritable
from civitai_kit.files.errors import writing
from civitai_kit.files.opening import open_own
from civitai_kit.files.replacing import sync_bytes

if sys.platform == "win32":

    def _lock(fd: int) -> None:
        """The save path's own lock has to do."""

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def open_locked(path: Path) -> int:
    """A descriptor of `path`, made with the user's umask, which no other transfer has; raises NotWritable."""
    with writing(path):
        while True:
            fd = open_own(path, os.O_RDWR | os.O_CREAT)
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
    fd = os.open(path, _NEW, 0o666)
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


def write_temporary(path: Path, content: bytes, *, synced: bool) -> Path:
    """Write what is to replace a small file under another name, on disk if `synced`; raises OSError."""
    temporary = path.with_suffix(".tmp")
    fd = open_own(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            if synced:
                sync_bytes(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return temporary


def free_bytes(folder: Path) -> int | None:
    """What the disk says is free for us in `folder`, None where it does not say."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
