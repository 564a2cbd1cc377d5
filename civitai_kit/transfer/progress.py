"""Tells how a transfer moves, ten times a second at most; of a small file every read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.events import Emit, FileMoved
from civitai_kit.core.retry import Setback

_APART = 0.1  # Seconds between two events of one file.
_SMALL = 1024 * 1024  # So few bytes come in a few reads, and after the last of them nothing else may be told.


class FileProgress:
    """Counts the bytes of one file; `received` are those that came over the network. Safe from many threads."""

    def __init__(self, key: str, emit: Emit, ticks: Callable[[], float]) -> None:
        self.received = 0
        self._key = key
        self._emit = emit
        self._ticks = ticks
        self._lock = threading.Lock()
        self._done = 0
        self._size: int | None = None
        self._next = 0.0

    def begin(self, done: int, size: int | None) -> None:
        """Set how many bytes are there already, and how many there will be."""
        with self._lock:
            self._done, self._size = done, size

    def moved(self, count: int) -> None:
        """`count` more bytes have come."""
        with self._lock:
            self.received += count
            self._done += count
            now = self._ticks()
            if now < self._next and (self._size is None or self._size >= _SMALL):
                return
            self._next = now + _APART
            event = FileMoved(self._key, self._done, self._size)
        self._emit(event)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let what ends the transfer before its time say how many bytes have come."""
        try:
            yield
        except (CivitaiKitError, Setback) as error:
            error.received += self.received
            raise

    def end(self, size: int) -> None:
        """All `size` bytes are there."""
        self._emit(FileMoved(self._key, size, size))
