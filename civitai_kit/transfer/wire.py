"""One GET at a time over httpx2: no redirects followed, no key added, and never waited for once all is to stop."""

from __future__ import annotations

import socket
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
from civitai_kit.transfer.records import BulkTls

_LONGEST_ERROR = 64 * 1024
_KEPT_CONNECTIONS = 64
_IDLE_SECONDS = 30.0


class Answer:
    """An open response; a context manager that closes it. Header names are in lower case."""

    def __init__(self, response: httpx2.Response, url: httpx2.URL) -> None:
        self.url = url
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
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
            _shut(sock)

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
        with suppress(httpx2.HTTPError, OSError):
            self._response.close()

    def _iterator(self) -> Iterator[bytes]:
        if self._chunks is None:
            self._chunks = self._response.iter_bytes() if self.encoded else self._response.iter_raw()
        return self._chunks


class Wire:
    """Sends requests; `timeout` in seconds bounds every silence. Proxies come from the environment, keys do not."""

    def __init__(self, *, user_agent: str, timeout: float, halt: Halt) -> None:
        self._user_agent = user_agent
        self._timeout = timeout
        self._halt = halt
        self._lock = threading.Lock()
        self._clients: dict[str, httpx2.Client] = {}

    def get(self, url: httpx2.URL, headers: Mapping[str, str]) -> Answer:
        """Send a GET and give the answer as soon as its headers are there.

        Raises Setback when no answer comes, Interrupted when everything is to stop; `url` carries no user info.
        """
        self._halt.check()
        client = self._client_for(url.scheme)
        request = client.build_request("GET", url, headers=headers)
        opening = _Opening(lambda: client.send(request, stream=True))
        with self._halt.during(opening.abandon):
            response = opening.result()
        if self._halt.is_set():
            opening.abandon()
        self._halt.check()
        if isinstance(response, BaseException):
            raise _unreached(response, url) from response
        assert response is not None
        return Answer(response, url)

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def _client_for(self, scheme: str) -> httpx2.Client:
        with self._lock:
            if scheme not in self._clients:
                self._clients[scheme] = self._build_client(scheme)
            return self._clients[scheme]

    def _build_client(self, scheme: str) -> httpx2.Client:
        # Reading the trusted certificates takes a tenth of a second; who speaks no TLS needs none of them.
        trust = BulkTls() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # No cookie is kept: the key is all that tells the site who asks.
        jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        return httpx2.Client(
            headers={"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity"},
            cookies=jar,
            verify=trust,
            timeout=httpx2.Timeout(self._timeout, pool=None),
            limits=httpx2.Limits(
                max_connections=None,
                max_keepalive_connections=_KEPT_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
            ),
            follow_redirects=False,
        )


class _Opening:
    """A request sent from a thread of its own, because neither DNS nor connect can be woken from outside."""

    def __init__(self, send: Callable[[], httpx2.Response]) -> None:
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
            _close(outcome)

    def _run(self) -> None:
        outcome: httpx2.Response | Exception
        try:
            outcome = self._send()
        except Exception as error:  # noqa: BLE001 - it is looked at by the thread that waits
            outcome = error
        with self._lock:
            if not self._abandoned:
                self._outcome = outcome
        if self._outcome is None and isinstance(outcome, httpx2.Response):
            _close(outcome)
        self._over.set()


def _close(response: httpx2.Response) -> None:
    with suppress(httpx2.HTTPError, OSError):
        response.close()


def _shut(sock: Any) -> None:
    # The plain method: the one of a TLS socket would take its decryption away from under the reader.
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


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
