"""The queue of downloads: one at a time in a thread, in the order in which they were asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from civitai_kit.core.errors import CivitaiKitError, NotFound, in_our_tree
from civitai_kit.core.events import Emit, Event
from civitai_kit.core.plans.plan import Plan
from civitai_kit.core.plans.report import Report
from civitai_kit.services.catalog.catalogs import NotNow, UnderWay
from civitai_kit.services.live.orders import DownloadOrder, DownloadStatus, OrderedDownload

_MOST_WAITING = 100
_MOST_ENDED = 100

Row = dict[str, Any]


class CarryOut(Protocol):
    """What downloads: it tells the plan before the first byte, ends in order once `stop` is set, and may raise."""

    def __call__(
        self, order: DownloadOrder, emit: Emit, stop: threading.Event, planned: Callable[[Plan], None]
    ) -> Report:
        """Carry out one order."""


class DownloadQueue:
    """Takes orders from any thread and carries them out; what has ended is remembered for a while.

    `clock` gives seconds that only grow; `ended` hears of each that was carried out. Rows are what
    `OrderedDownload.as_row` makes. Revisions begin after `since`: where that is more than any of a queue before this
    one, who last heard of that one hears all of this.
    """

    def __init__(
        self,
        carry_out: CarryOut,
        clock: Callable[[], float],
        ended: Callable[[Row], None] = lambda row: None,
        *,
        since: int = 0,
    ) -> None:
        self._carry_out = carry_out
        self._clock = clock
        self._ended = ended
        self._changed = threading.Condition(threading.RLock())
        self._downloads: dict[int, OrderedDownload] = {}
        self._hearers: set[Callable[[], None]] = set()
        self._revision = since
        self._numbers = 0
        self._thread: threading.Thread | None = None
        self.is_closed = False
        # Closed, and nothing will change any more.
        self.is_ended = False

    def add(self, order: DownloadOrder) -> tuple[Row, bool]:
        """Queue an order; gives its row, and whether it is new: what waits or runs already is not queued again.

        Raises NotNow when too many wait, or the queue is closed.
        """
        with self._changed:
            for held in self._downloads.values():
                if order.plan is None and held.order.text == order.text and not held.status.is_end:
                    return held.as_row(self._clock()), False
            if self.is_closed:
                raise NotNow("The server is being closed.", status=503)
            if len(self._waiting()) >= _MOST_WAITING:
                raise NotNow(f"{_MOST_WAITING} downloads wait already.", status=503, hint="Let some of them end first.")
            self._forget_old()
            self._numbers += 1
            new = self._downloads[self._numbers] = OrderedDownload(self._numbers, order)
            self._note(new)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="downloads", daemon=True)
                self._thread.start()
            return new.as_row(self._clock()), True

    def rows(self, since: int = 0) -> list[Row]:
        """The downloads that changed after revision `since`, in the order of their changes."""
        with self._changed:
            if since > self._revision:  # Of a queue before this one.
                since = 0
            changed = [held for held in self._downloads.values() if held.revision > since]
            return [held.as_row(self._clock()) for held in sorted(changed, key=lambda held: held.revision)]

    def row(self, number: int) -> Row:
        """One download; raises NotFound."""
        with self._changed:
            return self._held(number).as_row(self._clock())

    def stop(self, number: int) -> Row:
        """End a download in order, or take it off the queue; raises NotFound, or NotNow for one that has ended."""
        with self._changed:
            held = self._held(number)
            if held.status.is_end:
                raise NotNow(f"Download {number} has ended: {held.status}.", status=409)
            held.stop.set()
            if held.status is DownloadStatus.QUEUED:
                held.status = DownloadStatus.STOPPED
                self._note(held)
            return held.as_row(self._clock())

    def moving(self) -> dict[int, UnderWay]:
        """What is under way or waits, by version."""
        with self._changed:
            found: dict[int, UnderWay] = {}
            for held in self._downloads.values():
                found |= {number: UnderWay(is_queued=True) for number in held.version_ids() if number not in found}
                for row in held.as_row(self._clock())["moving"]:
                    if row["version_id"] is not None:
                        found[row["version_id"]] = _with(found.get(row["version_id"]), row)
            return found

    @contextmanager
    def heard(self, hearer: Callable[[], None]) -> Iterator[None]:
        """Call `hearer`, from any thread, at each change within `with`; it must return at once and not raise."""
        with self._changed:
            self._hearers.add(hearer)
        try:
            yield
        finally:
            with self._changed:
                self._hearers.discard(hearer)

    def close(self) -> None:
        """Take nothing more, end what runs in order and wait for it, take off what waits."""
        with self._changed:
            self.is_closed = True
            for held in self._waiting():
                held.status = DownloadStatus.STOPPED
                self._note(held)
            for held in self._downloads.values():
                held.stop.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        with self._changed:
            self.is_ended = True
            self._tell()

    def _work(self) -> None:
        while (held := self._next()) is not None:
            outcome = self._outcome(held)
            with self._changed:
                held.end(outcome)
                self._forget_old()
                self._note(held)
                row = held.as_row(self._clock())
            self._ended(row)

    def _next(self) -> OrderedDownload | None:
        """Wait for the next; None once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_closed or self._waiting())
            if self.is_closed:
                return None
            held = self._waiting()[0]
            held.status = DownloadStatus.RUNNING
            self._note(held)
            return held

    def _outcome(self, held: OrderedDownload) -> Report | CivitaiKitError:
        def emit(event: Event) -> None:
            with self._changed:
                held.take(event, self._clock())
                self._note(held)

        def planned(plan: Plan) -> None:
            with self._changed:
                held.take_plan(plan)

        try:
            return self._carry_out(held.order, emit, held.stop, planned)
        except Exception as error:  # noqa: BLE001 - the failure of one is its row; the next has its turn
            return in_our_tree(error)

    def _waiting(self) -> list[OrderedDownload]:
        return [held for held in self._downloads.values() if held.status is DownloadStatus.QUEUED]

    def _held(self, number: int) -> OrderedDownload:
        try:
            return self._downloads[number]
        except KeyError:
            raise NotFound(f"There is no download {number}.", status=404) from None

    def _forget_old(self) -> None:
        ended = [number for number, held in self._downloads.items() if held.status.is_end]
        for number in ended[:-_MOST_ENDED]:
            del self._downloads[number]

    def _note(self, held: OrderedDownload) -> None:
        self._revision += 1
        held.revision = self._revision
        self._changed.notify_all()
        self._tell()

    def _tell(self) -> None:
        for hearer in tuple(self._hearers):
            hearer()


def _with(known: UnderWay | None, row: Row) -> UnderWay:
    """What is under way for a version, with one more of its files."""
    if known is None or known.is_queued:
        return UnderWay(is_queued=False, done=row["done"], total=row["size"], speed=row["speed"])
    total = None if known.total is None or row["size"] is None else known.total + row["size"]
    return UnderWay(is_queued=False, done=known.done + row["done"], total=total, speed=known.speed + row["speed"])
