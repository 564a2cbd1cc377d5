"""How each fault of the first host is acted out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from civitai_kit.sandbox import pages
from civitai_kit.sandbox.downloads import QUOTA
from civitai_kit.sandbox.faults import Pending
from civitai_kit.sandbox.replies import error, json_reply
from civitai_kit.sandbox.state import State

RESET = "civitai_kit.reset"
"""Key under which the server puts a function into the scope that resets the connection."""


async def meet(pending: Pending, state: State, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with the fault that it meets."""
    if pending.name in SPOILERS:
        await SPOILERS[pending.name](pending, app, scope, receive, send)
    elif pending.name == "reset":
        scope["extensions"][RESET]()
    else:
        await _replacement(pending, state)(scope, receive, send)


def _replacement(pending: Pending, state: State) -> Response:
    """The answer that comes instead of the right one."""
    match pending.name:
        case "rate_limited" | "download_429":
            return _wait(429, "Rate limit exceeded, please retry shortly.", pending)
        case "rate_limited_bare":
            return HTMLResponse(pages.edge(1015, "You are being rate limited"), 429)
        case "quota":
            return error(429, QUOTA)
        case "overloaded":
            return _wait(503, "Model search is temporarily overloaded — please retry.", pending)
        case "server_error" | "download_500":
            return json_reply({"message": "An unexpected error occurred", "error": "timeout exceeded"}, 500)
        case "bad_gateway":
            return HTMLResponse(pages.edge(502, "Bad gateway"), 502)
        case "gateway_timeout":
            return HTMLResponse(pages.edge(524, "A timeout occurred"), 524)
        case "cloudflare_403":
            return HTMLResponse(pages.CHALLENGE, 403, {"cf-mitigated": "challenge"})
        case "html_200":
            return HTMLResponse(pages.VERSION)
        case "download_html":
            return HTMLResponse(pages.LOGIN)
        case "login_page":
            return RedirectResponse("/login?returnUrl=%2F&reason=download-auth", 307)
        case "empty_499":
            return Response(status_code=499)
        case "download_404":
            return error(404, "File not found")
        case "foreign_redirect":
            return RedirectResponse(f"{state.storage_url}/elsewhere", 307)
        case _:
            return _strange(pending)


def _strange(pending: Pending) -> Response:
    """Refusals and bodies of odd JSON."""
    match pending.name:
        case "region_blocked":
            text = "Access to this service is not available in your region due to legal restrictions."
            return error(451, text, code="REGION_BLOCKED")
        case "unauthorized":
            return error(401, "Unauthorized")
        case "broken_json":
            return _raw('{"items":[{"id":1,: "SD 1.5",}],"metadata":{}}')
        case "nan_json":
            return _raw('{"id":1,"items":[{"id":1,"name":"a","stats":{"downloadCount":NaN}}],"metadata":{}}')
        case "infinite_json":
            return _raw('{"id":1,"items":[{"id":1,"name":"a","stats":{"downloadCount":1e400}}],"metadata":{}}')
        case "big_number_json":
            return _raw('{"id":%s,"items":[],"metadata":{}}' % ("9" * 5000))
        case "deep_json":
            levels = int(pending.number("levels"))
            return _raw('{"items":' + "[" * levels + "]" * levels + "}")
        case "odd_shape":
            return json_reply({"items": {"0": None}, "metadata": [], "id": "one", "name": []})
        case "huge_body":
            return StreamingResponse(_endless(int(pending.number("size"))), media_type="application/json")
        case _:
            raise AssertionError(f"fault {pending.name} is in the table but nobody acts it out")


def _wait(status: int, text: str, pending: Pending) -> Response:
    headers = {"Retry-After": f"{pending.number('retry_after'):g}", "Cache-Control": "no-store"}
    return json_reply({"error": text}, status, headers)


def _raw(text: str) -> Response:
    return Response(text, media_type="application/json; charset=utf-8")


async def _endless(size: int) -> AsyncIterator[bytes]:
    yield b'{"items":["'
    portion = b"a" * 65_536
    for _ in range(max(1, size // len(portion))):
        yield portion
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
    await _send_whole(send, status, headers, json.dumps(content).encode())


def _pairs(scope: Scope) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

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
}
