"""How long a connection may take to say what it wants: who dribbles a head, or nothing, is let go."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# A head comes in one piece from anybody who means it.
SECONDS = 10.0


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, that closes a connection which has no request under way for so long.

    uvicorn itself waits without end for a first head, and for any that has begun.
    """

    seconds = SECONDS
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection was opened."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Something came."""
        super().data_received(data)
        if not self._is_idle() or self.transport.is_closing():
            self._wait_no_more()
        elif self._due is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """A request was answered; from here on uvicorn waits for the next by itself, until some of it has come."""
        self._wait_no_more()
        super().on_response_complete()

    def _is_idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    def _wait(self) -> None:
        self._due = self.loop.call_later(self.seconds, self._let_go)

    def _wait_no_more(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _let_go(self) -> None:
        self._due = None
        if self._is_idle():
            self.transport.close()


def patient(seconds: float) -> type[PatientProtocol]:
    """The protocol with so much patience."""
    return type("PatientProtocol", (PatientProtocol,), {"seconds": seconds})
