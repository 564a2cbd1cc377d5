"""Several large files over TLS at once, spread over a few processes: one alone keeps little more than a core busy."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from civitai_kit.core.events import Emit
from civitai_kit.core.plans.order import Content, Fetched, Order
from civitai_kit.transfer.lane import cores
from civitai_kit.transfer.recipe import Recipe
from civitai_kit.transfer.source import Pace

if TYPE_CHECKING:
    from civitai_kit.transfer.mate import Mate

# A smaller file is here before a process has started.
LEAST = 64 * 1024 * 1024

# Three processes in all fill a line of ten gigabits and stay below 150 MB together; each costs some forty.
_MOST_PROCESSES = 2


class Crew:
    """Fetches as a `Fetcher` does, here or in a process beside this one; one crew serves many threads at once.

    Each TLS record costs a thread the interpreter's lock, so threads of one process wait for each other. What is
    fetched alone, is small, of unknown size or not over TLS stays here, as does everything under `limit_rate`, which
    one process keeps. `least` is the size in bytes worth a process, `most` how many are started at most (None: one
    fewer than there are cores, and two). Setting `stop` ends every transfer within three seconds.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        limit_rate: int | None = None,
        stop: threading.Event | None = None,
        pace: Pace | None = None,
        log: Callable[[str], None] | None = None,
        least: int = LEAST,
        most: int | None = None,
    ) -> None:
        self._recipe = recipe
        self._stop = stop or threading.Event()
        self._pace = pace
        self._log = log or _say_nothing
        self._least = least
        self._most = 0 if limit_rate or not _can_start() else _room() if most is None else most
        self._local = recipe.fetcher(stop=self._stop, pace=pace, log=log, limit_rate=limit_rate)
        self._lock = threading.Lock()
        self._mates: list[Mate] = []
        self._busy: Counter[Mate | None] = Counter()  # Large transfers by place; None is here.

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fetch(self, order: Order, emit: Emit) -> Fetched:
        """Fetch, prove and name one file; raises what `Fetcher.fetch` raises. `emit` is called in this thread or,
        with several connections, in one of the transfer's own, and never after the end."""
        if not self._is_large(order):
            return self._local.fetch(order, emit)
        with self._place(lambda: self._choose(order)) as mate:
            fetched = self._local.fetch(order, emit) if mate is None else mate.fetch(order, emit)
        if fetched is not None:
            return fetched
        self._log(f"{order.key}: the process that fetched this is gone; it goes on here.")
        with self._place(lambda: None):
            return self._local.fetch(order, emit)

    def close(self) -> None:
        """End the processes and close the connections."""
        with self._lock:
            self._most = 0
            mates = list(self._mates)
        for mate in mates:
            mate.dismiss()
        for mate in mates:
            mate.close()
        self._local.close()

    # -- choosing a place ---------------------------------------------------------------------------------------

    def _is_large(self, order: Order) -> bool:
        """Whether this keeps a place busy: what is not known to be small does."""
        size = order.proof.size
        return order.content is Content.MODEL and (size is None or size >= self._least)

    @contextmanager
    def _place(self, choose: Callable[[], Mate | None]) -> Iterator[Mate | None]:
        """A place for one large transfer, counted while in the block; None is here."""
        with self._lock:
            place = choose()
            self._busy[place] += 1
        try:
            yield place
        finally:
            with self._lock:
                self._busy[place] -= 1

    def _choose(self, order: Order) -> Mate | None:
        """The least busy place; a new one when every other is busy and there may be more."""
        if not self._busy[None] or not self._may_leave(order):
            return None
        places: list[Mate | None] = [None, *(mate for mate in self._mates if not mate.lost)]
        idlest = min(places, key=lambda place: self._busy[place])
        if self._busy[idlest] and len(self._mates) < self._most:
            return self._start() or idlest
        return idlest

    def _may_leave(self, order: Order) -> bool:
        is_tls = order.urls[0].lower().startswith("https:")
        return is_tls and order.proof.size is not None and not self._stop.is_set()

    def _start(self) -> Mate | None:
        from civitai_kit.transfer.mate import Mate

        try:
            mate = Mate(self._recipe, stop=self._stop, pace=self._pace, log=self._log)
        except OSError as error:
            self._most = 0
            self._log(f"No process can be started: {error}")
            return None
        self._mates.append(mate)  # It keeps its place when it is lost: it is not started again.
        return mate


def _room() -> int:
    return min(cores() - 1, _MOST_PROCESSES)


def _can_start() -> bool:
    """Whether this program is a Python that can be started once more; one frozen into a program is not."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def _say_nothing(_: str) -> None:
    pass
