"""The moments at which a process is killed, told by what has happened, and the killing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torture.place import Ran, Running
from torture.site import Site
from torture.truth import walk

# A kill that came too late is tried again so often.
TRIES = 6

Moment = Callable[[], bool]


def sent(site: Site, more: int) -> Moment:
    """So many more bytes have left the storage."""
    wanted = site.sent + more
    return lambda: site.sent >= wanted


def logged(log: Path, word: str, times: int) -> Moment:
    """So many lines of the log tell of an event."""

    def happened() -> bool:
        return log.exists() and log.read_bytes().count(word.encode()) >= times

    return happened


def files(folder: Path, pattern: str, *, at_least: int = 0, at_most: int = 10**9) -> Moment:
    """There are so many files of that name."""
    return lambda: at_least <= sum(path.match(pattern) for path in walk(folder)) <= at_most


def grown(path: Path, times: int) -> Moment:
    """A file has been written to so many times."""
    seen: set[tuple[int, int]] = set()

    def happened() -> bool:
        if path.exists():
            status = path.stat()
            seen.add((status.st_mtime_ns, status.st_size))
        return len(seen) > times

    return happened


def kill_at(start: Callable[[], Running], moment: Callable[[], Moment], reset: Callable[[], None]) -> Ran | None:
    """Start, wait for the moment, kill; again from the start when it came too late. None when it always did."""
    for _ in range(TRIES):
        reset()
        happened = moment()
        running = start()
        if running.wait_for(happened) and not running.has_ended:
            return running.kill()
        running.wait()
    return None
