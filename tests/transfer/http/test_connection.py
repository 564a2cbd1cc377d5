"""Requests over new and kept connections: the same outcome, whatever comes back."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx2
import pytest

from civitai_kit.core.errors import Interrupted
from civitai_kit.transfer.http.answers import Setback
from civitai_kit.transfer.http.connection import HttpClient
from civitai_kit.transfer.stopping import Stopping

FIRST = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Twice: a\r\nx-twice: b\r\n\r\nsecond"


class Script:
    """A server that gives each connection's requests the answers of its list, then closes."""

    def __init__(self, *connections: list[bytes], tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[list[bytes]] = []
        self.hold = threading.Event()
        self._connections = connections
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://localhost:{self._listener.getsockname()[1]}/picture"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for answers in self._connections:
            self.heads.append([])
            with suppress(OSError):
                plain, _ = self._listener.accept()
                sock = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
                with sock:
                    for answer in answers:
                        self.heads[-1].append(_request(sock))
                        sock.sendall(answer)
                    if answers[-1:] == [b""]:
                        self.hold.wait(10)

    def close(self) -> None:
        self.hold.set()
        self._listener.close()


def _request(sock: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (chunk := sock.recv(4096)):
            raise OSError("gone")
        head += chunk
    return head


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    with ExitStack() as stack:
        yield lambda *connections, **more: stack.enter_context(closing(Script(*connections, **more)))


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def http(stop: threading.Event) -> Iterator[HttpClient]:
    with (
        closing(Stopping(stop)) as stopping,
        closing(HttpClient(user_agent="tests/1", timeout=0.5, stopping=stopping)) as http,
    ):
        yield http


def body(http: HttpClient, url: str) -> bytes:
    with http.get(httpx2.URL(url), {"Authorization": "Bearer x"}) as answer:
        return answer.first() + b"".join(answer.chunks())


def test_the_second_request_says_over_the_same_connection_what_the_first_said(
    http: HttpClient, script: Callable[..., Script]
) -> None:
    site = script([FIRST, SECOND, FIRST])
    assert [body(http, site.url) for _ in range(3)] == [b"first", b"second", b"first"]
    first, second, third = ({*head.lower().split(b"\r\n")} - {b"connection: keep-alive"} for head in site.heads[0])
    assert first == second == third > {b"authorization: bearer x", b"user-agent: tests/1", b"get /picture http/1.1"}


def test_headers_that_come_twice_are_joined(http: HttpClient, script: Callable[..., Script]) -> None:
    site = script([FIRST, SECOND])
    body(http, site.url)
    with http.get(httpx2.URL(site.url), {}) as answer:
        assert answer.headers["x-twice"] == "a, b"
        assert answer.length == 6


def test_a_body_in_chunks_is_put_together_and_the_connection_kept(
    http: HttpClient, script: Callable[..., Script]
) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    site = script([FIRST, chunked, SECOND])
    assert [body(http, site.url) for _ in range(3)] == [b"first", b"abcde", b"second"]
    assert len(site.heads) == 1


def test_a_packed_body_that_nobody_asked_for_is_unpacked(http: HttpClient, script: Callable[..., Script]) -> None:
    packed = gzip.compress(b"text " * 100)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    site = script([FIRST, head + packed, SECOND])
    assert [body(http, site.url) for _ in range(3)] == [b"first", b"text " * 100, b"second"]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_without_a_body_is_not_waited_for(
    http: HttpClient, script: Callable[..., Script], status: bytes
) -> None:
    site = script([FIRST, b"HTTP/1.1 %s\r\nContent-Length: 5\r\n\r\n" % status, SECOND])
    assert [body(http, site.url) for _ in range(3)] == [b"first", b"", b"second"]


def test_what_is_only_informational_is_followed_by_the_answer(http: HttpClient, script: Callable[..., Script]) -> None:
    site = script([FIRST, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + SECOND])
    assert [body(http, site.url) for _ in range(2)] == [b"first", b"second"]


@pytest.mark.parametrize(
    "end",
    [[FIRST], [FIRST, b"<html>\r\n\r\n"], [FIRST, b"HTTP/1.1 200 O"]],
    ids=["closed", "no HTTP", "half a head"],
)
def test_a_connection_that_ended_or_is_out_of_step_gives_way_to_another(
    http: HttpClient, script: Callable[..., Script], end: list[bytes]
) -> None:
    site = script(end, [SECOND])
    assert [body(http, site.url) for _ in range(2)] == [b"first", b"second"]
    assert len(site.heads) == 2


@pytest.mark.parametrize("over", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecond", b"extra"])
def test_a_connection_that_is_to_end_or_says_too_much_is_not_used_again(
    http: HttpClient, script: Callable[..., Script], over: bytes
) -> None:
    site = script([FIRST, over if over.startswith(b"HTTP") else SECOND + over], [FIRST])
    assert [body(http, site.url) for _ in range(3)] == [b"first", b"second", b"first"]


def test_an_old_answer_that_nobody_asked_for_is_not_taken_for_a_new_one(
    http: HttpClient, script: Callable[..., Script]
) -> None:
    late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    site = script([FIRST + late], [SECOND])
    assert [body(http, site.url) for _ in range(2)] == [b"first", b"second"]


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
def test_a_body_that_breaks_off_is_an_error_and_the_connection_is_let_go(
    http: HttpClient, script: Callable[..., Script], broken: bytes
) -> None:
    site = script([FIRST, broken], [SECOND])
    body(http, site.url)
    with pytest.raises((httpx2.HTTPError, OSError)):
        body(http, site.url)
    assert body(http, site.url) == b"second"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nshort"], ids=["head", "body"])
def test_silence_ends_after_the_time_allowed(http: HttpClient, script: Callable[..., Script], said: bytes) -> None:
    site = script([FIRST, said, b""] if said else [FIRST, b""])
    body(http, site.url)
    with pytest.raises((Setback, httpx2.ReadTimeout)) as caught:
        body(http, site.url)
    assert "0.5 s" in str(caught.value) or "in time" in str(caught.value) or "timed out" in str(caught.value)


def test_a_stop_wakes_whoever_waits_for_an_answer(
    http: HttpClient, script: Callable[..., Script], stop: threading.Event
) -> None:
    site = script([FIRST, b""])
    body(http, site.url)
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(Interrupted):
        body(http, site.url)


def test_a_connection_over_tls_is_kept_as_well(
    http: HttpClient, script: Callable[..., Script], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    site = script([FIRST, SECOND, FIRST], tls=context)
    assert [body(http, site.url) for _ in range(3)] == [b"first", b"second", b"first"]
    assert len(site.heads) == 1


def test_a_proxy_for_plain_addresses_is_asked_in_its_own_words(
    http: HttpClient, script: Callable[..., Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = script([FIRST, SECOND])
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    assert [body(http, "http://example.test/x") for _ in range(2)] == [b"first", b"second"]
    assert [head.split(b" ")[1] for head in proxy.heads[0]] == [b"http://example.test/x"] * 2


def test_a_header_that_would_make_two_is_refused_before_anything_is_sent(
    http: HttpClient, script: Callable[..., Script]
) -> None:
    site = script([FIRST])
    with pytest.raises(Setback):
        http.get(httpx2.URL(site.url), {"Authorization": "Bearer x\r\nHost: elsewhere"})
    assert site.heads in ([], [[]])
