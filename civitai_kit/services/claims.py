"""The same thing wanted by several jobs at once: one brings it, the others wait and are told where it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Things brought lately that the store may not know of yet.
_MOST_LATELY = 1000
_LOOK = 0.2


class Claims(Generic[K, V]):
    """Things claimed by jobs, and what became of those brought lately; `stopped` is asked while waiting."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._claimed: set[K] = set()
        self._lately: dict[K, V] = {}
        self._change = threading.Condition()

    @contextmanager
    def claim(self, thing: K) -> Iterator[V | None]:
        """Have a thing to oneself; gives what another job has brought of it lately."""
        with self._change:
            while thing in self._claimed and not self._stopped():
                self._change.wait(_LOOK)
            self._claimed.add(thing)
            lately = self._lately.get(thing)
        try:
            yield lately
        finally:
            with self._change:
                self._claimed.discard(thing)
                self._change.notify_all()

    def bring(self, thing: K, brought: V) -> None:
        """The thing is here now."""
        with self._change:
            self._lately[thing] = brought
            if len(self._lately) > _MOST_LATELY:
                del self._lately[next(iter(self._lately))]
