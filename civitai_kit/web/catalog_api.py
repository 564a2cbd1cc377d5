"""The four questions about the catalogs, at the paths that the documented API has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.services.catalog.catalogs import CatalogParts, add, promote, remove
from civitai_kit.services.catalog.map_answers import MapAnswers
from civitai_kit.web.answers import Told, of_error
from civitai_kit.web.path_ids import id_in_path

# So many changes wait for the site, or for each other, at a time: threads are left for all else that is asked.
_AT_ONCE = 8


def routes(parts: CatalogParts, answers: MapAnswers, told: Told) -> list[Route]:
    """The routes; `told` hears of every error that an answer was made of."""

    few = asyncio.Semaphore(_AT_ONCE)

    async def changed(change: Callable[[], Mapping[str, Any]]) -> Response:
        async with few:
            return await _changed(change, told)

    async def map_(request: Request) -> Response:
        try:
            body = answers.ready() or await run_in_threadpool(answers.make)
        except CivitaiKitError as error:
            told(error)
            return of_error(error)
        return Response(body, media_type="application/json")

    async def add_(request: Request) -> Response:
        return await changed(lambda: add(parts, id_in_path(request, "version_id")))

    async def promote_(request: Request) -> Response:
        return await changed(lambda: promote(parts, id_in_path(request, "version_id")))

    async def remove_(request: Request) -> Response:
        return await changed(lambda: remove(parts, request.path_params["filename"]))

    return [
        Route("/api/admin/models/civitai-map", map_, methods=["GET"]),
        Route("/api/admin/civitai/add/{version_id}", add_, methods=["POST"]),
        Route("/api/admin/civitai/promote-to-lora/{version_id}", promote_, methods=["POST"]),
        Route("/api/admin/models/{filename}/catalog", remove_, methods=["DELETE"]),
    ]


async def _changed(change: Callable[[], Mapping[str, Any]], told: Told) -> Response:
    try:
        return JSONResponse(dict(await run_in_threadpool(change)))
    except CivitaiKitError as error:
        told(error)
        return of_error(error)
