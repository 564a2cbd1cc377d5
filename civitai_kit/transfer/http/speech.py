"""HTTP/1.1 over a connection that the library has opened and that waits: what is sent and read is all that is done.

The pools, traces and looks at the socket with which the library surrounds a request take longer than a picture.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import h11
import httpx2

_LONGEST_HEAD = 100 * 1024
# Read for a head, so that little of the body has to be copied once more; and for a body.
_HEAD, _BODY = 8 * 1024, 128 * 1024
_ALL = getattr(socket, "MSG_WAITALL", 0)
_NO_BODY = frozenset({204, 304})


class Stale(Exception):
    """The connection ended or was out of step before it answered: the request can go over another."""


class SpokenAnswer:
    """An answer over a waiting connection; header names are in lower case.

    `over` says that the body was read to its end, and that the connection can take another request.
    """

    def __init__(self, sock: Any, parser: h11.Connection, head: h11.Response) -> None:
        self.status: int = head.status_code
        self.headers = joined((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers)
        self.plain_socket: Any = sock
        self.over = False
        self._parser = parser
        self._lasts = head.http_version == b"1.1" and self.headers.get("connection", "").strip().lower() != "close"

    def chunks(self) -> Iterator[bytes]:
        """The body as it is sent; raises OSError or httpx2.RemoteProtocolError when it breaks off."""
        said = self.headers.get("content-length")
        if said is None or "transfer-encoding" in self.headers or self.status in _NO_BODY:
            return self._parsed()
        return self._counted(int(said))

    def cut(self) -> None:
        """End the connection from another thread, so that whoever reads it wakes."""
        shut_down(self.plain_socket)

    def close(self) -> None:
        """End the connection unless it can take another request."""
        if not self.over:
            shut_down(self.plain_socket)

    def _counted(self, left: int) -> Iterator[bytes]:
        came, _ = self._parser.trailing_data
        in_step = self._lasts and len(came) <= left
        while left > 0:
            chunk = came[:left] or receive(self.plain_socket, min(left, _BODY), flags=_ALL)
            came = b""
            if not chunk:
                raise httpx2.RemoteProtocolError(f"it closed {left:,} bytes before the end")
            left -= len(chunk)
            # Whoever counts along asks for no chunk after the last.
            self.over = in_step and not left
            yield chunk
        self.over = in_step

    def _parsed(self) -> Iterator[bytes]:
        try:
            while not isinstance(event := self._parser.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
                else:
                    self._parser.receive_data(receive(self.plain_socket, _BODY))
        except h11.RemoteProtocolError as error:
            raise httpx2.RemoteProtocolError(str(error)) from error
        self.over = self._lasts and self._parser.trailing_data == (b"", False)


def ask(sock: Any, url: httpx2.URL, headers: Mapping[str, str]) -> SpokenAnswer:
    """Send a GET and read the head of its answer.

    Raises Stale where nothing is lost by asking over another connection; OSError or httpx2.HTTPError for the rest.
    """
    parser = h11.Connection(h11.CLIENT, _LONGEST_HEAD)
    try:
        fields = [("Host", url.netloc.decode("ascii")), *headers.items()]
        words = parser.send(h11.Request(method="GET", target=url.raw_path, headers=fields))
        parser.send(h11.EndOfMessage())
    except h11.LocalProtocolError as error:
        raise httpx2.LocalProtocolError(str(error)) from error
    try:
        sock.sendall(words)
        return SpokenAnswer(sock, parser, _head(sock, parser))
    except (ConnectionError, h11.RemoteProtocolError) as error:
        raise Stale(str(error)) from error


def _head(sock: Any, parser: h11.Connection) -> h11.Response:
    while not isinstance(event := parser.next_event(), h11.Response):
        # What is only informational is followed by the answer.
        if event is h11.NEED_DATA:
            parser.receive_data(receive(sock, _HEAD))
        elif not isinstance(event, h11.InformationalResponse):
            raise Stale("it is closed")
    return event


def receive(sock: Any, size: int, *, flags: int = 0) -> bytes:
    """At most `size` bytes, none at the end; raises TimeoutError after the silence that `steady` allows."""
    try:
        data: bytes = sock.recv(size, flags) if type(sock) is socket.socket else sock.recv(size)
    except BlockingIOError as error:
        raise TimeoutError("nothing came in time") from error
    return data


def steady(sock: Any, seconds: float) -> None:
    """Bound every silence on a socket; by the kernel where it can, as Python looks at the socket before each read."""
    if sock.gettimeout() is None or isinstance(sock, ssl.SSLSocket):
        return
    whole, rest = divmod(seconds, 1)
    limit = struct.pack("L", int(seconds * 1000)) if os.name == "nt" else struct.pack("ll", int(whole), int(rest * 1e6))
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        sock.settimeout(None)


def decoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """A body without its Content-Encoding; raises httpx2.DecodingError."""
    yield from httpx2.Response(200, headers={"Content-Encoding": encoding}, stream=_Stream(chunks)).iter_bytes()


class _Stream(httpx2.SyncByteStream):
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks


def joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name in lower case; those that are there twice with a comma between their values."""
    headers: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def shut_down(sock: Any) -> None:
    """End a connection under whoever reads it."""
    with suppress(OSError):
        # A TLS socket's own way of shutting would hand out the records that still come as they are, unopened.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
