"""Client and AsyncClient: two small loops that run the same conversations, one blocking, one awaiting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import anyio
import httpx2

from civitai_kit import answer_heads
from civitai_kit.client import ahead, calls, exchange
from civitai_kit.client.conversation import SLEPT, Asker, Call, NoAnswer, Request, Response, Sleep
from civitai_kit.client.endpoints import Awaiting, Blocking, Endpoints
from civitai_kit.client.exchange import Attempt, Exchange
from civitai_kit.client.listing import Listing
from civitai_kit.client.pacing import Pace
from civitai_kit.core.errors import Interrupted, SiteError
from civitai_kit.core.proxies import proxy_for
from civitai_kit.core.retry import RetryRules
from civitai_kit.core.site.models import Image, Model, SiteValue
from civitai_kit.core.site.paging import Cursor, Page
from civitai_kit.core.site.query import ImageQuery, ModelQuery
from civitai_kit.machine import proxy_variables

T = TypeVar("T")
V = TypeVar("V", bound=SiteValue)


class Stop(Protocol):
    """What tells a client to stop, such as a threading.Event."""

    def is_set(self) -> bool:
        """Whether to stop."""


class _Base(Endpoints):
    """What both clients have in common.

    `http` is a user's own client of httpx2 or httpx: used for everything, never closed here; an Authorization
    header that it carries wins unless `api_key` is given. `timeout` bounds silence, in seconds. For programs:
    `delay` in seconds between requests (`pace` shares one between clients), `on_wait(seconds, why)` before each
    pause, `log` after each exchange (both from any thread), `stop` to be asked while waiting, `largest_body` in
    bytes for the answers that are read at all.
    """

    # How the HTTP library tells what it does, for each request.
    _limit_heads: Any = None

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = "https://civitai.com",
        http: Any = None,
        retry: RetryRules | None = None,
        timeout: float = 60,
        delay: float = 0,
        pace: Pace | None = None,
        on_wait: Callable[[float, str], None] | None = None,
        log: Callable[[Exchange], None] | None = None,
        stop: Stop | None = None,
        largest_body: int = exchange.LARGEST_BODY,
    ) -> None:
        self.asker = Asker(exchange.sound_site(base_url), retry or RetryRules())
        self._key = exchange.sound_key(api_key)
        self._timeout = timeout
        self._owned = http is None
        self._proxy = proxy_for(proxy_variables(), self.asker.site) if http is None else None
        if http is None:
            exchange.refuse_key_in_clear(self._key, self.asker.site, self._proxy)
        self._http = self._make_http() if http is None else http
        self._named = not exchange.has_name(self._http.headers)
        self._secret = self._key or self._http.headers.get("authorization", "").removeprefix("Bearer ")
        self._pace = pace or Pace(delay)
        self._on_wait = on_wait
        self._log = log
        self._stop = stop
        self._largest_body = largest_body

    def __repr__(self) -> str:
        """Where it asks; never with which key."""
        return f"{type(self).__name__}({self.asker.site!r})"

    def _make_http(self) -> Any:
        raise NotImplementedError

    def _build(self, request: Request) -> Any:
        """The library's request; the URL is always one of the site's origin (conversation.py sees to it)."""
        return self._http.build_request(
            request.method,
            request.url,
            params=list(request.params) or None,
            content=request.body,
            headers=exchange.headers_of(request, self._key, self._named),
            timeout=self._timeout,
            extensions={"trace": self._limit_heads},
        )

    def _how(self) -> dict[str, Any]:
        # Our key must win over the credentials of a client that was handed in.
        return {"stream": True, "follow_redirects": False, **({"auth": None} if self._key else {})}

    def _pauses(self, step: Sleep) -> None:
        if step.everybody:
            self._pace.hold(step.seconds)
        if self._on_wait is not None:
            self._on_wait(step.seconds, self._clean(step.why))

    def _logged(self, done: Exchange) -> None:
        if self._log is not None:
            self._log(done)

    @property
    def _stoppable(self) -> bool:
        return self._stop is not None

    def _check(self) -> None:
        if self._stop is not None and self._stop.is_set():
            raise Interrupted("Interrupted.", hint="What was done so far is kept.")

    def _scrub(self, error: SiteError) -> None:
        """Cut the key out of an error, in case the site repeated it."""
        error.message, error.hint = self._clean(error.message), self._clean(error.hint or "") or None
        error.args = (error.message,)

    def _clean(self, text: str) -> str:
        return text.replace(self._secret, "…") if self._secret else text


class Client(_Base, Blocking):
    """Asks the site and blocks until it has answered; may be used by several threads at once."""

    _limit_heads = staticmethod(answer_heads.limit_heads)

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
        if self._owned:
            self._http.close()

    def models_of(
        self, query: ModelQuery, max_pages: int | None = None, *, read_ahead: bool = True
    ) -> Iterator[Page[Model]]:
        """The pages of a listing, at most `max_pages`; one is read ahead while the last is worked on."""
        listing = calls.model_listing(self.asker, query, max_pages)
        return self._ahead(listing) if read_ahead else self._pages_of(listing)

    def images_of(
        self, query: ImageQuery, cursor: Cursor | None = None, max_pages: int | None = None, *, read_ahead: bool = True
    ) -> Iterator[Page[Image]]:
        """The pages of an image listing from `cursor` on, as `models_of`."""
        listing = calls.image_listing(self.asker, query, cursor, max_pages)
        return self._ahead(listing) if read_ahead else self._pages_of(listing)

    def run(self, call: Call[T], check: Callable[[], None] | None = None) -> T:
        """Hold a conversation to its end; `check` is called while waiting, and raises to end it early."""
        try:
            step = next(call)
            while True:
                try:
                    reply = self._answer(step, check or self._check)
                except NoAnswer as failure:
                    step = call.throw(failure)
                else:
                    step = call.send(reply)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # what the call returns
        except SiteError as error:
            self._scrub(error)
            raise
        finally:
            call.close()

    def rows_of(self, listing: Listing[V]) -> Iterator[V]:
        """The rows of a listing, page after page."""
        for page in self._pages_of(listing):
            yield from page.items

    def _pages_of(self, listing: Listing[V]) -> Iterator[Page[V]]:
        while (page := self.run(listing.advance())) is not None:
            yield page

    def _ahead(self, listing: Listing[V]) -> Iterator[Page[V]]:
        def read(wanted: Callable[[], None]) -> Page[V] | None:
            def check() -> None:
                self._check()
                wanted()

            return self.run(listing.advance(), check)

        return ahead.read_ahead(read)

    def _make_http(self) -> Any:
        return exchange.own_http(httpx2.Client, self.asker.site, self._proxy)

    def _answer(self, step: Request | Sleep, check: Callable[[], None]) -> Response:
        check()
        if isinstance(step, Sleep):
            self._pauses(step)
            _rest(step.seconds, check)
            return SLEPT
        _rest(self._pace.reserve(), check)
        # In a thread, so that a stop need not wait for the network.
        return ahead.aside(lambda: self._send(step), check) if self._stoppable else self._send(step)

    def _send(self, request: Request) -> Response:
        attempt, message = Attempt(request, self._timeout, self._proxy), self._build(request)
        try:
            answer = self._http.send(message, **self._how())
            try:
                attempt.open(answer)
                for chunk in answer.iter_bytes():
                    attempt.take(chunk, self._largest_body)
            finally:
                answer.close()
            return attempt.response(self._secret)
        except exchange.failures() as error:
            raise attempt.failed(error) from error
        finally:
            self._logged(attempt.exchange(message.headers))


class AsyncClient(_Base, Awaiting):
    """Asks the site without blocking, on asyncio and on trio."""

    _limit_heads = staticmethod(answer_heads.limit_heads_async)

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
        if self._owned:
            await self._http.aclose()

    async def run(self, call: Call[T]) -> T:
        """Hold a conversation to its end."""
        try:
            step = next(call)
            while True:
                try:
                    reply = await self._answer(step)
                except NoAnswer as failure:
                    step = call.throw(failure)
                else:
                    step = call.send(reply)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # what the call returns
        except SiteError as error:
            self._scrub(error)
            raise
        finally:
            call.close()

    async def rows_of(self, listing: Listing[V]) -> AsyncIterator[V]:
        """The rows of a listing, page after page."""
        while (page := await self.run(listing.advance())) is not None:
            for row in page.items:
                yield row

    def _make_http(self) -> Any:
        return exchange.own_http(httpx2.AsyncClient, self.asker.site, self._proxy)

    async def _answer(self, step: Request | Sleep) -> Response:
        self._check()
        if isinstance(step, Sleep):
            self._pauses(step)
            await anyio.sleep(step.seconds)
            return SLEPT
        await anyio.sleep(self._pace.reserve())
        return await self._send(step)

    async def _send(self, request: Request) -> Response:
        attempt, message = Attempt(request, self._timeout, self._proxy), self._build(request)
        try:
            answer = await self._http.send(message, **self._how())
            try:
                attempt.open(answer)
                async for chunk in answer.aiter_bytes():
                    attempt.take(chunk, self._largest_body)
            finally:
                await answer.aclose()
            return attempt.response(self._secret)
        except exchange.failures() as error:
            raise attempt.failed(error) from error
        finally:
            self._logged(attempt.exchange(message.headers))


def _rest(seconds: float, check: Callable[[], None]) -> None:
    """Sleep, and check often enough to notice a stop."""
    until = monotonic() + seconds
    while (left := until - monotonic()) > 0:
        check()
        sleep(min(left, ahead.LOOK))
