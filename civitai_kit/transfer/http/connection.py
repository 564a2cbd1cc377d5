"""One GET at a time over httpx2: no redirects followed, no key added, and never waited for once all is to stop."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import monotonic
from types import TracebackType
from typing import Any, Self

import httpx2

from civitai_kit.answer_heads import EndlessHead, limit_heads
from civitai_kit.core.errors import UsageError
from civitai_kit.core.network_errors import login_of_proxy, no_answer, unusable_proxy
from civitai_kit.core.proxies import Proxy, proxy_for
from civitai_kit.core.retry import Setback, Trouble
from civitai_kit.machine import proxy_variables, start_thread
from civitai_kit.transfer.http.answers import Reply
from civitai_kit.transfer.http.unfolding import is_folded, unfold
from civitai_kit.transfer.stopping import Stopping

_LONGEST_ERROR = 64 * 1024
_KEPT_CONNECTIONS = 64
_LONGEST_IDLE = 30.0  # Seconds after which a connection that waits is not used any more.

# What a connection raises that the other side closed before it answered: the request can go over another.
_LOST = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)

_Host = tuple[str, str, int | None]


class OpenAnswer:
    """An open answer; a context manager that closes it. Header names are in lower case."""

    def __init__(self, response: httpx2.Response, release: Callable[[bool], None]) -> None:
        self.url = response.request.url
        self.status = response.status_code
        self.headers: Mapping[str, str] = _joined(response.headers.multi_items())
        self._response = response
        self._release = release
        self._chunks: Iterator[bytes] | None = None
        self._first: bytes | None = None
        self._read_to_end = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def encoded(self) -> bool:
        """Whether the body is compressed although nobody asked for it."""
        return self._coding not in ("", "identity")

    @property
    def length(self) -> int | None:
        """The length of the body in bytes, None where the answer does not say."""
        said = self.headers.get("content-length", "")
        if self.encoded or "transfer-encoding" in self.headers or not (said.isascii() and said.isdigit()):
            return None
        return int(said)

    @property
    def _coding(self) -> str:
        return self.headers.get("content-encoding", "").strip().lower()

    def first(self) -> bytes:
        """The first chunk of the body (empty when there is no body); `chunks` goes on after it."""
        if self._first is None:
            self._first = next(self.chunks(), b"")
        return self._first

    def chunks(self) -> Iterator[bytes]:
        """The chunks after the first."""
        if self._chunks is None:
            self._chunks = self._body()
        return self._chunks

    def raw_socket(self) -> Any | None:
        """The socket from which the rest of a plain HTTP/1.1 body can be read, once `first` was taken.

        None where something lies between it and the body (encodings, HTTP/2, TLS within TLS).
        """
        stream = _stream_of(self._response)
        if self.length is None or stream is None or self._response.http_version != "HTTP/1.1":
            return None
        if isinstance(stream.get_extra_info("ssl_object"), ssl.SSLObject):
            return None
        return stream.get_extra_info("socket")

    def cut(self) -> None:
        """End the connection from another thread, so that whoever reads it wakes."""
        _shut_down(_stream_of(self._response))

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
        with suppress(httpx2.HTTPError, OSError):
            self._response.close()
        release, self._release = self._release, _forget
        release(self._read_to_end and self.headers.get("connection", "").strip().lower() != "close")

    def _body(self) -> Iterator[bytes]:
        pieces = self._response.iter_raw()
        yield from unfold(pieces) if is_folded(self._coding) else pieces
        self._read_to_end = next(pieces, None) is None


class HttpClient:
    """Sends requests; `timeout` in seconds bounds every silence. Proxies come from the environment, keys do not."""

    def __init__(self, *, user_agent: str, timeout: float, stopping: Stopping) -> None:
        # Given whole with each request: to merge them with a client's own takes a tenth of a picture's time.
        self._headers = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        self._seconds = timeout
        self._timeout = httpx2.Timeout(timeout, pool=None)
        self._extensions = {"timeout": self._timeout.as_dict(), "trace": limit_heads}
        self._stopping = stopping
        self._lock = threading.Lock()
        self._trust: dict[str, ssl.SSLContext] = {}
        self._idle: dict[_Host, list[_Connection]] = {}
        self._closed = False

    @property
    def idle(self) -> int:
        """How many open connections wait for another request."""
        with self._lock:
            return sum(map(len, self._idle.values()))

    def get(self, url: httpx2.URL, headers: Mapping[str, str]) -> OpenAnswer:
        """Send a GET and give the answer as soon as its headers are there.

        Raises Setback when no answer comes, Interrupted when everything is to stop; `url` carries no user info.
        """
        self._stopping.check()
        host = url.scheme, url.host, url.port
        connection = self._take(host, url)
        request = httpx2.Request("GET", url, headers={**self._headers, **headers}, extensions=self._extensions)
        outcome = self._sent(connection, request)
        if isinstance(outcome, httpx2.Response) and not self._stopping.is_set():
            connection.stream = _stream_of(outcome)
            if refused := login_of_proxy(connection.proxy, outcome.status_code):
                connection.client.close()
                raise Setback(*refused)
            return OpenAnswer(outcome, lambda fit: self._give(host, connection, fit=fit))
        connection.client.close()
        self._stopping.check()
        assert isinstance(outcome, Exception)
        raise self._unreached(outcome, url.host, connection.proxy) from outcome

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            self._closed = True
            connections = [connection for idle in self._idle.values() for connection in idle]
            self._idle.clear()
        for connection in connections:
            connection.client.close()

    def _sent(self, connection: _Connection, request: httpx2.Request) -> httpx2.Response | Exception | None:
        """What came of a request; None when it was abandoned."""
        if connection.is_open():
            with self._stopping.during(connection.cut):
                outcome = _outcome_of(connection.client, request)
            if not isinstance(outcome, _LOST) or self._stopping.is_set():
                return outcome
        opening = _Opening(lambda: _outcome_of(connection.client, request))
        with self._stopping.during(opening.abandon):
            return opening.result()

    def _unreached(self, error: Exception, host: str, proxy: Proxy | None) -> Setback:
        """What a request that got no answer amounts to; raises what is no failure of the network."""
        if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL | EndlessHead | UnicodeError | OSError):
            return Setback(*no_answer(error, host, silence=self._seconds, proxy=proxy))
        raise error

    def _take(self, host: _Host, url: httpx2.URL) -> _Connection:
        with self._lock:
            if idle := self._idle.get(host):
                return idle.pop()
            if host[0] not in self._trust:
                self._trust[host[0]] = _trust_for(host[0])
            trust = self._trust[host[0]]
        proxy = _proxy_for(url)
        return _Connection(self._build_client(trust, proxy), proxy)

    def _give(self, host: _Host, connection: _Connection, *, fit: bool) -> None:
        connection.idle_since = monotonic()
        with self._lock:
            if fit and not self._closed and sum(map(len, self._idle.values())) < _KEPT_CONNECTIONS:
                self._idle.setdefault(host, []).append(connection)
                return
        connection.client.close()

    def _build_client(self, trust: ssl.SSLContext, proxy: Proxy | None) -> httpx2.Client:
        # No cookie is kept: the key is all that tells the site who asks.
        jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        try:
            return httpx2.Client(
                cookies=jar,
                verify=trust,
                timeout=self._timeout,
                limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_LONGEST_IDLE),
                follow_redirects=False,
                proxy=proxy and proxy.url,
                trust_env=False,
            )
        except (ImportError, ValueError, httpx2.InvalidURL) as error:
            if proxy is None:
                raise
            raise Setback(unusable_proxy(error, proxy), Trouble.REFUSED) from error


class _Connection:
    """A client with one connection: one that has many looks at all of them for each request."""

    def __init__(self, client: httpx2.Client, proxy: Proxy | None) -> None:
        self.client = client
        self.proxy = proxy
        self.stream: Any = None
        self.idle_since = 0.0

    def is_open(self) -> bool:
        """Whether the next request can go over it at once: no name has to be looked up, nothing connected."""
        if self.stream is None or monotonic() - self.idle_since > _LONGEST_IDLE:
            return False
        return not self.stream.get_extra_info("is_readable")  # Its end, or what nobody has asked for.

    def cut(self) -> None:
        """End the connection from another thread, so that whoever reads it wakes."""
        _shut_down(self.stream)


class _Opening:
    """A request sent from a thread of its own, because neither DNS nor connect can be woken from outside."""

    def __init__(self, send: Callable[[], httpx2.Response | Exception]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._abandoned = False
        self._outcome: httpx2.Response | Exception | None = None
        start_thread(self._run, "open")

    def result(self) -> httpx2.Response | Exception | None:
        """Wait for the outcome; None when it was abandoned."""
        self._over.wait()
        return self._outcome

    def abandon(self) -> None:
        """Wait no longer; what still comes is closed unseen."""
        with self._lock:
            self._abandoned = True
        self._over.set()

    def _run(self) -> None:
        try:
            outcome = self._send()
            with self._lock:
                if not self._abandoned:
                    self._outcome = outcome
                elif isinstance(outcome, httpx2.Response):
                    outcome.close()
        finally:
            self._over.set()


def _outcome_of(client: httpx2.Client, request: httpx2.Request) -> httpx2.Response | Exception:
    """The answer as soon as its head is there, or what was raised."""
    try:
        return client.send(request, stream=True)
    except Exception as error:  # noqa: BLE001 - it is looked at by the thread that waits
        return error


def _stream_of(response: httpx2.Response) -> Any:
    return response.extensions.get("network_stream")


def _shut_down(stream: Any) -> None:
    """End a connection under whoever reads it."""
    sock = None if stream is None else stream.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            # A TLS socket's own way of shutting would hand out the records that still come as they are, unopened.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name in lower case; those that are there twice with a comma between their values."""
    headers: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _trust_for(scheme: str) -> ssl.SSLContext:
    # Reading the trusted certificates takes a tenth of a second; who speaks no TLS needs none of them.
    return httpx2.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy_for(url: httpx2.URL) -> Proxy | None:
    try:
        return proxy_for(proxy_variables(), str(url))
    except UsageError as error:
        raise Setback(error, Trouble.REFUSED) from error


def _forget(_: object) -> None:
    pass
