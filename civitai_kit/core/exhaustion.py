"""Errors by which a machine, or a limit set on a process, says that there is no more of something."""

from __future__ import annotations

import errno
from typing import NamedTuple


class Lack(NamedTuple):
    """What there is no more of, in a sentence, and what to do about it."""

    message: str
    hint: str


MEMORY = Lack(
    "There is not enough memory to go on.",
    "Close other programs, ask for less at once with -c, or allow more (`ulimit -v`).",
)
_THREADS = Lack(
    "No more threads can be started.",
    "Ask for less at once with -c, or allow more threads (`ulimit -u`) or memory (`ulimit -v`).",
)
_FILES = Lack(
    "No more files can be opened.",
    "Ask for less at once with -c, or allow more open files (`ulimit -n`).",
)
_BY_NUMBER = {errno.ENOMEM: MEMORY, errno.EMFILE: _FILES, errno.ENFILE: _FILES}
_LONGEST_CHAIN = 16


def lack_of(error: BaseException | None) -> Lack | None:
    """What there was no more of when an error, or one that it came from, was raised; None where that is not why."""
    for _ in range(_LONGEST_CHAIN):
        if error is None:
            return None
        found = _own_lack(error)
        if found is not None:
            return found
        error = error.__cause__ or error.__context__
    return None


def _own_lack(error: BaseException) -> Lack | None:
    if isinstance(error, MemoryError):
        return MEMORY
    if isinstance(error, OSError):
        return _BY_NUMBER.get(error.errno or 0)
    said = str(error)
    if isinstance(error, RuntimeError) and "can't start new thread" in said:
        return _THREADS
    # A library that cannot be mapped.
    return MEMORY if isinstance(error, ImportError) and ("failed to map" in said or "allocate" in said) else None
