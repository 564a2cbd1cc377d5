"""Giving a file its name, and making names and bytes last: renames, syncs, also where the system is unwilling."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from civitai_kit.files.opening import refuse_unless_file

# How a file system says that it has no such thing.
CANNOT = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV})
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
# Windows refuses to rename or remove what a scanner or a viewer has open, mostly for a moment.
_TRIES = 8
_FIRST_WAIT = 0.02


def replace(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Give a file another name, replacing the file that has it; raises NotOurFile where something else has it."""
    refuse_unless_file(target)
    retry_while_open(lambda: os.replace(source, target))  # noqa: PTH105 - thousands of pictures need no Path for it


def sync_bytes(descriptor: int) -> None:
    """Make a file's bytes and length last through a power cut, where its file system can do so; raises OSError."""
    # Some of NFS, SMB and FUSE cannot: there the bytes last once the other side has written them.
    can_sync(descriptor)


def can_sync(descriptor: int) -> bool:
    """The same; says whether the file system can."""
    try:
        _sync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT:
            raise
        return False
    return True


def sync_folder(folder: Path) -> None:
    """The same for the names in a folder, which are right already: what cannot be done is passed over."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def retry_while_open(act: Callable[[], object]) -> None:
    """Call `act`, again for a while where Windows refuses because another program has the file open."""
    wait = _FIRST_WAIT
    for _ in range(_TRIES - 1):
        try:
            act()
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(wait)
            wait *= 2
        else:
            return
    act()
