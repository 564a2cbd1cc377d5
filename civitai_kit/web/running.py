"""Running the application on a socket until a stop is wanted, and then ending in order."""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager

from starlette.types import ASGIApp

from civitai_kit.asgi import serving
from civitai_kit.web.patience import SECONDS, UNREAD_SECONDS, patient

# Answers under way get so long when the server is stopped.
_GRACE_SECONDS = 3
# A request's head; beyond it the connection is closed with 400.
_LONGEST_HEAD = 16 * 1024
_MOST_CONNECTIONS = 500


def running(
    app: ASGIApp, listener: socket.socket, *, patience: float = SECONDS, unread: float = UNREAD_SECONDS
) -> AbstractContextManager[None]:
    """Serve on an open socket in a thread until the block ends.

    A head may take `patience` seconds, and an answer may lie unread for `unread`.
    """
    return serving(
        app,
        listener,
        http=patient(patience, unread),
        limit_concurrency=_MOST_CONNECTIONS,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def listen(host: str, port: int) -> socket.socket:
    """An open socket; raises OSError where the port is taken or the address is not of this machine."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener
