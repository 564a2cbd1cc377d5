"""How fast pictures are asked of their host: a pause that all share, and fewer at a time after a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from civitai_kit.core.errors import Interrupted

# After so many pictures without a refusal one more may be under way.
_GROWS_AFTER = 40
# A pause that brought no picture is followed by one twice as long, up to so many times the first.
_LONGEST = 16
_LOOK = 0.2


class HostPace:
    """Turns for many threads at one host: at most `slots` at once, half as many after a refusal, then slowly more.

    `rounds` is how many pauses in a row may bring no picture. `stopped` is asked while waiting; `clock` counts
    seconds.
    """

    def __init__(
        self, slots: int, rounds: int, stopped: Callable[[], bool], clock: Callable[[], float] = monotonic
    ) -> None:
        self._most = slots
        self._rounds = rounds
        self._allowed = slots
        self._stopped = stopped
        self._clock = clock
        self._active = 0
        self._free_at = 0.0
        self._well = 0
        self._pauses = 0
        self._change = threading.Condition()

    @property
    def allowed(self) -> int:
        """How many may be under way at once now."""
        return self._allowed

    @contextmanager
    def turn(self) -> Iterator[Callable[[], None]]:
        """Wait until one more may go; gives what ends the turn before the block does.

        Raises Interrupted when everything is to stop.
        """
        with self._change:
            while (wait := self._wait()) > 0:
                if self._stopped():
                    raise Interrupted("Stopped before the end.")
                self._change.wait(min(wait, _LOOK))
            self._active += 1
        turn = _Turn(self._give_back)
        try:
            yield turn.end
        finally:
            turn.end()

    def slow_down(self, seconds: float) -> None:
        """The host asks one to slow down: nobody else begins for so long, and fewer go at once after that."""
        with self._change:
            now = self._clock()
            if now >= self._free_at:
                self._allowed = max(1, self._allowed // 2)
            self._well = 0
            self._free_at = max(self._free_at, now + seconds)

    def refused(self, seconds: float) -> bool:
        """The host did not give a picture, however often it was asked: all pause, the longer the more often.

        Says whether it is worth asking again after that.
        """
        with self._change:
            now = self._clock()
            if now >= self._free_at or not self._pauses:
                self._pauses += 1
            wait = seconds * min(2 ** (self._pauses - 1), _LONGEST)
            tired = self._pauses > self._rounds
        self.slow_down(0.0 if tired else wait)
        return not tired

    def went_well(self) -> None:
        """A picture came."""
        with self._change:
            self._pauses = 0
            self._well += 1
            if self._well >= _GROWS_AFTER and self._allowed < self._most:
                self._allowed += 1
                self._well = 0
                self._change.notify_all()

    def _give_back(self) -> None:
        with self._change:
            self._active -= 1
            self._change.notify()

    def _wait(self) -> float:
        """Seconds before it is worth looking again, 0 when one more may go."""
        paused = self._free_at - self._clock()
        if paused > 0:
            return paused
        return _LOOK if self._active >= self._allowed else 0.0


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
