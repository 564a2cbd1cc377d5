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

from civitai_kit.core.errors import CivitaiKitError, UsageError
from civitai_kit.services.catalog.catalogs import NotNow
from civitai_kit.services.live.orders import DownloadOrder
from civitai_kit.services.live.queue import DownloadQueue, Row
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


def live_routes(parts: LiveParts, told: Told) -> list[Route]:
    """The routes; `told` hears of every error that an answer was made of."""
    followers = asyncio.Semaphore(_MOST_FOLLOWERS)

    def answered(ask: Callable[[], Row], status: int = 200) -> Response:
        try:
            return JSONResponse(ask(), status)
        except CivitaiKitError as error:
            told(error)
            return of_error(error)

    async def queue(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(queued, body)

    def queued(body: bytes) -> Response:
        try:
            row, is_new = parts.queue.add(parts.read_order(_json(body)))
        except CivitaiKitError as error:
            told(error)
            return of_error(error)
        return JSONResponse(row, 202 if is_new else 200, {"Location": f"{DOWNLOAD}/{row['id']}"})

    async def listed(request: Request) -> Response:
        return answered(lambda: {"downloads": parts.queue.rows()})

    async def one(request: Request) -> Response:
        return answered(lambda: parts.queue.row(id_in_path(request, "number")))

    async def stop(request: Request) -> Response:
        return answered(lambda: parts.queue.stop(id_in_path(request, "number")))

    async def events(request: Request) -> Response:
        if followers.locked():
            return of_error(NotNow("Too many programs follow the downloads already.", status=503))
        last = request.headers.get("last-event-id", "")
        since = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0
        return StreamingResponse(
            _stream(parts.queue, since, followers), media_type="text/event-stream", headers=_STREAM_HEADERS
        )

    return [
        Route(DOWNLOAD, queue, methods=["POST"]),
        Route(DOWNLOAD, listed, methods=["GET"]),
        Route(f"{DOWNLOAD}/{{number}}", one, methods=["GET"]),
        Route(f"{DOWNLOAD}/{{number}}", stop, methods=["DELETE"]),
        Route(EVENTS, events, methods=["GET"]),
    ]


async def _stream(queue: DownloadQueue, since: int, followers: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """Every download that changed after `since`, then each change; many changes of one at once are told as one."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    async with followers:
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
