"""What the file system says, in our own words: full, not writable, or broken."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path

from civitai_kit.core.errors import DiskError, DiskFull, NotWritable

_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})


@contextmanager
def disk_errors(path: PathLike[str]) -> Iterator[None]:
    """Turn an OSError about `path` into DiskFull or NotWritable."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: PathLike[str]) -> DiskError:
    """The error of ours that an OSError about `path` amounts to."""
    name, reason = fspath(path), error.strerror or str(error)
    if error.errno in _FULL:
        return disk_full(name, reason)
    return NotWritable(
        f"{name} cannot be written: {reason}",
        hint="Check the folder's permissions, or choose another with --save-path.",
        path=name,
    )


def disk_full(name: str, reason: str) -> DiskFull:
    """No space is left for `name`."""
    return DiskFull(
        f"No space is left for {name}: {reason}",
        hint="Make room and run the same command again: what is there already is kept and continued.",
        path=name,
    )


def check_room(folder: Path, wanted: int) -> None:
    """Raise DiskFull when `folder` has not `wanted` bytes left, before the first of them is fetched."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < wanted:
        raise disk_full(str(folder), f"{wanted:,} bytes are wanted, and {free:,} are free.")
