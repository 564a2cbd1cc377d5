"""How long a connection may take: who dribbles a request, or nothing, or reads nothing of its answer, is let go."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# A head comes in one piece from anybody who means it.
SECONDS = 10.0
# A body may take so much longer by its length: a plan sent over a bad link.
_SLOWEST_BYTES_PER_SECOND = 16 * 1024
# A proxy may first send on what it has taken: nginx keeps a gigabyte. Who takes longer sleeps.
UNREAD_SECONDS = 900.0


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, that closes a connection which keeps it waiting for a request, or for room for an answer.

    uvicorn itself waits without end for a first head, for any that has begun, for a body, and for who reads nothing.
    """

    seconds = SECONDS
    unread_seconds = UNREAD_SECONDS
    _due: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    # The request whose body is waited for.
    _waited_for: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was opened."""
        super().connection_made(transport)
        self._wait(self.seconds)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        super().data_received(data)
        if self.transport.is_closing() or not self._is_incomplete():
            self._wait_no_more()
        elif not self._is_idle() and self._waited_for is not self.cycle:
            self._wait_no_more()
            self._waited_for = self.cycle
            self._wait(self.seconds + self._length() / _SLOWEST_BYTES_PER_SECOND)
        elif self._due is None:
            self._wait(self.seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._wait_no_more()
        self._take_no_note()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """A request was answered; from here on uvicorn waits for the next by itself, until some of it has come."""
        self._wait_no_more()
        self._waited_for = None
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Much of an answer waits to be read."""
        super().pause_writing()
        self._take_no_note()
        self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It was read."""
        self._take_no_note()
        super().resume_writing()

    def _is_idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    def _is_incomplete(self) -> bool:
        return self._is_idle() or bool(self.cycle.more_body)

    def _length(self) -> int:
        return int(next((value for name, value in self.headers if name == b"content-length"), 0))

    def _wait(self, seconds: float) -> None:
        self._due = self.loop.call_later(seconds, self._let_go)

    def _wait_no_more(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _take_no_note(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _let_go(self) -> None:
        self._due = None
        if self._is_incomplete():
            self.transport.close()


def patient(seconds: float, unread_seconds: float) -> type[PatientProtocol]:
    """The protocol with so much patience."""
    return type("PatientProtocol", (PatientProtocol,), {"seconds": seconds, "unread_seconds": unread_seconds})
