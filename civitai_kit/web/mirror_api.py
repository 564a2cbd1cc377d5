"""The site's own questions about versions, models and hashes, answered with what is here, and the bytes themselves."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.services.mirror import Mirror, Offered
from civitai_kit.web.answers import Told, not_by
from civitai_kit.web.path_ids import id_in_path, readable_id

_API = "/api/v1/model-versions"
# The site's own limits (site.md 5.2, 5.3); ten thousand hashes are some 700 KB.
_HASHES, _OWNERS = 100, 10_000
LONG_BODIES = {f"{_API}/by-hash/ids": 2**20}
_PAGE = 100
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
    questions = _Questions(mirror)

    def asked(path: str, find: Callable[[Request], Any]) -> Route:
        async def answer(request: Request) -> Response:
            return await _answered(lambda: find(request), told)

        return Route(path, answer, methods=["GET"])

    def posted(path: str, find: Callable[[Request, bytes], Any]) -> list[Route]:
        async def answer(request: Request) -> Response:
            body = await request.body()
            return await _answered(lambda: find(request, body), told)

        # Another method would be taken for a question about the version or hash of that name.
        return [Route(path, answer, methods=["POST"]), Route(path, not_by(["POST"]))]

    return [
        *posted(f"{_API}/by-hash", questions.by_hashes),
        *posted(f"{_API}/by-hash/ids", questions.owners),
        asked(f"{_API}/by-hash/{{hash}}", questions.by_hash),
        asked(f"{_API}/{{id}}", questions.version),
        asked("/api/v1/models/{id}", questions.model),
        asked("/api/v1/models", questions.listed),
        asked("/api/v1/me", questions.me),
        asked("/api/download/models/{id}", questions.file),
    ]


@dataclass(frozen=True, slots=True)
class _Questions:
    """What may be asked, each with its answer as JSON or a file; raises _Refused."""

    mirror: Mirror

    def version(self, request: Request) -> Any:
        return self.mirror.version(id_in_path(request, "id"), _host(request)) or _missing("Model not found")

    def model(self, request: Request) -> Any:
        number = id_in_path(request, "id")
        return self.mirror.model(number, _host(request)) or _missing(f"No model with id {number}")

    def listed(self, request: Request) -> Any:
        ids, version_ids = _ids(request, "ids"), _ids(request, "modelVersionIds")
        if not ids and not version_ids:
            raise _Refused(400, _NO_LISTING)
        return {"items": self.mirror.listed(ids, version_ids, _host(request)), "metadata": {}}

    def by_hash(self, request: Request) -> Any:
        return self.mirror.with_hash(_digest(request), _host(request)) or _missing("Model not found")

    def by_hashes(self, request: Request, body: bytes) -> Any:
        return self.mirror.with_hashes(_hashes(body, _HASHES), _host(request))

    def owners(self, request: Request, body: bytes) -> Any:
        return self.mirror.owners(_hashes(body, _OWNERS))

    def file(self, request: Request) -> Any:
        file_id = request.query_params.get("fileId")
        traits = {name: request.query_params[name] for name in _TRAITS if name in request.query_params}
        number = None if file_id is None else readable_id(file_id)
        return self.mirror.file(id_in_path(request, "id"), number, traits) or _missing("File not found")

    def me(self, request: Request) -> Any:
        raise _Refused(401, "Unauthorized")


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


def _missing(said: str) -> Any:
    raise _Refused(404, said)


def _host(request: Request) -> str:
    """The root that was asked, as the site prints it in its addresses; who asks through a proxy with TLS asked that."""
    is_secure = request.headers.get("x-forwarded-proto") == "https"
    return f"{'https' if is_secure else request.url.scheme}://{request.url.netloc}"


def _ids(request: Request, name: str) -> list[int]:
    """The ids under a name, a hundred at most."""
    texts = [text for value in request.query_params.getlist(name) for text in value.split(",")]
    found = list(dict.fromkeys(readable_id(text.strip()) for text in texts))
    if len(texts) > _PAGE or 0 in found:
        raise _Refused(400, f"{name}: Expected up to {_PAGE} ids")
    return found


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
