"""One GET at a time over httpx2: no redirects followed, no key added, and never waited for once all is to stop."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import httpx2

from civitai_kit.core.errors import Code, Unavailable, UnexpectedReply
from civitai_kit.core.retry import Trouble
from civitai_kit.transfer.answers import Reply, Setback
from civitai_kit.transfer.halt import Halt
from civitai_kit.transfer.line import Line, Opening, close_quietly, outcome_of, shut_down
from civitai_kit.transfer.records import BulkTls

_LONGEST_ERROR = 64 * 1024
_KEPT_CONNECTIONS = 64
_IDLE_SECONDS = 30.0

_Host = tuple[str, str, int | None]


class Answer:
    """An open response; a context manager that closes it. Header names are in lower case."""

    def __init__(self, response: httpx2.Response, url: httpx2.URL, over: Callable[[bool], None]) -> None:
        self.url = url
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._over = over
        self._chunks: Iterator[bytes] | None = None
        self._first: bytes | None = None
        self._read_to_its_end = False

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
            self._first = next(self._iterator(), b"")
        return self._first

    def chunks(self) -> Iterator[bytes]:
        """The chunks after the first."""
        return self._iterator()

    def raw_socket(self) -> Any | None:
        """The socket from which the rest of a plain HTTP/1.1 body can be read, once `first` was taken.

        None where something lies between it and the body (encodings, HTTP/2, TLS within TLS).
        """
        extensions = self._response.extensions
        stream = extensions.get("network_stream")
        if stream is None or self.length is None or extensions.get("http_version") != b"HTTP/1.1":
            return None
        if isinstance(stream.get_extra_info("ssl_object"), ssl.SSLObject):
            return None
        return stream.get_extra_info("socket")

    def cut(self) -> None:
        """End the connection from another thread, so that whoever reads it wakes."""
        stream = self._response.extensions.get("network_stream")
        sock = None if stream is None else stream.get_extra_info("socket")
        if sock is not None:
            shut_down(sock)

    def reply(self) -> Reply:
        """The answer with the first 64 KiB of its body, for telling what went wrong."""
        body = b""
        with suppress(httpx2.HTTPError, httpx2.StreamError, OSError):
            body = self.first()
            while len(body) < _LONGEST_ERROR and (chunk := next(self.chunks(), b"")):
                body += chunk
        return Reply(self.status, self.headers, body[:_LONGEST_ERROR], self.url.path)

    def close(self) -> None:
        """Close the response; a connection whose body was read to its end is kept for the next request."""
        close_quietly(self._response)
        over, self._over = self._over, _forget
        over(self._read_to_its_end and self.headers.get("connection", "").strip().lower() != "close")

    def _iterator(self) -> Iterator[bytes]:
        if self._chunks is None:
            self._chunks = self._all_chunks()
        return self._chunks

    def _all_chunks(self) -> Iterator[bytes]:
        yield from self._response.iter_bytes() if self.encoded else self._response.iter_raw()
        self._read_to_its_end = True


class Wire:
    """Sends requests; `timeout` in seconds bounds every silence. Proxies come from the environment, keys do not."""

    def __init__(self, *, user_agent: str, timeout: float, halt: Halt) -> None:
        # Given whole with each request: to merge them with a client's own takes a tenth of a picture's time.
        self._headers = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        self._timeout = httpx2.Timeout(timeout, pool=None)
        self._extensions = {"timeout": self._timeout.as_dict()}
        self._halt = halt
        self._lock = threading.Lock()
        self._trust: dict[str, ssl.SSLContext] = {}
        self._idle: dict[_Host, list[Line]] = {}
        self._closed = False

    def get(self, url: httpx2.URL, headers: Mapping[str, str]) -> Answer:
        """Send a GET and give the answer as soon as its headers are there.

        Raises Setback when no answer comes, Interrupted when everything is to stop; `url` carries no user info.
        """
        self._halt.check()
        host = url.scheme, url.host, url.port
        line = self._take(host)
        request = httpx2.Request("GET", url, headers={**self._headers, **headers}, extensions=self._extensions)
        outcome = self._sent(line, request)
        if isinstance(outcome, httpx2.Response) and not self._halt.is_set():
            line.learn(outcome)
            return Answer(outcome, url, lambda fit: self._give(host, line, fit=fit))
        if isinstance(outcome, httpx2.Response):
            close_quietly(outcome)
        self._halt.check()
        line.client.close()
        assert isinstance(outcome, Exception)
        raise _unreached(outcome, url) from outcome

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            self._closed = True
            lines = [line for idle in self._idle.values() for line in idle]
            self._idle.clear()
        for line in lines:
            line.client.close()

    def _sent(self, line: Line, request: httpx2.Request) -> httpx2.Response | Exception | None:
        """What came of a request; None when it was abandoned."""
        if line.is_open:
            with self._halt.during(line.cut):
                return outcome_of(line.client, request)
        opening = Opening(lambda: outcome_of(line.client, request))
        with self._halt.during(opening.abandon):
            outcome = opening.result()
        if self._halt.is_set():
            opening.abandon()
        return outcome

    def _take(self, host: _Host) -> Line:
        with self._lock:
            if idle := self._idle.get(host):
                return idle.pop()
            if host[0] not in self._trust:
                self._trust[host[0]] = _trust_for(host[0])
            trust = self._trust[host[0]]
        return Line(self._build_client(trust))

    def _give(self, host: _Host, line: Line, *, fit: bool) -> None:
        line.is_open = fit
        with self._lock:
            if not self._closed and sum(map(len, self._idle.values())) < _KEPT_CONNECTIONS:
                self._idle.setdefault(host, []).append(line)
                return
        line.client.close()

    def _build_client(self, trust: ssl.SSLContext) -> httpx2.Client:
        # No cookie is kept: the key is all that tells the site who asks.
        jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        return httpx2.Client(
            cookies=jar,
            verify=trust,
            timeout=self._timeout,
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_IDLE_SECONDS),
            follow_redirects=False,
        )


def _trust_for(scheme: str) -> ssl.SSLContext:
    # Reading the trusted certificates takes a tenth of a second; who speaks no TLS needs none of them.
    return BulkTls() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _forget(_: object) -> None:
    pass


def _unreached(error: BaseException, url: httpx2.URL) -> Setback:
    """What a request that got no answer amounts to."""
    host = url.host
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL | UnicodeError):
        return Setback(UnexpectedReply(f"An address of the host {host} makes no sense."), Trouble.REFUSED)
    if isinstance(error, httpx2.HTTPError | OSError):
        if _has_bad_certificate(error):
            distrusted = Unavailable(
                f"The certificate of {host} is not trusted: {error}",
                code=Code.NETWORK,
                hint="Behind a proxy of your own, name its CA file in SSL_CERT_FILE.",
            )
            return Setback(distrusted, Trouble.REFUSED)
        reason = "no answer in time" if isinstance(error, httpx2.TimeoutException) else str(error)
        unreached = Unavailable(
            f"{host} cannot be reached: {reason}",
            code=Code.NETWORK,
            hint="Check the connection; another address of the site can be given with --api-url.",
        )
        return Setback(unreached, Trouble.NETWORK)
    raise error


def _has_bad_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
