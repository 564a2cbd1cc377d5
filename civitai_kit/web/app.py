"""The application: the catalogs' API, the library's pages, on request the model files; nothing else of the disk."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from civitai_kit.core.library.model_file import is_model_file
from civitai_kit.services.catalog.catalogs import CatalogParts
from civitai_kit.services.catalog.map_answers import MapAnswers
from civitai_kit.services.mirror import Mirror
from civitai_kit.web import catalog_api, mirror_api, openapi
from civitai_kit.web.guard import Access, Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """What is served: the catalogs, the library's folder, and where that is wanted the models' folder and a mirror.

    `names` are those that browsers may call the server by, `origins` the pages that may ask it.
    """

    catalogs: CatalogParts
    answers: MapAnswers
    library: Path
    files: Path | None
    mirror: Mirror | None
    token: str
    names: Collection[str]
    origins: Collection[str]
    log: Callable[[Access], None]
    told: catalog_api.Told


def make_app(parts: WebParts) -> ASGIApp:
    """The whole application, guarded."""
    routes: list[BaseRoute] = [
        *catalog_api.routes(parts.catalogs, parts.answers, parts.told),
        *([] if parts.mirror is None else mirror_api.routes(parts.mirror, parts.told)),
        Route("/api/{rest:path}", _unknown),
        Route("/healthz", _health, methods=["GET"]),
        Route("/openapi.json", _description, methods=["GET"]),
        Route("/docs", _docs, methods=["GET"]),
    ]
    if parts.files is not None:
        routes.append(Mount("/files", _ModelFiles(parts.files)))
    routes.append(Mount("/", _Pages(parts.library)))
    cors = Middleware(
        CORSMiddleware,
        allow_origins=[*parts.origins],
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        max_age=600,
    )
    app = Starlette(
        routes=routes,
        middleware=[cors] if parts.origins else [],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    return Guard(app, token=parts.token, names=parts.names, log=parts.log)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "only such errors are handed here"
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": "Something unforeseen happened; the server's log says what."}, 500)


async def _unknown(request: Request) -> Response:
    """What the API has not, or not by this method: the pages are not looked through for it."""
    return JSONResponse({"detail": "Not Found"}, 404)


async def _health(request: Request) -> Response:
    # A client with a key looks here whether it may show it: to this server it does not.
    return JSONResponse({"status": "ok", "service": "civitai-kit"})


async def _description(request: Request) -> Response:
    return JSONResponse(openapi.description())


async def _docs(request: Request) -> Response:
    return HTMLResponse(openapi.page(), headers={"Content-Security-Policy": _NO_SCRIPTS})


_NO_SCRIPTS = "default-src 'none'; style-src 'unsafe-inline'"
# What the library's folder holds for programs, and nothing for a reader of the pages.
_NOT_SHOWN = ("processed_files.json", "duplicate_models.txt")


class _Pages(StaticFiles):
    """The library's folder, without links out of it; it need not be there yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self.config_checked = True

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at a path, or 404."""
        if _is_hidden(path) or path in _NOT_SHOWN:
            return JSONResponse({"detail": "Not Found"}, 404)
        response = await super().get_response(path, scope)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response


class _ModelFiles(StaticFiles):
    """Model files, read-only, with ranges; nothing else that lies between them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)
        self.config_checked = True

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at a path, or 404."""
        if _is_hidden(path) or not is_model_file(path):
            return JSONResponse({"detail": "Not Found"}, 404)
        return await super().get_response(path, scope)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in path.replace("\\", "/").split("/"))
