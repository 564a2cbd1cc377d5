"""Downloads that are asked for over HTTP: queued, looked at, stopped, and followed as they go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from civitai_kit.core.errors import CivitaiKitError, UsageError
from civitai_kit.services.catalog.catalogs import NotNow
from civitai_kit.services.live.orders import DownloadOrder
from civitai_kit.services.live.queue import DownloadQueue
from civitai_kit.web.answers import Told, of_error
from civitai_kit.web.path_ids import id_in_path

EVENTS = "/api/admin/events"
DOWNLOAD = "/api/admin/download"
# A saved plan of some ten thousand files.
MOST_PLAN = 16 * 2**20

_MOST_FOLLOWERS = 50
# What happens within this time is told at once; a line that says nothing keeps proxies from closing the stream.
_BETWEEN_EVENTS = 0.2
_QUIET_SECONDS = 15.0
_STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class LiveParts:
    """What downloads are asked of. `read_order` makes an order of a request's JSON; raises UsageError."""

    queue: DownloadQueue
    read_order: Callable[[Any], DownloadOrder]


class LiveApi:
    """The questions about downloads; `told` hears of every error that an answer was made of."""

    def __init__(self, parts: LiveParts, told: Told) -> None:
        self._queue = parts.queue
        self._read_order = parts.read_order
        self._told = told
        self._followers = asyncio.Semaphore(_MOST_FOLLOWERS)

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route(DOWNLOAD, self._order, methods=["POST"]),
            Route(DOWNLOAD, self._listed, methods=["GET"]),
            Route(f"{DOWNLOAD}/{{number}}", self._one, methods=["GET"]),
            Route(f"{DOWNLOAD}/{{number}}", self._stop, methods=["DELETE"]),
            Route(EVENTS, self._events, methods=["GET"]),
        ]

    async def _order(self, request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(self._answered, lambda: self._queued(body))

    def _queued(self, body: bytes) -> Response:
        row, is_new = self._queue.add(self._read_order(_json(body)))
        return JSONResponse(row, 202 if is_new else 200, {"Location": f"{DOWNLOAD}/{row['id']}"})

    async def _listed(self, request: Request) -> Response:
        return JSONResponse({"downloads": self._queue.rows()})

    async def _one(self, request: Request) -> Response:
        return self._answered(lambda: JSONResponse(self._queue.row(id_in_path(request, "number"))))

    async def _stop(self, request: Request) -> Response:
        return self._answered(lambda: JSONResponse(self._queue.stop(id_in_path(request, "number"))))

    async def _events(self, request: Request) -> Response:
        if self._followers.locked():
            return of_error(NotNow("Too many programs follow the downloads already.", status=503))
        last = request.headers.get("last-event-id", "")
        since = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0
        rows = _stream(self._queue, since)
        return _Followed(rows, self._followers)

    def _answered(self, answer: Callable[[], Response]) -> Response:
        try:
            return answer()
        except CivitaiKitError as error:
            self._told(error)
            return of_error(error)


class _Followed(StreamingResponse):
    """A stream of events, that has one of the places for as long as it is open."""

    def __init__(self, rows: AsyncIterator[bytes], places: asyncio.Semaphore) -> None:
        super().__init__(rows, media_type="text/event-stream", headers=_STREAM_HEADERS)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Nothing is awaited between the look at the places and here, so that one is free."""
        async with self._places:
            await super().__call__(scope, receive, send)


async def _stream(queue: DownloadQueue, since: int) -> AsyncIterator[bytes]:
    """Every download that changed after `since`, then each change; many changes of one at once are told as one."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    with queue.heard(lambda: _call(loop, changed.set)):
        yield b": these are the downloads\n\n"
        while True:
            changed.clear()
            is_last = queue.is_ended
            for row in queue.rows(since):
                since = row["revision"]
                yield b"id: %d\nevent: download\ndata: %s\n\n" % (since, json.dumps(row).encode())
            if is_last:
                return
            await asyncio.sleep(_BETWEEN_EVENTS)
            try:
                await asyncio.wait_for(changed.wait(), _QUIET_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"


def _call(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    """Have it called in a loop that another thread runs, and that may have ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(action)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The body is no JSON: {error}") from error
