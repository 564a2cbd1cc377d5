"""The application: the catalogs' API, the library's pages, on request the model files; nothing else of the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from civitai_kit.core.library.model_file import is_model_file
from civitai_kit.services.catalog.catalogs import CatalogParts
from civitai_kit.services.catalog.map_answers import MapAnswers
from civitai_kit.services.mirror import Mirror
from civitai_kit.web import catalog_api, mirror_api, openapi
from civitai_kit.web.answers import Told, not_by
from civitai_kit.web.docs_page import docs_page
from civitai_kit.web.guard import Access, Guard
from civitai_kit.web.live_api import DOWNLOAD, MOST_PLAN, LiveApi, LiveParts
from civitai_kit.web.page_script import page_routes


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """What is served: the catalogs, the library's folder, and where that is wanted the models' folder and a mirror.

    `names` are those that browsers may call the server by, `origins` the pages that may ask it.
    """

    catalogs: CatalogParts
    answers: MapAnswers
    live: LiveParts
    library: Path
    files: Path | None
    mirror: Mirror | None
    token: str
    names: Collection[str]
    origins: Collection[str]
    log: Callable[[Access], None]
    told: Told


def make_app(parts: WebParts) -> ASGIApp:
    """The whole application, guarded."""
    asked = [
        *catalog_api.routes(parts.catalogs, parts.answers, parts.told),
        *([] if parts.mirror is None else mirror_api.routes(parts.mirror, parts.told)),
        *LiveApi(parts.live, parts.told).routes(),
    ]
    routes: list[BaseRoute] = [
        *asked,
        *_refusals(asked),
        # What the API has not: the pages are not looked through for it.
        Route("/api/{rest:path}", JSONResponse({"detail": "Not Found"}, 404)),
        Route("/healthz", _health, methods=["GET"]),
        *_descriptions(mirror=parts.mirror is not None),
    ]
    if parts.files is not None:
        routes.append(Mount("/files", _ModelFiles(parts.files)))
    routes.extend(page_routes())
    routes.append(Mount("/", _LibraryPages(parts.library, html=True)))
    app = Starlette(routes=routes, exception_handlers=_ANSWERS)
    return Guard(
        app,
        token=parts.token,
        names=parts.names,
        origins=parts.origins,
        bodies={DOWNLOAD: MOST_PLAN, **mirror_api.LONG_BODIES},
        log=parts.log,
    )


def _refusals(asked: Sequence[Route]) -> Iterator[Route]:
    """The answers to every method that a path does not have."""
    for path in dict.fromkeys(route.path for route in asked):
        methods = {method for route in asked if route.path == path for method in route.methods or ()}
        yield Route(path, not_by(methods))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "only such errors are handed here"
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": "Something unforeseen happened; the server's log says what."}, 500)


async def _cut(request: Request, error: Exception) -> Response:
    # Nobody hears it; the log says that the request was no good.
    return JSONResponse({"detail": "The body did not come whole."}, 400)


_ANSWERS = {HTTPException: _refused, ClientDisconnect: _cut, Exception: _failed}


async def _health(request: Request) -> Response:
    # A client with a key looks here whether it may show it: to this server it does not.
    return JSONResponse({"status": "ok", "service": "civitai-kit"})


def _descriptions(*, mirror: bool) -> list[Route]:
    async def document(request: Request) -> Response:
        return JSONResponse(openapi.description(mirror=mirror))

    async def docs(request: Request) -> Response:
        page = docs_page(openapi.description(mirror=mirror))
        return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy, "Cache-Control": "no-cache"})

    return [Route("/openapi.json", document, methods=["GET"]), Route("/docs", docs, methods=["GET"])]


# What the library's folder holds for programs, and nothing for a reader of the pages.
_NOT_SHOWN = ("processed_files.json", "duplicate_models.txt")


class _ServedFolder(StaticFiles):
    """The files in a folder, without links out of it; it need not be there yet. What cannot be read is not there."""

    def __init__(self, folder: Path, *, html: bool = False) -> None:
        super().__init__(directory=folder, html=html, check_dir=False)
        self.config_checked = True

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The place of a file, and what it is."""
        try:
            place, found = super().lookup_path(path)
        except OSError:
            return "", None
        is_ours = found is None or os.access(place, os.R_OK)
        return (place, found) if is_ours else ("", None)


_NO_PAGES = """There are no pages here yet: `civitai-kit library scan`, then `civitai-kit library pages`, make them.
The API is described at /docs.
"""


class _LibraryPages(_ServedFolder):
    """The library's folder."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at a path, or 404."""
        if _is_hidden(path) or path in _NOT_SHOWN:
            return JSONResponse({"detail": "Not Found"}, 404)
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code == 404 and path == ".":
                return PlainTextResponse(_NO_PAGES, 404)
            raise
        response.headers.setdefault("Cache-Control", "no-cache")
        return response


class _ModelFiles(_ServedFolder):
    """Model files, read-only, with ranges; nothing else that lies between them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at a path, or 404."""
        if _is_hidden(path) or not is_model_file(path):
            return JSONResponse({"detail": "Not Found"}, 404)
        return await super().get_response(path, scope)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in path.replace("\\", "/").split("/"))
