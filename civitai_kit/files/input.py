"""What a user names to be read: a regular file, a pipe that somebody writes to, standard input; nothing without end."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

from civitai_kit.files.descriptors import descriptor_of, duplicate
from civitai_kit.files.errors import OddFile
from civitai_kit.files.opening import NEVER_WAIT, kind_of, read_bounded

_HINT = "Name a file; what another program writes is read from a pipe: - or /dev/stdin."
# Who has named a pipe has also started what writes to it, or does so by now.
_PATIENCE_SEC = 3.0


def open_input(path: str | os.PathLike[str]) -> int:
    """A descriptor to read what a person named; raises OddFile for what no file can be read from, else OSError.

    A named pipe is waited for only a moment. The null device is read: it says that there is nothing.
    """
    place = Path(path).expanduser()
    if (number := descriptor_of(place)) is not None:
        return duplicate(number)
    descriptor = os.open(place, os.O_RDONLY | NEVER_WAIT)
    try:
        _refuse_odd(descriptor, place)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_input(path: str | os.PathLike[str], most: int) -> bytes:
    """The whole content; raises the same, and OddFile also where it is longer than `most` bytes."""
    return read_bounded(open_input(path), path, most)


def _refuse_odd(descriptor: int, place: Path) -> None:
    found = os.fstat(descriptor)
    if stat.S_ISFIFO(found.st_mode):
        if not select.select([descriptor], [], [], _PATIENCE_SEC)[0]:
            raise OddFile(place, "it is a named pipe, and nobody writes to it", _HINT)
        os.set_blocking(descriptor, True)
    elif not stat.S_ISREG(found.st_mode) and not _is_null(found):
        raise OddFile(place, f"it is {kind_of(found)}", _HINT)


def _is_null(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == os.stat(os.devnull).st_rdev  # noqa: PTH116
