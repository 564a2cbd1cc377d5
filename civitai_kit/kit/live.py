"""Downloads within a process that serves: each opens a kit of its own, and locks the save path only while it writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civitai_kit.core.errors import StoreLocked
from civitai_kit.core.events import LockWaits
from civitai_kit.core.plans.report import Report
from civitai_kit.core.plans.scan_request import scan_request
from civitai_kit.kit.download_options import download_options
from civitai_kit.kit.parts import Kit, open_answers, open_kit
from civitai_kit.services.download.download import download
from civitai_kit.services.live.queue import DownloadQueue, Row
from civitai_kit.services.scan.scan import scan

if TYPE_CHECKING:
    from civitai_kit.core.events import Emit
    from civitai_kit.core.plans.plan import Plan
    from civitai_kit.disk.spool import Spool
    from civitai_kit.kit.settings import Loaded
    from civitai_kit.kit.shared_store import SharedStore
    from civitai_kit.services.live.orders import DownloadOrder

_COMMAND = "serve"
# While another program writes under the save path, it is asked so often whether it still does.
_BETWEEN_TRIES = 1.0

Tap = Callable[["Emit"], "Emit"]


def download_queue(
    loaded: Loaded, shared: SharedStore, tap: Tap = lambda emit: emit, ended: Callable[[Row], None] = lambda row: None
) -> DownloadQueue:
    """A queue that downloads by these settings; what happens goes through `tap`, what came of each to `ended`."""

    def carry_out(order: DownloadOrder, emit: Emit, stop: threading.Event, planned: Callable[[Plan], None]) -> Report:
        with open_answers() as answers:
            return _LiveDownload(loaded, shared, tap(emit), stop, answers).carry_out(order, planned)

    # The microseconds of today: no queue had so many changes, and a double still holds them.
    return DownloadQueue(carry_out, time.monotonic, ended, since=time.time_ns() // 1000)


@dataclass(frozen=True, slots=True)
class _LiveDownload:
    """One download of the queue."""

    loaded: Loaded
    shared: SharedStore
    emit: Emit
    stop: threading.Event
    answers: Spool

    def carry_out(self, order: DownloadOrder, planned: Callable[[Plan], None]) -> Report:
        """Scan or take the saved plan, tell it, and download it."""
        with self._open(writing=False) as kit:
            plan = self._plan(kit, order)
            elsewhere = kit.catalog_places.found_elsewhere(plan)
        planned(plan)
        if not plan.items and not elsewhere:
            return Report(skipped=plan.skips, errors=plan.errors, named=plan.named)
        with self._open_when_free() as kit:
            kit.catalog_places.link(elsewhere)
            return download(kit.download_parts, plan, download_options(self.loaded.settings), self.emit)

    def _plan(self, kit: Kit, order: DownloadOrder) -> Plan:
        """What to fetch, with the files at their places in the catalogs."""
        plan = order.plan
        if plan is None:
            assert order.reference is not None, "an order names something or holds a plan"
            plan = scan(kit.scan_parts, scan_request(kit.settings, [order.reference], ()), self.emit)
        return kit.catalog_places.placed(plan)

    @contextmanager
    def _open_when_free(self) -> Iterator[Kit]:
        """A kit for writing, once no other program writes under the save path; raises StoreLocked after a stop."""
        with ExitStack() as stack:
            kit = None
            while kit is None:
                try:
                    kit = stack.enter_context(self._open(writing=True))
                except StoreLocked as error:
                    self.emit(LockWaits(error.message))
                    if self.stop.wait(_BETWEEN_TRIES):
                        raise
            yield kit

    def _open(self, *, writing: bool) -> AbstractContextManager[Kit]:
        return open_kit(
            self.loaded,
            self.emit,
            writing=writing,
            command=_COMMAND,
            stop=self.stop,
            answers=self.answers,
            shared=self.shared,
        )
