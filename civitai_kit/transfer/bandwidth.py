"""One limit of bytes a second over all transfers."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Bandwidth:
    """A token bucket shared by every transfer; `rate` in bytes a second, None for no limit."""

    _SLICE = 0.1  # Seconds of the rate that one read may take, so that the flow stays even.

    def __init__(self, rate: int | None, clock: Callable[[], float], wait: Callable[[float], object]) -> None:
        self._rate = rate
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._free_at = clock()

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._rate is not None

    def most(self, wanted: int) -> int:
        """How many of `wanted` bytes to read at once."""
        return wanted if self._rate is None else max(1, min(wanted, int(self._rate * self._SLICE)))

    def spend(self, count: int) -> None:
        """Account for `count` bytes read, and wait until they have been paid for."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now) + count / self._rate
            wait = self._free_at - now
        if wait > 0:
            self._wait(wait)
