"""How often and how fast a host is asked for pictures: a budget for each, and a pace that all share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from civitai_kit.core.errors import Interrupted, RateLimited
from civitai_kit.core.retry import LONGEST_RETRY_AFTER, RetryRules

# After so many pictures without a refusal one more may be under way.
_GROWS_AFTER = 40
_LOOK = 0.2
# Pauses of the whole host that one picture lives through, for each try again that the settings allow.
_PAUSES_EACH = 4


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests one address of a picture may cost at most.

    Troubles of the picture itself (the host is busy, the connection breaks, a page comes instead) allow `tries`: one,
    and `max_retries` more. An answer of 429 counts apart, for all pictures pause together then: `pauses` of them. So
    an address costs at most `tries + pauses` requests, 16 with three retries, before its picture is given up. The
    count of `tries` starts anew when bytes of a large file have advanced. An image has one address, a clip two. Not
    counted are redirects (five a request), and the request that is sent again when a kept connection proves closed.
    """

    rules: RetryRules

    @property
    def tries(self) -> int:
        """Requests that may end in a trouble of the picture's own."""
        return 1 + self.rules.max_retries

    @property
    def pauses(self) -> int:
        """Requests that may be answered with 429."""
        return _PAUSES_EACH * self.rules.max_retries

    @property
    def requests(self) -> int:
        """Requests for one address in all."""
        return self.tries + self.pauses


class HostPace:
    """Turns for many threads at one host: at most `slots` at once, half as many after a refusal, then slowly more.

    `pauses` is how many pauses in a row may bring no picture. `stopped` is asked while waiting; `clock` counts
    seconds.
    """

    def __init__(
        self, slots: int, pauses: int, stopped: Callable[[], bool], clock: Callable[[], float] = monotonic
    ) -> None:
        self._most = slots
        self._most_pauses = pauses
        self._allowed = slots
        self._stopped = stopped
        self._clock = clock
        self._active = 0
        self._free_at = 0.0
        self._successes = 0
        self._pauses = 0
        self._change = threading.Condition()

    @property
    def allowed(self) -> int:
        """How many may be under way at once now."""
        return self._allowed

    @property
    def active(self) -> int:
        """How many are under way."""
        return self._active

    @contextmanager
    def turn(self) -> Iterator[Callable[[], None]]:
        """Wait until one more may go; gives what ends the turn before the block does.

        Raises Interrupted when everything is to stop, RateLimited when the host wants a pause that is not waited for.
        """
        with self._change:
            while (wait := self._seconds_to_wait()) > 0:
                self._sleep(wait)
            self._active += 1
        turn = _Turn(self._give_back)
        try:
            yield turn.end
        finally:
            turn.end()

    def rest(self, seconds: float) -> None:
        """Wait without a turn; raises Interrupted when everything is to stop."""
        until = self._clock() + seconds
        with self._change:
            while (left := until - self._clock()) > 0:
                self._sleep(left)

    def refuse(self, seconds: float) -> float | None:
        """The host asks to slow down: for `seconds` or longer nobody begins, and after that fewer go at once.

        Each pause that follows one without a picture is twice as long. Gives the seconds, None when it is not worth
        asking again after them.
        """
        with self._change:
            now = self._clock()
            if now >= self._free_at:
                self._allowed = max(1, self._allowed // 2)
            if now >= self._free_at or not self._pauses:
                self._pauses += 1
            self._successes = 0
            if self._pauses > self._most_pauses:
                return None
            grown = min(seconds * 2.0 ** min(self._pauses - 1, 30), LONGEST_RETRY_AFTER)
            self._free_at = max(self._free_at, now + max(seconds, grown))
            return max(seconds, grown) if seconds <= LONGEST_RETRY_AFTER else None

    def succeed(self) -> None:
        """A picture came."""
        with self._change:
            self._pauses = 0
            self._successes += 1
            if self._successes >= _GROWS_AFTER and self._allowed < self._most:
                self._allowed += 1
                self._successes = 0
                self._change.notify_all()

    def _give_back(self) -> None:
        with self._change:
            self._active -= 1
            self._change.notify()

    def _seconds_to_wait(self) -> float:
        """Seconds before it is worth looking again, 0 when one more may go."""
        paused = self._free_at - self._clock()
        if paused > LONGEST_RETRY_AFTER:
            raise RateLimited("The image host asks for a long pause.", retry_after=paused)
        if paused > 0:
            return paused
        return _LOOK if self._active >= self._allowed else 0.0

    def _sleep(self, seconds: float) -> None:
        """Wait a little, with the lock given up; raises Interrupted when everything is to stop."""
        if self._stopped():
            raise Interrupted("Stopped before the end.")
        self._change.wait(min(seconds, _LOOK))


class _Turn:
    """One thread's turn, given back once."""

    __slots__ = ("_give_back",)

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def end(self) -> None:
        """Let another go."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()
