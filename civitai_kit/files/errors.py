"""What the file system refuses, as errors of ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from civitai_kit.core.errors import DiskError, DiskFull, NotWritable
from civitai_kit.core.exhaustion import lack_of
from civitai_kit.files.names import plain_name

_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
# Windows's codes for the same: ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL.
_FULL_ON_WINDOWS = frozenset({39, 112})

_HINT = "Change its permissions, or choose another --save-path."
_READ_HINT = "Is it there, and may you read it? Try it with another program."
# Refusals that no permission mends: what to do instead.
_HINTS = {
    errno.EFBIG: "Choose another --save-path: FAT32 takes no file of 4 GiB, and `ulimit -f` may set a limit.",
    errno.EILSEQ: "Set a locale of UTF-8, such as LC_ALL=C.UTF-8, or PYTHONUTF8=1.",
    errno.ENAMETOOLONG: "Shorten it with --path-template, or choose another --save-path.",
}
_UNSAYABLE = "its name has letters that the locale's encoding has not"
_TOO_LARGE = "it is too large for this file system"


class OddFile(OSError):
    """What lies there is no file to be read or written: a device, a folder, longer than any such file; `hint` helps."""

    def __init__(self, path: str | os.PathLike[str], what: str, hint: str) -> None:
        super().__init__(errno.EEXIST, what, os.fspath(path))
        self.hint = hint


class NotOurFile(OddFile):
    """Something else lies where a file of ours should: a link, a pipe, a device, a file with a second name."""


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError into DiskFull or NotWritable that names `path`; so too a name that the locale cannot say."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise write_error(OSError(errno.EILSEQ, _UNSAYABLE), path) from error
    except OSError as error:
        raise write_error(error, path) from error


def write_error(error: OSError, path: str | os.PathLike[str]) -> DiskError:
    """The error for a write that the file system refused."""
    where = plain_name(os.fspath(path))
    if is_full(error):
        return disk_full(where, _said(error))
    return NotWritable(f"{where} cannot be written: {_said(error)}", hint=_hint_of(error) or _HINT, path=where)


def disk_full(where: str, why: str) -> DiskFull:
    """No space is left for `where`."""
    return DiskFull(
        f"No space is left for {where}: {why}",
        hint="Make room and run the same command again: what is there already is kept and continued.",
        path=where,
    )


def read_error(error: OSError, path: str | os.PathLike[str]) -> DiskError:
    """The error for a file that cannot be read."""
    where = plain_name(os.fspath(path))
    return DiskError(f"{where} cannot be read: {_said(error)}", hint=_hint_of(error) or _READ_HINT, path=where)


def is_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, is full."""
    return error.errno in _FULL or getattr(error, "winerror", None) in _FULL_ON_WINDOWS


def _hint_of(error: OSError) -> str | None:
    if isinstance(error, OddFile):
        return error.hint
    lack = lack_of(error)
    return lack.hint if lack is not None else _HINTS.get(error.errno or 0)


def _said(error: OSError) -> str:
    return _TOO_LARGE if error.errno == errno.EFBIG else error.strerror or str(error)
