"""The queue of a server's downloads, by itself: what it remembers is bounded, whatever is asked of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

from civitai_kit.core.events import Emit
from civitai_kit.core.plans.plan import Plan
from civitai_kit.core.plans.report import Report
from civitai_kit.services.live.orders import DownloadOrder
from civitai_kit.services.live.queue import DownloadQueue


def until_stopped(order: DownloadOrder, emit: Emit, stop: threading.Event, planned: Callable[[Plan], None]) -> Report:
    stop.wait()
    return Report()


def test_downloads_that_were_queued_and_taken_off_are_forgotten_while_another_one_runs() -> None:
    with closing(DownloadQueue(until_stopped, time.monotonic)) as queue:
        first, _ = queue.add(DownloadOrder("first"))
        last = 0
        for number in range(300):
            row, is_new = queue.add(DownloadOrder(str(number)))
            assert is_new
            last = queue.stop(row["id"])["id"]
        rows = queue.rows()
        assert len(rows) <= 102
        assert {first["id"], last} <= {held["id"] for held in rows}
