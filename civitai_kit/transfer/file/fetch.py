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
from civitai_kit.transfer.file.attempts import SharedParts
from civitai_kit.transfer.file.reader import BodyReader
from civitai_kit.transfer.file.small_picture import fetch_small_picture
from civitai_kit.transfer.file.whole_file import fetch_whole_file
from civitai_kit.transfer.file.writer import HashingSlots
from civitai_kit.transfer.http.client import HttpClient
from civitai_kit.transfer.http.source import SitePace, Source, origin_of, parse_url
from civitai_kit.transfer.stopping import Stopping


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
        pace: SitePace | None = None,
    ) -> None:
        self._pace = pace
        self._site = origin_of(parse_url(site))
        self._api_key = api_key
        self._connections = connections
        self._clock = clock
        self._stopping = Stopping(stop or threading.Event(), sleep)
        self._http = HttpClient(user_agent=user_agent, timeout=timeout, stopping=self._stopping)
        bandwidth = Bandwidth(limit_rate, time.monotonic, self._stopping.pause)
        self._shared = SharedParts(
            open_source=self._open_source,
            reader=BodyReader(stopping=self._stopping, bandwidth=bandwidth, timeout=timeout, clock=time.monotonic),
            stopping=self._stopping,
            rules=retries,
            chance=chance,
            ticks=time.monotonic,
            log=log or _say_nothing,
            hashing=HashingSlots(),
        )
        self._one_try = replace(self._shared, rules=replace(retries, max_retries=0))

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
            return fetch_whole_file(self._shared, wanted, emit)
        except Setback as setback:
            raise setback.error from setback

    def fetch_picture(self, order: Order, emit: Emit) -> Fetched:
        """Try once to fetch a picture or clip, and name it by what it is; more tries are for the caller to make.

        Raises Setback when the host or the bytes refused, DiskError or Interrupted. What came of a large one stays in
        the part file, and the next try goes on from there.
        """
        try:
            return fetch_small_picture(self._one_try, order, emit)
        except TransferError as error:
            trouble = Trouble.GARBLED if isinstance(error, NotAModel) else Trouble.NETWORK
            raise Setback(error, trouble) from error

    def stop(self) -> None:
        """Have every transfer end now, its part kept."""
        self._stopping.set()

    def close(self) -> None:
        """Close the connections."""
        self._stopping.close()
        self._http.close()

    def _open_source(self, url: str, content: Content) -> Source:
        key = self._api_key if content is Content.MODEL else None
        return Source(
            self._http, self._stopping, url=url, site=self._site, api_key=key, clock=self._clock, pace=self._pace
        )


def _say_nothing(_: str) -> None:
    pass
