"""The pretend Civitai's first host: its routes, who may use which verb, and what every answer carries."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from civitai_kit.sandbox import pages
from civitai_kit.sandbox.site import (
    admin,
    downloads,
    images,
    listing,
    posts,
    publications,
    resources,
    small,
    tensors,
    vault,
)
from civitai_kit.sandbox.site import faults as site_faults
from civitai_kit.sandbox.site.replies import PRIVATE_CACHE, PUBLIC_CACHE, REGION_TEXT, error, html_not_found, signed_in
from civitai_kit.sandbox.state import RequestRecord, SandboxState

Endpoint = Callable[[Request], Awaitable[Response]]
VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
REFUSED_REGIONS = ("GB", "AU")


def build(state: SandboxState) -> Starlette:
    """The application that shows `state`."""
    app = Starlette(routes=_routes())
    app.state.sandbox = state
    app.add_middleware(Gate, state=state)
    return app


class Gate:
    """What stands before every route: the log of requests, the region, and the faults."""

    def __init__(self, app: Any, state: SandboxState) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or meet a fault."""
        # Whether we ask a server of ours is no question to the site: who counts requests counts those.
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox/") or scope["path"] == "/healthz":
            await self._app(scope, receive, send)
            return
        record = self._record(scope)
        answer = _Recorder(send, record)
        if self._state.world.region in REFUSED_REGIONS and scope["path"].startswith("/api/v1"):
            reply = error(451, REGION_TEXT, code="REGION_BLOCKED")
            await reply(scope, receive, answer)
            return
        taken = self._take(scope)
        if not taken:
            await self._app(scope, receive, answer)
            return
        await site_faults.meet(taken[0], self._state, self._app, scope, receive, answer)

    def _take(self, scope: Scope) -> list[Any]:
        path = scope["path"]
        if not path.startswith("/api/"):
            return []
        target = path + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
        return self._state.faults.take("download" if path.startswith("/api/download/") else "site", target)

    def _record(self, scope: Scope) -> RequestRecord:
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        record = RequestRecord("site", scope["method"], scope["path"], query, headers, time.monotonic())
        self._state.requests.add(record)
        return record


class _Recorder:
    """Passes messages on and notes the status."""

    def __init__(self, send: Send, record: RequestRecord) -> None:
        self._send, self._record = send, record

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._record.status = message["status"]
        await self._send(message)


# -- routes ---------------------------------------------------------------------------------------------------


def _routes() -> list[Route]:
    api = "/api/v1"
    return [
        _route(f"{api}/models", _mixed(listing.models)),
        _route(f"{api}/models/{{id}}", _public(resources.model)),
        _route(f"{api}/model-versions/by-hash", _public(resources.batch_by_hash)),
        _route(f"{api}/model-versions/by-hash/ids", _public(resources.batch_ids_by_hash)),
        _route(f"{api}/model-versions/by-hash/{{hash}}", _public(resources.by_hash, HASH_CACHE)),
        _route(f"{api}/model-versions/mini/{{id}}", _mixed(resources.mini)),
        _route(f"{api}/model-versions/{{id}}", _mixed(resources.version)),
        _route(f"{api}/images", _public(images.images)),
        _route(f"{api}/posts/{{id}}", _mixed(posts.post)),
        _route(f"{api}/articles", _mixed(publications.articles)),
        _route(f"{api}/articles/{{id}}", _mixed(publications.article)),
        _route(f"{api}/collections", _mixed(publications.collections)),
        _route(f"{api}/collections/{{id}}", _mixed(publications.collection)),
        _route(f"{api}/vault/get", _mixed(vault.get)),
        _route(f"{api}/vault/all", _mixed(vault.everything)),
        _route(f"{api}/vault/check-vault", _mixed(vault.check)),
        _route(f"{api}/model-files/{{id}}/tensor-metadata", _mixed(tensors.tensor_metadata)),
        _route(f"{api}/creators", _public(small.creators)),
        _route(f"{api}/tags", _public(small.tags)),
        _route(f"{api}/users", _public(small.users)),
        _route(f"{api}/permissions/check", _public(small.permissions)),
        _route(f"{api}/me", _public(small.me, PRIVATE_CACHE)),
        _route(f"{api}/enums", _public(small.word_lists, PRIVATE_CACHE)),
        _route("/api/download/models/{id}", _public(downloads.download)),
        _route("/api/download/{rest:path}", downloads.other_downloads),
        _route("/login", _page(pages.LOGIN)),
        _route("/model-versions/{id}", _page(pages.VERSION)),
        _route("/_sandbox/faults", admin.faults),
        _route("/_sandbox/requests", admin.requests),
        _route("/{rest:path}", _nothing),
    ]


HASH_CACHE = "public, s-maxage=3600, stale-while-revalidate=1800"


def _route(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=VERBS)


def _public(endpoint: Endpoint, cache: str = PUBLIC_CACHE) -> Endpoint:
    """Any verb runs the handler, OPTIONS is empty, and errors may be cached too (site.md 1.3)."""

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=200)
        response = await endpoint(request)
        response.headers.setdefault("Cache-Control", cache)
        return response

    return answer


def _mixed(endpoint: Endpoint) -> Endpoint:
    """GET only; the answer may be cached when nobody is signed in."""

    async def answer(request: Request) -> Response:
        if request.method != "GET":
            return error(405, "Method not allowed")
        response = await endpoint(request)
        response.headers.setdefault("Cache-Control", PRIVATE_CACHE if signed_in(request) else PUBLIC_CACHE)
        return response

    return answer


def _page(html: str) -> Endpoint:
    async def answer(request: Request) -> Response:
        return HTMLResponse(html)

    return answer


async def _nothing(request: Request) -> Response:
    return html_not_found()
