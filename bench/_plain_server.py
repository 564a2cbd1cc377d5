"""Starlette and uvicorn at their least, giving the bytes of a file: `python _plain_server.py FILE` prints its port."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def main(file: str) -> None:
    """Serve until killed."""
    content = Path(file).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type="application/json")

    app = Starlette(routes=[Route("/{rest:path}", answer)])
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
