"""One GET at a time over httpx2: no redirects followed, no key added, and never waited for once all is to stop."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self
from urllib.request import getproxies

import httpx2

from civitai_kit.core.network_errors import no_answer
from civitai_kit.transfer.http.answers import Reply, Setback
from civitai_kit.transfer.http.connection import LONGEST_IDLE, BackgroundRequest, Connection, LibraryAnswer, outcome_of
from civitai_kit.transfer.http.speech import SpokenAnswer, decoded
from civitai_kit.transfer.stopping import Stopping

_LONGEST_ERROR = 64 * 1024
_KEPT_CONNECTIONS = 64

_Host = tuple[str, str, int | None]
_Came = LibraryAnswer | SpokenAnswer | Exception | None


class OpenAnswer:
    """An open answer; a context manager that closes it. Header names are in lower case."""

    def __init__(self, given: LibraryAnswer | SpokenAnswer, url: httpx2.URL, over: Callable[[bool], None]) -> None:
        self.url = url
        self.status = given.status
        self.headers: Mapping[str, str] = given.headers
        self._given = given
        self._over = over
        self._chunks: Iterator[bytes] | None = None
        self._first: bytes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def encoded(self) -> bool:
        """Whether the body is compressed although nobody asked for it."""
        return self.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")

    @property
    def length(self) -> int | None:
        """The length of the body in bytes, None where the answer does not say."""
        said = self.headers.get("content-length", "")
        if self.encoded or "transfer-encoding" in self.headers or not (said.isascii() and said.isdigit()):
            return None
        return int(said)

    def first(self) -> bytes:
        """The first chunk of the body (empty when there is no body); `chunks` goes on after it."""
        if self._first is None:
            self._first = next(self.chunks(), b"")
        return self._first

    def chunks(self) -> Iterator[bytes]:
        """The chunks after the first."""
        if self._chunks is None:
            chunks = self._given.chunks()
            self._chunks = decoded(chunks, self.headers["content-encoding"]) if self.encoded else chunks
        return self._chunks

    def raw_socket(self) -> Any | None:
        """The socket from which the rest of a plain HTTP/1.1 body can be read, once `first` was taken.

        None where something lies between it and the body (encodings, HTTP/2, TLS within TLS).
        """
        return None if self.length is None else self._given.plain_socket

    def cut(self) -> None:
        """End the connection from another thread, so that whoever reads it wakes."""
        self._given.cut()

    def reply(self) -> Reply:
        """The answer with the first 64 KiB of its body, for telling what went wrong."""
        body = b""
        with suppress(httpx2.HTTPError, httpx2.StreamError, OSError):
            body = self.first()
            while len(body) < _LONGEST_ERROR and (chunk := next(self.chunks(), b"")):
                body += chunk
        return Reply(self.status, self.headers, body[:_LONGEST_ERROR], self.url.path)

    def close(self) -> None:
        """Close the answer; a connection whose body was read to its end is kept for the next request."""
        self._given.close()
        over, self._over = self._over, _forget
        over(self._given.over)


class HttpClient:
    """Sends requests; `timeout` in seconds bounds every silence. Proxies come from the environment, keys do not."""

    def __init__(self, *, user_agent: str, timeout: float, stopping: Stopping) -> None:
        # Given whole with each request: to merge them with a client's own takes a tenth of a picture's time.
        self._headers = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        self._seconds = timeout
        self._timeout = httpx2.Timeout(timeout, pool=None)
        self._extensions = {"timeout": self._timeout.as_dict()}
        self._stopping = stopping
        self._lock = threading.Lock()
        self._trust: dict[str, ssl.SSLContext] = {}
        self._idle: dict[_Host, list[Connection]] = {}
        self._closed = False

    def get(self, url: httpx2.URL, headers: Mapping[str, str]) -> OpenAnswer:
        """Send a GET and give the answer as soon as its headers are there.

        Raises Setback when no answer comes, Interrupted when everything is to stop; `url` carries no user info.
        """
        self._stopping.check()
        host = url.scheme, url.host, url.port
        connection = self._take(host)
        outcome = self._sent(connection, url, {**self._headers, **headers})
        if isinstance(outcome, LibraryAnswer | SpokenAnswer) and not self._stopping.is_set():
            return OpenAnswer(outcome, url, lambda fit: self._give(host, connection, fit=fit))
        if isinstance(outcome, LibraryAnswer | SpokenAnswer):
            outcome.close()
        self._stopping.check()
        connection.client.close()
        assert isinstance(outcome, Exception)
        raise _unreached(outcome, url, self._seconds) from outcome

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            self._closed = True
            connections = [connection for idle in self._idle.values() for connection in idle]
            self._idle.clear()
        for connection in connections:
            connection.client.close()

    def _sent(self, connection: Connection, url: httpx2.URL, headers: Mapping[str, str]) -> _Came:
        """What came of a request; None when it was abandoned."""
        with self._stopping.during(connection.cut):
            spoken = connection.ask(url, headers)
        if spoken is not None:
            return spoken
        request = httpx2.Request("GET", url, headers=headers, extensions=self._extensions)
        if connection.is_open:
            with self._stopping.during(connection.cut):
                return connection.learn(outcome_of(connection.client, request))
        opening = BackgroundRequest(lambda: outcome_of(connection.client, request))
        with self._stopping.during(opening.abandon):
            outcome = opening.result()
        if self._stopping.is_set():
            opening.abandon()
        return connection.learn(outcome)

    def _take(self, host: _Host) -> Connection:
        with self._lock:
            if idle := self._idle.get(host):
                return idle.pop()
            if host[0] not in self._trust:
                self._trust[host[0]] = _trust_for(host[0])
            trust = self._trust[host[0]]
        # A proxy is asked for a plain address in words of its own; the library knows them.
        speaks = host[0] == "https" or not {"http", "all"} & getproxies().keys()
        return Connection(self._build_client(trust), timeout=self._seconds, speaks=speaks)

    def _give(self, host: _Host, connection: Connection, *, fit: bool) -> None:
        connection.rest(is_open=fit)
        with self._lock:
            if not self._closed and sum(map(len, self._idle.values())) < _KEPT_CONNECTIONS:
                self._idle.setdefault(host, []).append(connection)
                return
        connection.client.close()

    def _build_client(self, trust: ssl.SSLContext) -> httpx2.Client:
        # No cookie is kept: the key is all that tells the site who asks.
        jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        return httpx2.Client(
            cookies=jar,
            verify=trust,
            timeout=self._timeout,
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=LONGEST_IDLE),
            follow_redirects=False,
        )


def _trust_for(scheme: str) -> ssl.SSLContext:
    # Reading the trusted certificates takes a tenth of a second; who speaks no TLS needs none of them.
    return httpx2.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _forget(_: object) -> None:
    pass


def _unreached(error: BaseException, url: httpx2.URL, timeout: float) -> Setback:
    """What a request that got no answer amounts to; raises what is no failure of the network."""
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL | UnicodeError | OSError):
        return Setback(*no_answer(error, url.host, silence=timeout))
    raise error
