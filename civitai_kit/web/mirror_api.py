"""The site's own questions about versions, models and hashes, answered with what is here, and the bytes themselves."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.services.mirror import Mirror, Offered
from civitai_kit.web.answers import Told

_API = "/api/v1/model-versions"
# The site's own limits (site.md 5.2, 5.3); ten thousand hashes are some 700 KB.
_HASHES, _OWNERS = 100, 10_000
LONG_BODIES = {f"{_API}/by-hash/ids": 2**20}
_PAGE = 100
_LARGEST_ID = 2**31 - 1
_TRAITS = ("type", "format", "size", "fp", "quantType")
_NO_LISTING = "This is a mirror: it gives what is named by an id or a hash, and lists nothing."
_NO_LIST = "Request must include an array of SHA256 Hashes."


class _Refused(Exception):
    """What the site answers instead."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.said = said


def routes(mirror: Mirror, told: Told) -> list[Route]:
    """The routes; `told` hears of every error that an answer was made of."""

    def version(request: Request) -> Any:
        return mirror.version(_number(request, "Model not found"), _host(request)) or _missing("Model not found")

    def model(request: Request) -> Any:
        number = _number(request, "No such model")
        return mirror.model(number, _host(request)) or _missing(f"No model with id {number}")

    def listed(request: Request) -> Any:
        ids, version_ids = _ids(request, "ids"), _ids(request, "modelVersionIds")
        if not ids and not version_ids:
            raise _Refused(400, _NO_LISTING)
        return {"items": mirror.listed(ids, version_ids, _host(request)), "metadata": {}}

    def by_hash(request: Request) -> Any:
        return mirror.with_hash(_digest(request), _host(request)) or _missing("Model not found")

    def file(request: Request) -> Any:
        number, file_id = _number(request, "File not found"), _file_id(request)
        traits = {name: request.query_params[name] for name in _TRAITS if name in request.query_params}
        return mirror.file(number, file_id, traits) or _missing("File not found")

    async def by_hashes(request: Request) -> Response:
        body = await request.body()
        return await _answered(lambda: mirror.with_hashes(_hashes(body, _HASHES), _host(request)), told)

    async def owners(request: Request) -> Response:
        body = await request.body()
        return await _answered(lambda: mirror.owners(_hashes(body, _OWNERS)), told)

    def route(path: str, found: Callable[[Request], Any]) -> Route:
        async def answer(request: Request) -> Response:
            return await _answered(lambda: found(request), told)

        return Route(path, answer, methods=["GET"])

    return [
        Route(f"{_API}/by-hash", by_hashes, methods=["POST"]),
        Route(f"{_API}/by-hash/ids", owners, methods=["POST"]),
        route(f"{_API}/by-hash/{{hash}}", by_hash),
        route(f"{_API}/{{id}}", version),
        route("/api/v1/models/{id}", model),
        route("/api/v1/models", listed),
        route("/api/v1/me", lambda request: _refuse(401, "Unauthorized")),
        route("/api/download/models/{id}", file),
    ]


async def _answered(find: Callable[[], Any], told: Told) -> Response:
    try:
        found = await run_in_threadpool(find)
    except _Refused as refused:
        return _json({"error": refused.said}, refused.status)
    except CivitaiKitError as error:
        told(error)
        return _json({"error": "What is here cannot be looked up now; the server's log says why."}, 503)
    return _bytes(found) if isinstance(found, Offered) else _json(found, 200)


def _json(content: Any, status: int) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")


def _bytes(file: Offered) -> Response:
    if not os.access(file.place, os.R_OK):
        return _json({"error": "File not found"}, 404)
    name = file.name.encode("utf-8", "replace").decode()
    return FileResponse(file.place, filename=name, media_type="application/octet-stream")


def _refuse(status: int, said: str) -> Any:
    raise _Refused(status, said)


def _missing(said: str) -> Any:
    return _refuse(404, said)


def _host(request: Request) -> str:
    """The root that was asked, as the site prints it in its addresses."""
    return f"{request.url.scheme}://{request.url.netloc}"


def _number(request: Request, otherwise: str) -> int:
    text = request.path_params["id"]
    return _id(text) or _missing(otherwise)


def _ids(request: Request, name: str) -> list[int]:
    """The ids under a name, a hundred at most; what cannot be one is not here."""
    texts = [text for value in request.query_params.getlist(name) for text in value.split(",")]
    if len(texts) > _PAGE:
        raise _Refused(400, f"{name}: Too many ids")
    return list(dict.fromkeys(number for text in texts if (number := _id(text.strip()))))


def _file_id(request: Request) -> int | None:
    """The file that is named; one that cannot be is as one that is not here."""
    text = request.query_params.get("fileId")
    return None if text is None else _id(text)


def _id(text: str) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else 0
    return number if number <= _LARGEST_ID else 0


def _digest(request: Request) -> str:
    """A SHA256 or the first ten digits of one, by which alone a file is found here."""
    digest: str = request.path_params["hash"]
    return digest if re.fullmatch(r"[0-9A-Fa-f]{64}|[0-9A-Fa-f]{10}", digest) else _missing("Model not found")


def _hashes(body: bytes, most: int) -> list[str]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, list):
        raise _Refused(400, _NO_LIST)
    if len(given) > most:
        raise _Refused(400, f"{_NO_LIST} Too many hashes")
    if not all(isinstance(one, str) and re.fullmatch(r"[0-9A-Fa-f]{64}", one) for one in given):
        raise _Refused(400, f"{_NO_LIST} Invalid hash")
    return list(dict.fromkeys(one.lower() for one in given))
