"""Running the two hosts of a sandbox on loopback addresses, each in its own thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from civitai_kit import asgi
from civitai_kit.sandbox.faults import FaultBox
from civitai_kit.sandbox.site.app import build
from civitai_kit.sandbox.site.faults import ENDINGS
from civitai_kit.sandbox.state import API_KEY, RequestLog, SandboxState
from civitai_kit.sandbox.storage.server import StorageServer, reset_when_closed
from civitai_kit.sandbox.worlds.world import World

SECOND_LOOPBACK = "127.0.0.2"


class Sandbox:
    """A running pretend Civitai: where it is, what it shows, and what was asked of it.

    `api_key` is the key that it takes.
    """

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self.api_key: str = API_KEY

    @property
    def url(self) -> str:
        """Root of the site: a `base_url`, or for `--api-url`."""
        return self._state.site_url

    @property
    def storage_url(self) -> str:
        """Root of the storage and image host."""
        return self._state.storage_url

    @property
    def world(self) -> World:
        """What the site shows; may be changed or exchanged while it runs."""
        return self._state.world

    @world.setter
    def world(self, world: World) -> None:
        self._state.world = world

    @property
    def faults(self) -> FaultBox:
        """The faults to come."""
        return self._state.faults

    @property
    def requests(self) -> RequestLog:
        """The requests so far, the oldest first: a sequence of `RequestRecord`."""
        return self._state.requests

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._state.requests.clear()

    def reset(self, world: World | None = None) -> None:
        """As new: the standard world (or the one given), no faults, no requests."""
        self._state.world = World.standard() if world is None else world
        self.faults.clear()
        self.clear_requests()


@contextlib.contextmanager
def running(
    world: World | None = None, *, host: str = "127.0.0.1", port: int = 0, most_requests: int | None = None
) -> Iterator[Sandbox]:
    """A sandbox that serves until the block ends; port 0 takes a free one, `most_requests` are remembered."""
    state = SandboxState(World.standard() if world is None else world, requests=RequestLog(most_requests))
    listener = _listen(host, port)
    storage = StorageServer((_storage_host(host), 0), state)
    state.site_url = f"http://{host}:{listener.getsockname()[1]}"
    state.storage_url = "http://{}:{}".format(*storage.server_address[:2])
    serving = threading.Thread(target=storage.serve_forever, args=(0.05,), name="sandbox storage", daemon=True)
    serving.start()
    try:
        how = {"http": _Protocol, "timeout_graceful_shutdown": 1, "timeout_keep_alive": 30}
        with asgi.serving(build(state), listener, at_once=True, **how):
            yield Sandbox(state)
    finally:
        storage.close()
        serving.join()


class _Protocol(H11Protocol):
    """Lets the application end the connection it answers on, in order or with a reset."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        app = self.app

        async def with_reset(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[ENDINGS] = {"close": transport.close, "reset": lambda: _reset(transport)}
            await app(scope, receive, send)

        self.app = with_reset


def _reset(transport: Any) -> None:
    """End a connection so that the other side sees a reset rather than an end."""
    reset_when_closed(transport.get_extra_info("socket"))
    transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's delay off only where the protocol is named; else every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(256)
    return listener


def _storage_host(host: str) -> str:
    """Another loopback address where the system has one, else the same address on another port."""
    if not host.startswith("127."):
        return host
    probe = socket.socket()
    try:
        probe.bind((SECOND_LOOPBACK, 0))
    except OSError:
        return host
    finally:
        probe.close()
    return SECOND_LOOPBACK
