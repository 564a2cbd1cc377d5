"""What the library's pages load from a server of ours alone: the script that asks for downloads, and its style."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

# `library pages` writes an empty file under the script's path, so that nothing happens where we do not serve.
_PLACE = "/_pages"
_TYPES = {"served.js": "text/javascript", "served.css": "text/css"}


def page_routes() -> list[Route]:
    """The routes of these files; they come before the library's folder."""
    return [Route(f"{_PLACE}/{name}", _file(name, kind), methods=["GET"]) for name, kind in _TYPES.items()]


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = (files("civitai_kit.web") / "assets" / name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return answer
