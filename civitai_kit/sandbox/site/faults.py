"""How each fault of the first host is acted out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from civitai_kit.sandbox import pages
from civitai_kit.sandbox.faults import Pending
from civitai_kit.sandbox.site.downloads import QUOTA
from civitai_kit.sandbox.site.replies import REGION_TEXT, error, html_not_found, json_reply
from civitai_kit.sandbox.state import SandboxState

ENDINGS = "civitai_kit.endings"
"""Key under which the server puts the functions `close` and `reset` of the connection into the scope."""


async def meet(pending: Pending, state: SandboxState, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: PLR0917
    """Answer a request with the fault that it meets."""
    if pending.name == "reset":
        await _end(scope, receive, "reset")
    elif pending.name in SPOILERS:
        await SPOILERS[pending.name](pending, app, scope, receive, send)
    elif pending.name == "foreign_redirect":
        await RedirectResponse(f"{state.storage_url}/elsewhere", 307)(scope, receive, send)
    else:
        await REPLACEMENTS[pending.name](pending)(scope, receive, send)


# -- answers that come instead of the right one ---------------------------------------------------------------


def _wait(status: int, text: str) -> Callable[[Pending], Response]:
    """A refusal that says how long to wait."""

    def reply(pending: Pending) -> Response:
        headers = {"Retry-After": f"{pending.number('retry_after'):g}", "Cache-Control": "no-store"}
        return json_reply({"error": text}, status, headers)

    return reply


def _edge(status: int, words: str, *, shown: int | None = None) -> Callable[[Pending], Response]:
    return lambda _: HTMLResponse(pages.edge(shown or status, words), status)


def _raw(text: str) -> Callable[[Pending], Response]:
    return lambda _: Response(text, media_type="application/json; charset=utf-8")


def _deep(pending: Pending) -> Response:
    levels = int(pending.number("levels"))
    return _raw('{"items":' + "[" * levels + "]" * levels + "}")(pending)


def _crashed(_: Pending) -> Response:
    text = "An unexpected error occurred"
    return json_reply({"error": text, "message": text, "code": "INTERNAL_SERVER_ERROR"}, 500)


ONE_ITEM = '{"id":1,"items":[{"id":1,"name":"a","stats":{"downloadCount":%s}}],"metadata":{}}'

REPLACEMENTS: dict[str, Callable[[Pending], Response]] = {
    "rate_limited": _wait(429, "Rate limit exceeded, please retry shortly."),
    "rate_limited_bare": _edge(429, "You are being rate limited", shown=1015),
    "overloaded": _wait(503, "Model search is temporarily overloaded — please retry."),
    "server_error": _crashed,
    "bad_gateway": _edge(502, "Bad gateway"),
    "gateway_timeout": _edge(524, "A timeout occurred"),
    "cloudflare_403": lambda _: HTMLResponse(pages.CHALLENGE, 403, {"cf-mitigated": "challenge"}),
    "html_200": lambda _: HTMLResponse(pages.VERSION),
    "login_page": lambda _: RedirectResponse("/login?returnUrl=%2F&reason=download-auth", 307),
    "no_endpoint": lambda _: html_not_found(),
    "empty_499": lambda _: Response(status_code=499),
    "region_blocked": lambda _: error(451, REGION_TEXT, code="REGION_BLOCKED"),
    "unauthorized": lambda _: error(401, "Unauthorized"),
    "broken_json": _raw('{"items":[{"id":1,: "SD 1.5",}],"metadata":{}}'),
    "nan_json": _raw(ONE_ITEM % "NaN"),
    "infinite_json": _raw(ONE_ITEM % "1e400"),
    "big_number_json": _raw(ONE_ITEM % ("9" * 5000)),
    "deep_json": _deep,
    "odd_shape": lambda _: json_reply({"items": {"0": None}, "metadata": [], "id": "one", "name": []}),
    "huge_body": lambda p: StreamingResponse(_endless(int(p.number("size"))), media_type="application/json"),
    "download_404": lambda _: error(404, "File not found"),
    "download_500": _crashed,
    "download_429": _wait(429, "Rate limit exceeded, please retry shortly."),
    "quota": lambda _: error(429, QUOTA),
    "download_html": lambda _: HTMLResponse(pages.LOGIN),
}


async def _endless(size: int) -> AsyncIterator[bytes]:
    yield b'{"items":["'
    portion = b"a" * 65_536
    for _ in range(max(1, size // len(portion))):
        yield portion
        await anyio.sleep(0)  # The moment in which a client that went away is noticed.
    yield b'"],"metadata":{}}'


# -- the right answer, spoiled --------------------------------------------------------------------------------


async def _slow(pending: Pending, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep(pending.number("delay"))
    await app(scope, receive, send)


async def _slow_body(pending: Pending, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    async def delayed(message: Any) -> None:
        if message["type"] == "http.response.body":
            await anyio.sleep(pending.number("delay"))
        await send(message)

    await app(scope, receive, delayed)


async def _truncated(pending: Pending, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    status, headers, body = await _collect(app, scope, receive)
    await _send_whole(send, status, headers, body[: len(body) // 2])


async def _cut(pending: Pending, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    status, headers, body = await _collect(app, scope, receive)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await _end(scope, receive, "close")


async def _cursor_cycle(pending: Pending, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The cursor of this very page, or the answer's own where this was the first page."""
    status, headers, body = await _collect(app, scope, receive)
    content = json.loads(body)
    sent = dict(_pairs(scope)).get("cursor")
    if isinstance(content.get("metadata"), dict):
        content["metadata"]["nextCursor"] = sent or content["metadata"].get("nextCursor", "0|0|0")
    await _send_whole(send, status, headers, json.dumps(content).encode())


async def _empty_page(pending: Pending, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    status, headers, body = await _collect(app, scope, receive)
    content = json.loads(body)
    content["items"] = []
    if pending.name == "blank_page":
        content["metadata"] = {}
    await _send_whole(send, status, headers, json.dumps(content).encode())


async def _end(scope: Scope, receive: Receive, how: str) -> None:
    """End the connection and wait until it is."""
    scope["extensions"][ENDINGS][how]()
    while (await receive())["type"] != "http.disconnect":
        pass


def _pairs(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"))


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """The whole right answer."""
    messages: list[Any] = []

    async def keep(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    start = messages[0]
    return start["status"], start["headers"], b"".join(message.get("body", b"") for message in messages[1:])


async def _send_whole(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    changed = MutableHeaders(raw=list(headers))
    changed["content-length"] = str(len(body))
    await send({"type": "http.response.start", "status": status, "headers": Headers(raw=changed.raw).raw})
    await send({"type": "http.response.body", "body": body})


Spoiler = Callable[[Pending, ASGIApp, Scope, Receive, Send], Awaitable[None]]
SPOILERS: dict[str, Spoiler] = {
    "slow": _slow,
    "slow_body": _slow_body,
    "truncated_json": _truncated,
    "cut_json": _cut,
    "cursor_cycle": _cursor_cycle,
    "empty_page": _empty_page,
    "blank_page": _empty_page,
}
