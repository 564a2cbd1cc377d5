"""The HTTP client that a user may hand in, as much of it as is used: those of httpx2 and of httpx fit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from inspect import iscoroutinefunction
from typing import Any, Protocol

from civitai_kit.core.errors import UsageError


class SyncAnswer(Protocol):
    """An answer whose body is read piece by piece."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, asked for in any case."""

    def iter_bytes(self) -> Iterator[bytes]:
        """The decoded body."""

    def close(self) -> None:
        """Give the connection back."""


class AsyncAnswer(Protocol):
    """An answer whose body is awaited piece by piece."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, asked for in any case."""

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """The decoded body."""

    async def aclose(self) -> None:
        """Give the connection back."""


class _HttpClient(Protocol):
    @property
    def headers(self) -> Any:
        """What goes with every request."""

    def build_request(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        content: Any = None,
        headers: Any = None,
        timeout: Any = None,
    ) -> Any:
        """A request of the library's own kind."""


class SyncHttp(_HttpClient, Protocol):
    """A blocking HTTP client: `httpx2.Client`, `httpx.Client`, or what behaves like them."""

    def send(self, request: Any, *, stream: bool = False, auth: Any = None, follow_redirects: Any = None) -> SyncAnswer:
        """Send a request; with `stream` the answer's body is left to be read."""

    def close(self) -> None:
        """Close the connections."""


class AsyncHttp(_HttpClient, Protocol):
    """An asynchronous HTTP client: `httpx2.AsyncClient`, `httpx.AsyncClient`, or what behaves like them."""

    async def send(
        self, request: Any, *, stream: bool = False, auth: Any = None, follow_redirects: Any = None
    ) -> AsyncAnswer:
        """Send a request; with `stream` the answer's body is left to be read."""

    async def aclose(self) -> None:
        """Close the connections."""


def check_kind(http: object, *, awaits: bool) -> None:
    """Raise UsageError for what is no HTTP client, or one of the other kind; `awaits` says which is wanted."""
    kind = "AsyncClient" if awaits else "Client"
    send = getattr(http, "send", None)
    if isinstance(http, type) or send is None or not hasattr(http, "build_request"):
        raise UsageError(f"http takes an HTTP client, not {type(http).__name__}.", hint=f"Such as httpx2.{kind}().")
    if iscoroutinefunction(send) is not awaits:
        other = "Client" if awaits else "AsyncClient"
        raise UsageError(
            f"http takes the kind {kind} of httpx2 or httpx here, not {other}.", hint=f"Such as httpx2.{kind}()."
        )
