"""Asynchronous connections belong to the event loop that made them: each loop has its own, closed at its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from anyio.lowlevel import RunVar


class LoopConnections:
    """The HTTP client of the event loop that is running, made by `make` when it is first asked for; `first` is one.

    When a loop ends, it closes its own (as it closes each generator that was left), so that none is left behind by a
    program that keeps a client from one loop to the next, or that never closes it.
    """

    def __init__(self, first: Any, make: Callable[[], Any]) -> None:
        # Taken by one loop alone, should several threads begin theirs at once.
        self._spares = [first]
        self._make = make
        self._here: RunVar[tuple[Any, AsyncGenerator[None, None]] | None] = RunVar("civitai_kit connections", None)

    async def http(self) -> Any:
        """That of this loop."""
        if (found := self._here.get()) is not None:
            return found[0]
        try:
            http = self._spares.pop()
        except IndexError:
            http = self._make()
        keeping = self._keep(http)
        self._here.set((http, keeping))
        await anext(keeping)
        return http

    async def aclose(self) -> None:
        """Close that of this loop."""
        if (found := self._here.get()) is not None:
            await found[1].aclose()
        elif self._spares:
            await self._spares.pop().aclose()

    async def _keep(self, http: Any) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._here.set(None)
            await http.aclose()
