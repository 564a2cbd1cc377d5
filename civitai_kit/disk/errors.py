"""What the file system refuses, as errors of ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from civitai_kit.core.errors import DiskError, DiskFull, NotWritable

_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
# Windows's codes for the same: ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL.
_FULL_ON_WINDOWS = frozenset({39, 112})


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError into DiskFull or NotWritable that names `path`."""
    try:
        yield
    except OSError as error:
        raise write_error(error, path) from error


def write_error(error: OSError, path: str | os.PathLike[str]) -> DiskError:
    """The error for a write that the file system refused."""
    where = os.fspath(path)
    if is_full(error):
        return DiskFull(f"No space left for {where}", hint="Make room, or choose another --save-path.", path=where)
    return NotWritable(
        f"{where} cannot be written: {error.strerror or error}",
        hint="Change its permissions, or choose another --save-path.",
        path=where,
    )


def read_error(error: OSError, path: str | os.PathLike[str]) -> DiskError:
    """The error for a file that cannot be read."""
    where = os.fspath(path)
    return DiskError(f"{where} cannot be read: {error.strerror or error}", path=where)


def refuse_file(root: Path) -> None:
    """Raise NotWritable where the save path is a file."""
    if root.exists() and not root.is_dir():
        hint = "Choose a folder with --save-path."
        raise NotWritable(f"The save path {root} is a file", hint=hint, path=str(root))


def is_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, is full."""
    return error.errno in _FULL or getattr(error, "winerror", None) in _FULL_ON_WINDOWS
