"""One way to ask for all three: the blocking client, and the asynchronous one on asyncio and on trio."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from typing import Any

import anyio
import pytest

from civitai_kit import AsyncClient, Client, RetryRules
from civitai_kit.testing import Sandbox

# Waits are real but too short to notice.
SWIFT = RetryRules(first_wait=0.0005)


@dataclass(frozen=True)
class Asking:
    """Asks a sandbox through one of the three, by a client of `library` that is handed in, or by one of our own."""

    sandbox: Sandbox
    way: str
    library: Any = None

    def by(self, library: Any) -> Asking:
        """The same with a client of an HTTP library."""
        return replace(self, library=library)

    def ask(self, use: Callable[[Any], Any], api_key: str | None = None, **options: Any) -> Any:
        """What `use` gets of a client: the one thing, or the list of all."""
        known = {"base_url": self.sandbox.url, "retry": SWIFT, "timeout": 20, **options}
        if self.way != "sync":
            return anyio.run(self._ask_async, use, api_key, known, backend=self.way)
        with ExitStack() as closing:
            if self.library is not None:
                known["http"] = closing.enter_context(self.library.Client())
            found = use(closing.enter_context(Client(api_key, **known)))
            return list(found) if hasattr(found, "__next__") else found

    async def _ask_async(self, use: Callable[[Any], Any], api_key: str | None, options: dict[str, Any]) -> Any:
        async with AsyncExitStack() as closing:
            if self.library is not None:
                options["http"] = await closing.enter_async_context(self.library.AsyncClient())
            found = use(await closing.enter_async_context(AsyncClient(api_key, **options)))
            return [item async for item in found] if hasattr(found, "__aiter__") else await found


@pytest.fixture(params=["sync", "asyncio", "trio"])
def asking(request: pytest.FixtureRequest, civitai_sandbox: Sandbox) -> Asking:
    """Each test that takes this runs three times."""
    return Asking(civitai_sandbox, request.param)
