"""A client with one connection, and the ways to send over it so that a stop need not wait."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2


class Line:
    """A client with one connection: one that has many looks at all of them for each request.

    `is_open` says that the connection waits for the next request: no name has to be looked up for it.
    """

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client
        self.is_open = False
        self._socket: Any | None = None

    def learn(self, response: httpx2.Response) -> None:
        """Remember the socket of an answer."""
        stream = response.extensions.get("network_stream")
        self._socket = None if stream is None else stream.get_extra_info("socket")

    def cut(self) -> None:
        """End the connection from another thread, so that whoever reads it wakes."""
        if self._socket is not None:
            shut_down(self._socket)


class Opening:
    """A request sent from a thread of its own, because neither DNS nor connect can be woken from outside."""

    def __init__(self, send: Callable[[], httpx2.Response | Exception]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._abandoned = False
        self._outcome: httpx2.Response | Exception | None = None
        threading.Thread(target=self._run, name="open", daemon=True).start()

    def result(self) -> httpx2.Response | Exception | None:
        """Wait for the outcome; None when it was abandoned."""
        self._over.wait()
        return self._outcome

    def abandon(self) -> None:
        """Wait no longer; what still comes is closed unseen."""
        with self._lock:
            self._abandoned = True
            outcome = self._outcome
        self._over.set()
        if isinstance(outcome, httpx2.Response):
            close_quietly(outcome)

    def _run(self) -> None:
        outcome = self._send()
        with self._lock:
            if not self._abandoned:
                self._outcome = outcome
        if self._outcome is None and isinstance(outcome, httpx2.Response):
            close_quietly(outcome)
        self._over.set()


def outcome_of(client: httpx2.Client, request: httpx2.Request) -> httpx2.Response | Exception:
    """The response as soon as its headers are there, or what was raised."""
    try:
        return client.send(request, stream=True)
    except Exception as error:  # noqa: BLE001 - it is looked at by the thread that waits
        return error


def close_quietly(response: httpx2.Response) -> None:
    """Close a response, whatever became of its connection."""
    with suppress(httpx2.HTTPError, OSError):
        response.close()


def shut_down(sock: Any) -> None:
    """End a connection under whoever reads it."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
