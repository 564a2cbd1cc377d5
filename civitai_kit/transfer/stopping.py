"""Stopping in time: whatever waits on a socket or a clock is cut short once the stop flag is set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from civitai_kit.core.errors import Interrupted
from civitai_kit.machine import start_thread

_LOOK = 0.2  # Seconds between two looks of the watcher at whether it is still needed.


def interrupted() -> Interrupted:
    """The error that ends a transfer when the stop flag is set."""
    return Interrupted("Interrupted.", hint="Run the same command again to go on from here.")


class Stopping:
    """Watches a stop flag and cuts what was registered with `during` as soon as it is set."""

    def __init__(self, stop: threading.Event, sleep: Callable[[float], object] | None = None) -> None:
        self._stop = stop
        self._sleep = sleep or stop.wait
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._cuts: dict[object, Callable[[], None]] = {}
        self._watcher: threading.Thread | None = None

    def is_set(self) -> bool:
        """Whether everything is to stop."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise Interrupted when everything is to stop."""
        if self._stop.is_set():
            raise interrupted()

    def wait(self, seconds: float) -> None:
        """Wait before another try; raise Interrupted at once when everything is to stop."""
        self._sleep(seconds)
        self.check()

    def pause(self, seconds: float) -> None:
        """Wait for bandwidth; end early when everything is to stop."""
        self._stop.wait(seconds)

    @contextmanager
    def during(self, cut: Callable[[], None]) -> Iterator[None]:
        """While in the block, call `cut` (from another thread) should everything have to stop."""
        token = object()
        with self._lock:
            self._cuts[token] = cut
            self._watch()
        try:
            if self._stop.is_set():
                cut()
            yield
        finally:
            with self._lock:
                self._cuts.pop(token, None)

    def set(self) -> None:
        """Set the flag and cut everything now."""
        self._stop.set()
        self._cut_all()

    def close(self) -> None:
        """End the watching."""
        self._closed.set()

    def _watch(self) -> None:
        if self._watcher is None and not self._closed.is_set():
            self._watcher = start_thread(self._run, "stopping")

    def _run(self) -> None:
        while not self._closed.is_set():
            if self._stop.wait(_LOOK):
                self._cut_all()
                return

    def _cut_all(self) -> None:
        with self._lock:
            cuts = list(self._cuts.values())
        for cut in cuts:
            cut()
