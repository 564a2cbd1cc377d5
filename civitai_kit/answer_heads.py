"""A limit on what may come before a body: the head of an answer and the interim answers (1xx) before it.

The HTTP library bounds one head, but neither how many interim answers come nor how slowly all of it does. It shows
every connection it makes to whoever follows a request (its `trace` extension): there each read is counted while a head
is due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from time import monotonic
from typing import Any

LONGEST_HEAD = 128 * 1024
"""Bytes that a head and all interim answers before it may have together."""

# From its first byte on a head may take so many times the silence that is borne.
_SILENCES = 2


class EndlessHead(Exception):
    """Headers or interim answers came without end."""


class _Head:
    """A head that is due: how much of it has come, and until when the rest may take."""

    def __init__(self, silence: float | None) -> None:
        self._silence = silence
        self._came = 0
        self._until = float("inf")

    def take(self, count: int) -> None:
        """Note that so many bytes have come."""
        if not self._came and self._silence is not None:
            self._until = monotonic() + _SILENCES * self._silence
        self._came += count

    def check(self) -> None:
        """Raise EndlessHead where nothing more is to be read of it."""
        if self._came > LONGEST_HEAD:
            raise EndlessHead(f"more than {LONGEST_HEAD // 1024} KiB came before the answer's body")
        if monotonic() > self._until:
            raise EndlessHead("the headers came too slowly")


_OVER = frozenset({"http11.receive_response_headers.complete", "http11.receive_response_headers.failed"})
_OPENED = (".connect_tcp.complete", ".start_tls.complete")

# The head that is read just now, by this thread or task.
_due: ContextVar[_Head | None] = ContextVar("due", default=None)


def limit_heads(event: str, told: dict[str, Any]) -> None:
    """The `trace` extension for a request of a blocking client."""
    if (stream := _opened(event, told)) is not None:
        stream.read = _counted(stream.read)


async def limit_heads_async(event: str, told: dict[str, Any]) -> None:
    """The same for an asynchronous client."""
    if (stream := _opened(event, told)) is not None:
        stream.read = _counted_async(stream.read)


def _opened(event: str, told: dict[str, Any]) -> Any:
    """The connection of which an event says that it has been made; notes when a head begins and ends."""
    if event == "http11.receive_response_headers.started":
        _due.set(_Head(told["request"].extensions.get("timeout", {}).get("read")))
    elif event in _OVER:
        _due.set(None)
    return told["return_value"] if event.endswith(_OPENED) else None


def _counted(read: Callable[..., bytes]) -> Callable[..., bytes]:
    def counted(*limits: Any, **named: Any) -> bytes:
        if (head := _due.get()) is None:
            return read(*limits, **named)
        head.check()
        came = read(*limits, **named)
        head.take(len(came))
        return came

    return counted


def _counted_async(read: Callable[..., Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
    async def counted(*limits: Any, **named: Any) -> bytes:
        if (head := _due.get()) is None:
            return await read(*limits, **named)
        head.check()
        came = await read(*limits, **named)
        head.take(len(came))
        return came

    return counted
