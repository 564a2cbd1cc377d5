"""An application on an open socket, in a thread: for the server and for the sandbox. Only they load uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

_START_SECONDS = 30.0


@contextlib.contextmanager
def serving(app: Any, listener: socket.socket, *, at_once: bool = False, **how: Any) -> Iterator[None]:
    """Serve until the block ends, then let answers under way end, or (`at_once`) cut them off.

    `how` are settings of uvicorn beyond those that every server of ours has.
    """
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        **how,
    )
    server = uvicorn.Server(config)
    started = threading.Event()
    thread = threading.Thread(target=_serve, args=(server, listener, started), name="server", daemon=True)
    thread.start()
    if not started.wait(_START_SECONDS):
        raise RuntimeError("the server did not start")
    try:
        yield
    finally:
        server.should_exit = True
        server.force_exit = at_once
        thread.join()


def _serve(server: uvicorn.Server, listener: socket.socket, started: threading.Event) -> None:
    async def main() -> None:
        running = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not running.done():
            await asyncio.sleep(0.002)
        started.set()
        await running

    asyncio.run(main())
