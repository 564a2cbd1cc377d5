"""A client with one connection, and the ways to send over it so that a stop need not wait."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

import httpx2

from civitai_kit.transfer.http.speech import SpokenAnswer, Stale, ask, joined, shut_down, steady

LONGEST_IDLE = 30.0
"""Seconds after which a connection that waits is not used any more."""

# A connection that waited no longer than this many seconds is used without a look at whether it ended.
_UNSEEN = 1.0


class LibraryAnswer:
    """An answer through the library; header names are in lower case.

    `over` says that the body was read to its end, and that the connection can take another request.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.status: int = response.status_code
        self.headers = joined(response.headers.multi_items())
        self.over = False
        self._response = response

    @property
    def plain_socket(self) -> Any | None:
        """The socket from which the rest of a plain HTTP/1.1 body can be read, once its first chunk was taken.

        None where something lies between it and the body (HTTP/2, TLS within TLS).
        """
        extensions = self._response.extensions
        stream = extensions.get("network_stream")
        if stream is None or extensions.get("http_version") != b"HTTP/1.1":
            return None
        if isinstance(stream.get_extra_info("ssl_object"), ssl.SSLObject):
            return None
        return stream.get_extra_info("socket")

    def chunks(self) -> Iterator[bytes]:
        """The body as it is sent."""
        yield from self._response.iter_raw()
        self.over = self.headers.get("connection", "").strip().lower() != "close"

    def cut(self) -> None:
        """End the connection from another thread, so that whoever reads it wakes."""
        stream = self._response.extensions.get("network_stream")
        sock = None if stream is None else stream.get_extra_info("socket")
        if sock is not None:
            shut_down(sock)

    def close(self) -> None:
        """Close the response; its connection is kept when the body was read to its end."""
        with suppress(httpx2.HTTPError, OSError):
            self._response.close()

    def is_readable(self) -> bool:
        """Whether something came over the connection that nobody has asked for, or its end."""
        stream = self._response.extensions.get("network_stream")
        return stream is None or bool(stream.get_extra_info("is_readable"))


class Connection:
    """A client with one connection: one that has many looks at all of them for each request.

    The first request opens the connection through the library; those that follow are spoken over its socket, where
    `speaks` allows that. `is_open` says that it waits for the next one: no name has to be looked up for it.
    """

    def __init__(self, client: httpx2.Client, *, timeout: float, speaks: bool) -> None:
        self.client = client
        self.is_open = False
        self._timeout = timeout
        self._speaks = speaks
        self._opened: LibraryAnswer | None = None
        self._idle_since = 0.0

    def learn(self, outcome: LibraryAnswer | Exception | None) -> LibraryAnswer | Exception | None:
        """Remember by which answer the connection was opened; gives the outcome back."""
        self._opened = outcome if isinstance(outcome, LibraryAnswer) else None
        return outcome

    def ask(self, url: httpx2.URL, headers: Mapping[str, str]) -> SpokenAnswer | Exception | None:
        """Speak a GET over the open connection; None when it has to go through the library.

        An exception is given, not raised.
        """
        sock = self._waiting()
        if sock is None:
            return None
        steady(sock, self._timeout)
        try:
            return ask(sock, url, headers)
        except Stale:
            self._end()
            return None
        except Exception as error:  # noqa: BLE001 - as from the library
            return error

    def rest(self, *, is_open: bool) -> None:
        """Wait for the next request."""
        self.is_open = is_open
        self._idle_since = monotonic()

    def _waiting(self) -> Any | None:
        """The socket of the open connection, when it can be spoken over."""
        if not self.is_open or not self._speaks or self._opened is None:
            return None
        idle = monotonic() - self._idle_since
        sock = self._opened.plain_socket
        # The library has closed it where the other side did so early.
        if sock is None or sock.fileno() < 0:
            return None
        if idle > LONGEST_IDLE or (idle > _UNSEEN and self._opened.is_readable()):
            self._end()
            return None
        return sock

    def _end(self) -> None:
        """Let the library open another connection."""
        self.cut()
        self.is_open = False

    def cut(self) -> None:
        """End the connection from another thread, so that whoever reads it wakes."""
        if self._opened is not None:
            self._opened.cut()


class BackgroundRequest:
    """A request sent from a thread of its own, because neither DNS nor connect can be woken from outside."""

    def __init__(self, send: Callable[[], LibraryAnswer | Exception]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._abandoned = False
        self._outcome: LibraryAnswer | Exception | None = None
        threading.Thread(target=self._run, name="open", daemon=True).start()

    def result(self) -> LibraryAnswer | Exception | None:
        """Wait for the outcome; None when it was abandoned."""
        self._over.wait()
        return self._outcome

    def abandon(self) -> None:
        """Wait no longer; what still comes is closed unseen."""
        with self._lock:
            self._abandoned = True
            outcome = self._outcome
        self._over.set()
        if isinstance(outcome, LibraryAnswer):
            outcome.close()

    def _run(self) -> None:
        outcome = self._send()
        with self._lock:
            if not self._abandoned:
                self._outcome = outcome
        if self._outcome is None and isinstance(outcome, LibraryAnswer):
            outcome.close()
        self._over.set()


def outcome_of(client: httpx2.Client, request: httpx2.Request) -> LibraryAnswer | Exception:
    """The answer as soon as its head is there, or what was raised."""
    try:
        return LibraryAnswer(client.send(request, stream=True))
    except Exception as error:  # noqa: BLE001 - it is looked at by the thread that waits
        return error
