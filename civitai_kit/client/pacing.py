"""The polite pause between requests, one for a whole process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from civitai_kit.core.retry import sound_seconds


class PacePolicy(Protocol):
    """Decides when a request may start; any thread may ask. Pace is the usual policy."""

    def reserve(self) -> float:
        """Take the next start; gives the seconds to wait for it."""

    def hold(self, seconds: float) -> None:
        """Let nobody start for so long: the site has asked for a pause."""


def turn_of(pace: PacePolicy) -> float:
    """The seconds that a policy, which may be anybody's, lets us wait. Raises UsageError for what are none."""
    return sound_seconds(pace.reserve(), "What reserve() of a pace gives")


class Pace:
    """Lets requests start at least `delay` seconds apart, whichever thread or client they come from.

    Clients that share one take turns. Without a delay (the usual) requests only wait when the site asks for it.
    `clock` gives seconds that never go back.
    """

    def __init__(self, delay: float = 0.0, clock: Callable[[], float] = monotonic) -> None:
        self._delay = sound_seconds(delay, "The delay of a pace")
        self._clock = clock
        self._free = 0.0
        self._held = 0.0
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Take the next start; gives the seconds to wait for it."""
        with self._lock:
            now = self._clock()
            start = max(now, self._free)
            self._free = start + self._delay
            return start - now

    def held(self) -> float:
        """Seconds for which nobody should start because the site has asked for a pause."""
        with self._lock:
            return max(0.0, self._held - self._clock())

    def hold(self, seconds: float) -> None:
        """Let nobody start for so long: the site has asked for a pause."""
        with self._lock:
            self._held = max(self._held, self._clock() + seconds)
            self._free = max(self._free, self._held)
