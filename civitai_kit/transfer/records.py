"""TLS in bulk: what has come is fetched from the kernel at once and its records are opened one after the other."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import httpx2

from civitai_kit.machine import page_aligned

# So much is taken from the kernel at once: up to 64 records of 16 KiB.
_AT_ONCE = 1024 * 1024

# Opening a record lets go of the interpreter and takes it back. Threads that do that side by side, tens of
# thousands of times a second, wait for each other most of the time; one at a time they do not.
_turn = threading.Lock()

Read = TypeVar("Read", bytes, int)


class BulkTls(ssl.SSLContext):
    """Trust as httpx2 has it by default, for connections whose records are opened many at a time.

    A context of the standard library reads each record from the kernel by itself, and twice.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        self._trust = httpx2.create_ssl_context()

    def __new__(cls) -> BulkTls:
        """Make the context that stands for the trusted one."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """Say which protocols the client speaks."""
        self._trust.set_alpn_protocols(alpn_protocols)

    def wrap_socket(self, sock: socket.socket, *_: Any, server_hostname: Any = None, **__: Any) -> ssl.SSLSocket:
        """Shake hands over a connected socket; gives what reads and writes like a TLS socket."""
        bulk = _BulkSocket(sock, self._trust, server_hostname)
        bulk.shake_hands()
        return cast("ssl.SSLSocket", bulk)


class _BulkSocket:
    """A TLS connection over a connected socket, with the methods of a socket that clients use."""

    def __init__(self, sock: socket.socket, trust: ssl.SSLContext, host: str | None) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = trust.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._taken = page_aligned(_AT_ONCE)

    def __getattr__(self, name: str) -> Any:
        # Addresses, time limits, shutting and closing are the plain socket's.
        return getattr(self._sock, name)

    def shake_hands(self) -> None:
        """Agree on keys; raises ssl.SSLError when the other side is not to be trusted."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send()
                self._take()
            else:
                self._send()
                return

    def recv(self, size: int) -> bytes:
        """At most `size` bytes as soon as there are any; none at the end."""
        while (data := self._opened(lambda: self._tls.read(size))) is None:
            self._take()
        return data

    def recv_into(self, buffer: memoryview) -> int:
        """Fill the buffer with what has come, waiting only while there is nothing; 0 at the end."""
        while (count := self._opened(lambda: self._fill(buffer))) is None:
            self._take()
        return count or 0

    def send(self, data: Any) -> int:
        """Send all of it."""
        self._tls.write(data)
        self._send()
        return len(data)

    def sendall(self, data: Any) -> None:
        """Send all of it."""
        self.send(data)

    def _opened(self, read: Callable[[], Read]) -> Read | Literal[b""] | None:
        """What `read` gives of the records that are here, nothing at their end; None when more must be taken first."""
        try:
            with _turn:
                return read()
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        finally:
            self._send()

    def _fill(self, buffer: memoryview) -> int:
        filled, wanted = 0, len(buffer)
        read = cast("Callable[[int, memoryview], int]", self._tls.read)
        try:
            while filled < wanted and (count := read(wanted - filled, buffer[filled:])):
                filled += count
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError, ssl.SSLEOFError):
            if not filled:
                raise
        return filled

    def _take(self) -> None:
        """Take what has come from the kernel; waits until something has."""
        count = self._sock.recv_into(self._taken)
        if count:
            self._incoming.write(self._taken[:count])
        else:
            self._incoming.write_eof()

    def _send(self) -> None:
        if self._outgoing.pending:
            self._sock.sendall(self._outgoing.read())
