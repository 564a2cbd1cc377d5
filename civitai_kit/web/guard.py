"""Who may ask what: the name that the server is called by, the token, the size of what is sent, and what is logged."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ADMIN = "/api/admin/"
# Few questions of the API have a body; what programs send all the same is small.
MOST_BODY = 64 * 1024
MOST_HEAD = 16 * 1024

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}


@dataclass(frozen=True, slots=True)
class Access:
    """One answered request, without anything secret: no header and no query is in it."""

    client: str
    method: str
    path: str
    status: int
    seconds: float


class Guard:
    """Lets a request through to the application, or answers it.

    `names` are the names by which browsers may call the server: a page of a stranger whose own name leads here is
    refused (DNS rebinding). Addresses are let through, for no name can be made to be one. Pages of `origins` can read
    every answer, refusals too. `bodies` are the longest bodies of paths that take one.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        names: Collection[str],
        origins: Collection[str],
        bodies: Mapping[str, int],
        log: Callable[[Access], None],
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._names = {name.lower() for name in names}
        self._bodies = bodies
        self._log = log
        self._answer = _readable_by(origins, self._admit) if origins else self._admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500
        send_on = send if scope["method"] == "HEAD" else _left_open_if_short(send)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _SAFE.items():
                    headers.setdefault(name, value)
                headers.append("Server-Timing", f"app;dur={(time.perf_counter() - began) * 1000:.1f}")
            await send_on(message)

        try:
            await self._answer(scope, receive, answer)
        finally:
            client = scope.get("client") or ("?", 0)
            took = time.perf_counter() - began
            self._log(Access(str(client[0]), scope["method"], quote(scope["path"])[:500], status, took))

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._refusal(scope) or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            return JSONResponse({"detail": "This server is not called by that name."}, 421)
        if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MOST_HEAD:
            return JSONResponse({"detail": "The head of the request is too long."}, 431, {"Connection": "close"})
        length, most = headers.get("content-length", "0"), self._bodies.get(scope["path"], MOST_BODY)
        if not (length.isascii() and length.isdigit()) or int(length) > most or "transfer-encoding" in headers:
            return JSONResponse(
                {"detail": "The body is too long, or its length is not said."}, 413, {"Connection": "close"}
            )
        if scope["path"].startswith(ADMIN) and scope["method"] != "OPTIONS" and not self._is_known(headers):
            return JSONResponse({"detail": "Not authenticated"}, 401, {"WWW-Authenticate": "Bearer"})
        return None

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
        name = name.strip("[]").lower()
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _is_known(self, headers: Headers) -> bool:
        given = headers.getlist("authorization")
        # Of two, a proxy before us may have looked at the other.
        scheme, _, said = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return scheme.lower() == "bearer" and hmac.compare_digest(said.strip().encode("utf-8", "replace"), self._token)


def _left_open_if_short(send: Send) -> Send:
    """Sends on; an answer that ends before the length that it said is not ended, and its connection closed for that.

    So it is with a file that became shorter while it was sent.
    """
    left = 0

    async def sent(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            has_body = message["status"] in (200, 206)
            left = int(Headers(raw=message["headers"]).get("content-length", "0")) if has_body else 0
        elif message["type"] == "http.response.body":
            left -= len(message.get("body", b""))
            message = {**message, "more_body": True} if left > 0 else message
        await send(message)

    return sent


def _readable_by(origins: Collection[str], app: ASGIApp) -> ASGIApp:
    """The application with what browsers want to hear before a page of these origins may ask it and read it."""
    return CORSMiddleware(
        app,
        allow_origins=[*origins],
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        # Pages of the web ask a server of this machine or network: browsers want that allowed expressly.
        allow_private_network=True,
        max_age=600,
    )
