"""A host on a raw socket that answers each request with whatever a test wants, well-formed or not."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

Answer = Callable[[str], Iterable[bytes]]
"""Gives, for the head of a request, the pieces to send; the connection is closed after them."""

ENDLESS = 1 << 40
"""What nobody takes all of."""


class RawHost:
    """Counts what it sends in `sent` and the requests in `heads`; a test closes it."""

    def __init__(self, answer: Answer) -> None:
        self.sent = 0
        self.heads: list[str] = []
        self._answer = answer
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept nobody any more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
            if (head := _head_of(connection)) is None:
                return
            with self._lock:
                self.heads.append(head)
            for piece in self._answer(self.heads[-1]):
                connection.sendall(piece)
                with self._lock:
                    self.sent += len(piece)


def _head_of(connection: socket.socket) -> str | None:
    """The head of a request that has come with its body, or None where it never does."""
    came = b""
    # What is left unread when a connection is closed resets it, and the answer is lost.
    while (end := came.find(b"\r\n\r\n") + 4) < 4 or len(came) - end < _length(came):
        if not (chunk := connection.recv(4096)):
            return None
        came += chunk
    return came[:end].decode("latin-1")


def _length(head: bytes) -> int:
    said = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(said[1]) if said else 0


def whole(content: bytes, *lines: str, status: int = 200) -> bytes:
    """A well-formed answer with these header lines more."""
    return head(f"Content-Length: {len(content)}", *lines, status=status) + content


def head(*lines: str, status: int = 200) -> bytes:
    """A head of these header lines."""
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} X", *lines, "")).encode("latin-1")
