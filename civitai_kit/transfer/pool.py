"""Slots for many transfers at once: daemon threads, outcomes as they come, an orderly stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError, in_our_tree
from civitai_kit.machine import start_thread
from civitai_kit.transfer.stopping import interrupted

T = TypeVar("T")

_GRACE = 2.5  # Seconds that running jobs have to end before they are left behind.
_LOOK = 0.2  # Seconds between two looks at the stop flag while nothing comes.


@dataclass(frozen=True, slots=True)
class FinishedJob(Generic[T]):
    """What became of the job at place `index` of the jobs: its value, or the error that it raised, in our tree."""

    index: int
    value: T | None = None
    error: CivitaiKitError | None = None


class Pool:
    """Runs jobs in `concurrency` slots until they are done, one of them ends the run, or `stop` is set."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def run(self, jobs: Iterable[Callable[[], T]], concurrency: int) -> Iterator[FinishedJob[T]]:
        """Start jobs in their order, a new one only when a slot is free, and give outcomes as they come.

        An error that ends a run (a full disk, a used-up quota …) lets no further job start; those under way
        finish. After `stop` they get three seconds, and whoever has not ended by then is given as Interrupted.
        """
        run = _PoolRun(jobs, self._stop)
        try:
            run.start(max(1, concurrency))
            yield from run.outcomes()
        finally:
            run.close()


class _PoolRun(Generic[T]):
    """One run of a pool."""

    def __init__(self, jobs: Iterable[Callable[[], T]], stop: threading.Event) -> None:
        self.slots = 0
        self._threads: list[threading.Thread] = []
        self._jobs = enumerate(jobs)
        self._stop = stop
        self._lock = threading.Lock()
        self._closed = False
        self._running: set[int] = set()
        self._results: SimpleQueue[FinishedJob[T] | Exception | None] = SimpleQueue()

    def start(self, slots: int) -> None:
        """Start the slots, fewer where there is no room for all; raises as `start_thread` where there is for none."""
        for _ in range(slots):
            try:
                self._threads.append(start_thread(self.work, "transfer"))
            except (RuntimeError, MemoryError):
                if not self._threads:
                    raise
                return
            self.slots += 1

    def outcomes(self) -> Iterator[FinishedJob[T]]:
        """Outcomes until every slot is empty."""
        deadline = float("inf")
        while self.slots:
            if deadline == float("inf") and self._stop.is_set():
                deadline = time.monotonic() + _GRACE
            try:
                outcome = self._results.get(timeout=_LOOK)
            except Empty:
                if time.monotonic() > deadline:
                    yield from self._left_behind()
                    return
                self._check_threads()
                continue
            if outcome is None:
                self.slots -= 1
                continue
            if isinstance(outcome, Exception):
                raise outcome
            self._running.discard(outcome.index)
            yield outcome

    def work(self) -> None:
        """Take and do jobs until there are none; this runs in a slot's thread."""
        try:
            while (taken := self._take()) is not None:
                self._results.put(self._do(*taken))
        except Exception as error:  # noqa: BLE001 - the jobs' own iterable failed; raised where it is read
            self._results.put(error)
        finally:
            self._results.put(None)

    def close(self) -> None:
        """Let no further job start."""
        with self._lock:
            self._closed = True

    def _take(self) -> tuple[int, Callable[[], T]] | None:
        with self._lock:
            if self._closed or self._stop.is_set():
                return None
            taken = next(self._jobs, None)
            if taken is not None:
                self._running.add(taken[0])
            return taken

    def _do(self, index: int, job: Callable[[], T]) -> FinishedJob[T]:
        try:
            return FinishedJob(index, value=job())
        except Exception as error:  # noqa: BLE001 - an outcome; whoever reads it decides
            failure = in_our_tree(error)
            if failure.code in ENDS_RUN:
                self.close()
            return FinishedJob(index, error=failure)

    def _check_threads(self) -> None:
        """Raise MemoryError where the slots have ended without a word, for which they had no memory."""
        if not any(thread.is_alive() for thread in self._threads) and self._results.empty():
            raise MemoryError

    def _left_behind(self) -> Iterator[FinishedJob[T]]:
        self.close()
        for index in sorted(self._running):
            yield FinishedJob(index, error=interrupted())
