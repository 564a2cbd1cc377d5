"""Work in threads that a stop can leave behind: one call, or one page read ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from time import monotonic, sleep
from typing import Any, Generic, TypeVar

from civitai_kit.machine import start_thread

T = TypeVar("T")

# Seconds between two looks at whether to go on waiting; this is also what lets Ctrl-C through on every system.
LOOK = 0.25


def rest(seconds: float, check: Callable[[], None]) -> None:
    """Sleep, and check often enough to notice a stop."""
    until = monotonic() + seconds
    while (left := until - monotonic()) > 0:
        check()
        sleep(min(left, LOOK))


class Stopped(Exception):
    """Raised in the reading thread when its page is no longer wanted."""


def aside(work: Callable[[], T], check: Callable[[], None]) -> T:
    """The result of `work`, run in a thread; when `check` raises meanwhile, the thread is left to end by itself."""
    done: Queue[tuple[T | None, BaseException | None]] = Queue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            done.put((None, error))

    thread = start_thread(run, "asking")
    while True:
        try:
            value, error = done.get(timeout=LOOK)
        except Empty:
            check()
            _check_alive(thread, done)
            continue
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # there was no error, so there is a value


def read_ahead(read: Callable[[Callable[[], None]], T | None]) -> Iterator[T]:
    """The items that `read` returns until None, with one item read ahead; an error comes where its item would.

    Nothing is read before the first item is asked for, or after the iterator was closed. `read` is handed a
    function that raises Stopped once that has happened, to be called where it waits.
    """
    reader = _Reader(read)
    try:
        while (item := reader.take()) is not None:
            yield item
    finally:
        reader.close()


class _Reader(Generic[T]):
    """Shared by two threads: one reads, at most one item further than the other has taken."""

    def __init__(self, read: Callable[[Callable[[], None]], T | None]) -> None:
        self._read = read
        self._closed = threading.Event()
        self._wanted = threading.Semaphore(1)
        self._ready: Queue[T | BaseException | None] = Queue()
        self._thread = start_thread(self._work, "page-ahead")

    def take(self) -> T | None:
        """The next item; taking it lets the one after it be read."""
        while True:
            try:
                item = self._ready.get(timeout=LOOK)
            except Empty:
                _check_alive(self._thread, self._ready)
                continue
            if isinstance(item, BaseException):
                raise item
            self._wanted.release()
            return item

    def close(self) -> None:
        """Let the reading thread end."""
        self._closed.set()
        self._wanted.release()

    def _work(self) -> None:
        """Run by the thread: read one item whenever one is wanted, until the end, an error, or a close."""
        while True:
            self._wanted.acquire()
            try:
                self._check()
                item: T | BaseException | None = self._read(self._check)
            except Stopped:
                return
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                item = error
            self._ready.put(item)
            if item is None or isinstance(item, BaseException):
                return

    def _check(self) -> None:
        if self._closed.is_set():
            raise Stopped


def _check_alive(thread: threading.Thread, said: Queue[Any]) -> None:
    """Raise MemoryError where a thread has ended without a word, for which it had no memory."""
    if not thread.is_alive() and said.empty():
        raise MemoryError
