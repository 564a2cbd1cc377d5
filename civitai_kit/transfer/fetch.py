"""One order → one verified file under its final name: the door of this room."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from civitai_kit.core.errors import NotAModel, TransferError
from civitai_kit.core.events import Emit
from civitai_kit.core.plans.order import Content, Fetched, Order
from civitai_kit.core.retry import RetryRules, Setback, Trouble
from civitai_kit.transfer.bandwidth import Bandwidth
from civitai_kit.transfer.body import Mover
from civitai_kit.transfer.fill import Gear
from civitai_kit.transfer.gulp import gulp
from civitai_kit.transfer.halt import Halt
from civitai_kit.transfer.lane import Hashers
from civitai_kit.transfer.source import Pace, Source, origin_of, parse_url
from civitai_kit.transfer.walk import walk
from civitai_kit.transfer.wire import Wire


class Fetcher:
    """Fetches files, each in the caller's thread; one fetcher serves many threads at once.

    `site` is the site's root: only there does `api_key` go. `timeout` in seconds bounds every silence,
    `limit_rate` the bytes a second of all transfers together, `connections` is what an order asks for at least.
    Setting `stop` makes every call raise Interrupted within three seconds, with its part kept. `clock` tells the
    time of day, `sleep` waits between tries (and may return early), `chance` gives 0 to 1. `pace` knows the pauses
    that the site has asked of anybody in this process.
    """

    def __init__(
        self,
        *,
        site: str,
        api_key: str | None,
        user_agent: str,
        timeout: float,
        retries: RetryRules,
        connections: int = 1,
        limit_rate: int | None = None,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        chance: Callable[[], float] = random.random,
        log: Callable[[str], None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace
        self._site = origin_of(parse_url(site))
        self._api_key = api_key
        self._connections = connections
        self._clock = clock
        self._halt = Halt(stop or threading.Event(), sleep)
        self._wire = Wire(user_agent=user_agent, timeout=timeout, halt=self._halt)
        bandwidth = Bandwidth(limit_rate, time.monotonic, self._halt.pause)
        self._gear = Gear(
            open_source=self._open_source,
            mover=Mover(halt=self._halt, bandwidth=bandwidth, timeout=timeout, clock=time.monotonic),
            halt=self._halt,
            rules=retries,
            chance=chance,
            ticks=time.monotonic,
            log=log or _say_nothing,
            hashers=Hashers(),
        )
        self._one_try = replace(self._gear, rules=replace(retries, max_retries=0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fetch(self, order: Order, emit: Emit) -> Fetched:
        """Fetch, prove and name one file.

        Raises SiteError (what the site refused), TransferError (what the bytes refused), DiskError or Interrupted.
        Nothing stands under the final name unless it is whole and proved; what came stays in the part file.
        """
        wanted = replace(order, connections=max(order.connections, self._connections))
        try:
            return walk(self._gear, wanted, emit)
        except Setback as setback:
            raise setback.error from setback

    def fetch_picture(self, order: Order, emit: Emit) -> Fetched:
        """Try once to fetch a picture or clip, and name it by what it is; more tries are for the caller to make.

        Raises Setback when the host or the bytes refused, DiskError or Interrupted. What came of a large one stays in
        the part file, and the next try goes on from there.
        """
        try:
            return gulp(self._one_try, order, emit)
        except TransferError as error:
            trouble = Trouble.GARBLED if isinstance(error, NotAModel) else Trouble.NETWORK
            raise Setback(error, trouble) from error

    def stop(self) -> None:
        """Have every transfer end now, its part kept."""
        self._halt.set()

    def close(self) -> None:
        """Close the connections."""
        self._halt.close()
        self._wire.close()

    def _open_source(self, url: str, content: Content) -> Source:
        key = self._api_key if content is Content.MODEL else None
        return Source(self._wire, self._halt, url=url, site=self._site, api_key=key, clock=self._clock, pace=self._pace)


def _say_nothing(_: str) -> None:
    pass
