"""What a program sees of both clients, downloads apart: nothing but questions to the site."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from civitai_kit.client.drivers import AsyncDriver, Driver
from civitai_kit.client.endpoints import Awaiting, Blocking, Endpoints
from civitai_kit.client.exchange import Exchange
from civitai_kit.client.manner import SITE, Manner
from civitai_kit.client.pacing import Pace, PacePolicy
from civitai_kit.client.user_http import AsyncHttp, SyncHttp
from civitai_kit.core.retry import RetryPolicy, RetryRules


class BlockingClient(Endpoints, Blocking):
    """Asks the site and blocks until it has answered; may be used by several threads at once.

    `api_key` goes to `base_url` alone, in a header; no key is looked for in the environment or in settings files, only
    proxies and certificates are. `http` is a client of yours, of httpx2 or httpx: used for everything and never closed
    here; an Authorization header that it carries wins unless `api_key` is given. `retry` decides on further tries,
    `pace` when a request may start; `timeout` bounds silence, in seconds. `log` is called after each request with what
    happened, `on_wait(seconds, why)` before each pause; neither is told a secret. Each request is a span where the
    program uses OpenTelemetry.

    Raises UsageError for a key, address or `http` that cannot be one. Every question raises a SiteError when the site
    does not give, and BadOption, before anything is sent, when it could not.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = SITE,
        http: SyncHttp | None = None,
        retry: RetryPolicy | None = None,
        pace: PacePolicy | None = None,
        timeout: float = 60,
        on_wait: Callable[[float, str], None] | None = None,
        log: Callable[[Exchange], None] | None = None,
    ) -> None:
        manner = Manner(
            base_url=base_url,
            api_key=api_key,
            retry=RetryRules() if retry is None else retry,
            pace=Pace() if pace is None else pace,
            timeout=timeout,
            on_wait=on_wait,
            log=log,
        )
        self._driver = Driver(http, manner)

    def __repr__(self) -> str:
        """Where it asks; never with which key."""
        return f"{type(self).__name__}({self._driver.asker.site!r})"

    def __enter__(self) -> Self:
        """Itself; the connections are closed at the end of the `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is ours."""
        self.close()

    def close(self) -> None:
        """Close the connections, unless they are of a client that was handed in."""
        self._driver.close()


class AwaitingClient(Endpoints, Awaiting):
    """Asks the site without blocking, on asyncio and on trio: the same questions, to be awaited.

    Iterate listings with `async for`. Parameters and errors are those of `Client`; `http` is an asynchronous client.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = SITE,
        http: AsyncHttp | None = None,
        retry: RetryPolicy | None = None,
        pace: PacePolicy | None = None,
        timeout: float = 60,
        on_wait: Callable[[float, str], None] | None = None,
        log: Callable[[Exchange], None] | None = None,
    ) -> None:
        manner = Manner(
            base_url=base_url,
            api_key=api_key,
            retry=RetryRules() if retry is None else retry,
            pace=Pace() if pace is None else pace,
            timeout=timeout,
            on_wait=on_wait,
            log=log,
        )
        self._driver = AsyncDriver(http, manner)

    def __repr__(self) -> str:
        """Where it asks; never with which key."""
        return f"{type(self).__name__}({self._driver.asker.site!r})"

    async def __aenter__(self) -> Self:
        """Itself; the connections are closed at the end of the `async with`."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is ours."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, unless they are of a client that was handed in."""
        await self._driver.aclose()
