"""Jobs made a little ahead of those who do them, in a thread of their own: while a page is read nobody stands idle."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

# So many are made before anybody takes them: what a few connections do while the next page is gone through.
_MOST = 64
# Seconds that the thread has to end; it may be asking the site.
_GRACE = 1.0


class Ahead(Generic[T]):
    """Iterates over `things`, which may not raise; they are made, and closed, in one thread."""

    def __init__(self, things: Generator[T, None, None]) -> None:
        self._things = things
        self._room = threading.Semaphore(_MOST)
        self._made: SimpleQueue[T | None] = SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._make, name="choosing", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        made = self._made.get()
        if made is None:
            self._made.put(None)
            raise StopIteration
        self._room.release()
        return made

    def close(self) -> None:
        """Make no more."""
        self._closed.set()
        self._room.release()
        self._thread.join(_GRACE)

    def _make(self) -> None:
        try:
            while self._room.acquire() and not self._closed.is_set():
                if (made := next(self._things, None)) is None:
                    break
                self._made.put(made)
            self._things.close()
        finally:
            self._made.put(None)
