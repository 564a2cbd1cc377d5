"""Opening without being led astray: no link, pipe or device is taken for a file, and nothing here ever waits."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from civitai_kit.files.errors import NotOurFile, OddFile

# A pipe that nobody has opened would keep us waiting. On a regular file this means nothing.
NEVER_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_OUR_HINT = "Nothing was written to it. Move it away, then run the same command again."
_LINK_HINT = "Remove the link, or move the file that it leads to here; then run the same command again."
_READ_AT_ONCE = 2**20
_LARGEST_HINT = "Look at what lies there and move it away."


def open_own(path: str | os.PathLike[str], flags: int, mode: int = 0o666) -> int:
    """A descriptor of a file that is ours alone, such as a part, a journal, a lock or a log.

    `flags` and `mode` are those of `os.open`; O_TRUNC takes effect only once the file is known to be ours. Raises
    NotOurFile for a link, for what is no regular file, and for a file that has a second name (a hard link), else
    OSError.
    """
    if not _NO_LINK:
        _refuse_link(path)
    try:
        descriptor = os.open(path, flags & ~os.O_TRUNC | NEVER_WAIT | _NO_LINK, mode)
    except OSError:
        _refuse_odd(path)
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _not_ours(path, found)
        if found.st_nlink > 1:
            raise NotOurFile(path, "it is another name of a file that lies elsewhere too (a hard link)", _OUR_HINT)
        if flags & os.O_TRUNC and found.st_size:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_regular(path: str | os.PathLike[str]) -> int:
    """A descriptor for reading a regular file, where a link leads to one also through it.

    Raises NotOurFile for a pipe, a folder, a device, else OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | NEVER_WAIT)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        return descriptor
    os.close(descriptor)
    raise _not_ours(path, found)


def read_own(path: str | os.PathLike[str], most: int) -> bytes:
    """The content of a file that is ours alone; raises OddFile also where it is longer than `most` bytes."""
    return read_bounded(open_own(path, os.O_RDONLY), path, most)


def read_small(path: str | os.PathLike[str], most: int) -> bytes:
    """The content of a regular file, also through a link; raises OddFile also where it is longer than `most`."""
    return read_bounded(open_regular(path), path, most)


def kind_of(found: os.stat_result) -> str:
    """What is no regular file, in words."""
    return next((name for test, name in _KINDS if test(found.st_mode)), "no file")


def refuse_unless_file(path: str | os.PathLike[str]) -> None:
    """Raise NotOurFile where a link, a pipe, a device or a folder has this name: no file takes its place."""
    try:
        found = os.lstat(path)
    except OSError:  # Nothing is there, or what comes next says why not.
        return
    if stat.S_ISLNK(found.st_mode):
        raise NotOurFile(path, f"it is a link to {Path(path).readlink()}, and no file takes a link's place", _LINK_HINT)
    if not stat.S_ISREG(found.st_mode):
        raise _not_ours(path, found)


def read_bounded(descriptor: int, path: str | os.PathLike[str], most: int) -> bytes:
    """All that a descriptor gives, which is closed; raises OddFile where that is longer than `most` bytes."""
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise OddFile(path, f"it is longer than {most:,} bytes, and no such file is", _LARGEST_HINT)
        # It may grow meanwhile, and a read may give less than there is.
        content = bytearray()
        while chunk := file.read(min(_READ_AT_ONCE, most + 1 - len(content))):
            content += chunk
            if len(content) > most:
                raise OddFile(path, f"it is longer than {most:,} bytes, and no such file is", _LARGEST_HINT)
        return bytes(content)


def _refuse_link(path: str | os.PathLike[str]) -> None:
    """The same for a file of ours, where the system cannot do so while it opens."""
    if os.path.islink(path):  # noqa: PTH114
        _refuse_odd(path)


def _refuse_odd(path: str | os.PathLike[str]) -> None:
    """Say what lies there, when that is why it could not be opened."""
    try:
        found = os.lstat(path)
    except OSError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise _not_ours(path, found)


def _not_ours(path: str | os.PathLike[str], found: os.stat_result) -> NotOurFile:
    return NotOurFile(path, f"it is {kind_of(found)}, and not a file of ours", _OUR_HINT)
