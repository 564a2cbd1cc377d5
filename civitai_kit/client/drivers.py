"""Two small loops that hold the same conversations, one blocking, one awaiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import httpx2

from civitai_kit import answer_heads
from civitai_kit.client import ahead, exchange
from civitai_kit.client.conversation import SLEPT, Asker, Call, NoAnswer, Request, Response, Sleep
from civitai_kit.client.exchange import Attempt, Exchange
from civitai_kit.client.held_key import HeldKey
from civitai_kit.client.items import AsyncItems, Items
from civitai_kit.client.listing import Listing
from civitai_kit.client.loop_connections import LoopConnections
from civitai_kit.client.manner import Manner
from civitai_kit.client.pacing import turn_of
from civitai_kit.client.tracing import Span, begin_span
from civitai_kit.client.user_http import AsyncHttp, SyncHttp, check_kind
from civitai_kit.core.errors import Interrupted, SiteError, UsageError
from civitai_kit.core.proxies import proxy_for
from civitai_kit.core.site.models import SiteValue
from civitai_kit.core.site.paging import Page
from civitai_kit.machine import proxy_variables

T = TypeVar("T")
V = TypeVar("V", bound=SiteValue)


class _Driver:
    """What both loops have in common."""

    # How the HTTP library tells what it does, for each request.
    _limit_heads: Any = None

    def __init__(self, http: Any, manner: Manner) -> None:
        self._site = exchange.sound_site(manner.base_url)
        self.manner = manner
        self._key = exchange.sound_key(manner.api_key)
        self._owned, self._is_closed = http is None, False
        self._proxy = proxy_for(proxy_variables(), self._site) if http is None else None
        self._http = self._make_http() if http is None else http
        self._named = not exchange.has_name(self._http.headers)
        header = self._http.headers.get("authorization", "")
        carried = exchange.key_in(header)
        self._held = HeldKey(self._key, carried, self._site)
        exchange.refuse_key_in_clear(self._key or carried, self._site, self._proxy)
        self.secret = self._key or carried or header
        self.asker = Asker(self._site, manner.retry, has_key=bool(self.secret))

    def _make_http(self) -> Any:
        raise NotImplementedError

    def _build(self, request: Request) -> Any:
        """The library's request; the URL is always one of the site's origin (conversation.py sees to it)."""
        built = self._http.build_request(
            request.method,
            request.url,
            params=list(request.params) or None,
            content=request.body,
            headers=exchange.headers_of(request, self._held.header, self._named),
            timeout=self.manner.timeout,
            extensions={"trace": self._limit_heads},
        )
        self._held.keep_from(built.headers)
        return built

    def _attempt(self, request: Request) -> Attempt:
        return Attempt(request, self.manner.timeout, self._proxy)

    def _how(self) -> dict[str, Any]:
        # Our key must win over the credentials of a client that was handed in.
        return {"stream": True, "follow_redirects": False, **({"auth": None} if self._key else {})}

    def _pauses(self, step: Sleep) -> None:
        self.manner.pause(step.seconds, self._clean(step.why), everybody=step.everybody)

    def _done(self, done: Exchange, span: Span) -> None:
        span.end(done)
        if self.manner.log is not None:
            self.manner.log(done)

    def _check_open(self) -> None:
        if self._is_closed:
            raise UsageError("This client is closed.", hint="Make another one.")
        if not self._owned and getattr(self._http, "is_closed", False) is True:
            raise UsageError("The HTTP client that was handed in is closed.", hint="Close it after this one.")

    def _check(self) -> None:
        self._check_open()
        if self.manner.stop is not None and self.manner.stop.is_set():
            raise Interrupted("Interrupted.", hint="What was done so far is kept.")

    def _scrub(self, error: SiteError) -> None:
        """Cut the key out of an error, in case the site repeated it."""
        error.message, error.hint = self._clean(error.message), self._clean(error.hint or "") or None
        error.args = (error.message,)

    def _clean(self, text: str) -> str:
        return text.replace(self.secret, "…") if self.secret else text


class Driver(_Driver):
    """Blocks until the site has answered; may be used by several threads at once."""

    _limit_heads = staticmethod(answer_heads.limit_heads)

    def __init__(self, http: SyncHttp | None, manner: Manner) -> None:
        if http is not None:
            check_kind(http, awaits=False)
        super().__init__(http, manner)
        self._settling = threading.Lock()

    def close(self) -> None:
        """Close the connections, unless they are of a client that was handed in."""
        if self._owned:
            self._is_closed = True
            self._http.close()

    def key(self, check: Callable[[], None] | None = None) -> str | None:
        """The key that the site is shown, given to us or carried by the HTTP client; the site is asked who it is."""
        self._check_open()
        if not self._held.is_settled:
            with self._settling:
                if not self._held.is_settled:
                    self._held.settle(self._introduced(check or self._check))
        return self._held.shown

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

    def items(self, listing: Listing[V]) -> Items[V]:
        """The items of a listing."""
        return Items(listing, lambda: self.run(listing.advance()))

    def pages(self, listing: Listing[V]) -> Iterator[Page[V]]:
        """The pages of a listing, each asked for when it is wanted."""
        while (page := self.run(listing.advance())) is not None:
            yield page

    def pages_ahead(self, listing: Listing[V]) -> Iterator[Page[V]]:
        """The pages of a listing; one is asked for while the last is worked on."""

        def read(wanted: Callable[[], None]) -> Page[V] | None:
            def check() -> None:
                self._check()
                wanted()

            return self.run(listing.advance(), check)

        return ahead.read_ahead(read)

    def _make_http(self) -> Any:
        return exchange.own_http(httpx2.Client, self._site, self._proxy)

    def _answer(self, step: Request | Sleep, check: Callable[[], None]) -> Response:
        check()
        if isinstance(step, Sleep):
            self._pauses(step)
            ahead.rest(step.seconds, check)
            return SLEPT
        self.key(check)
        ahead.rest(turn_of(self.manner.pace), check)
        return self._sent(step, check)

    def _introduced(self, check: Callable[[], None]) -> Response | None:
        with suppress(NoAnswer):
            return self._sent(self._held.question, check)
        return None

    def _sent(self, request: Request, check: Callable[[], None]) -> Response:
        # In a thread, so that a stop need not wait for the network.
        return ahead.aside(lambda: self._send(request), check) if self.manner.stop is not None else self._send(request)

    def _send(self, request: Request) -> Response:
        attempt, message, span = self._attempt(request), self._build(request), begin_span(request)
        try:
            answer = self._http.send(message, **self._how())
            try:
                attempt.open(answer)
                for chunk in answer.iter_bytes():
                    attempt.take(chunk, self.manner.largest_body)
            finally:
                answer.close()
            return attempt.response(self.secret)
        except exchange.refusals() as refusal:
            return attempt.refused(refusal, self.manner.largest_body).response(self.secret)
        except exchange.failures() as error:
            raise attempt.failed(error) from error
        finally:
            self._done(attempt.exchange(message.headers, self._clean), span)


class AsyncDriver(_Driver):
    """Awaits the site's answers, on asyncio and on trio."""

    _limit_heads = staticmethod(answer_heads.limit_heads_async)

    def __init__(self, http: AsyncHttp | None, manner: Manner) -> None:
        if http is not None:
            check_kind(http, awaits=True)
        super().__init__(http, manner)
        self._settling = anyio.Lock()
        self._connections = LoopConnections(self._http, self._make_http)

    async def aclose(self) -> None:
        """Close the connections, unless they are of a client that was handed in."""
        if self._owned:
            self._is_closed = True
            await self._connections.aclose()

    async def key(self) -> str | None:
        """The key that the site is shown, given to us or carried by the HTTP client; the site is asked who it is."""
        self._check_open()
        if not self._held.is_settled:
            async with self._settling:
                if not self._held.is_settled:
                    self._held.settle(await self._introduced())
        return self._held.shown

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

    def items(self, listing: Listing[V]) -> AsyncItems[V]:
        """The items of a listing."""
        return AsyncItems(listing, lambda: self.run(listing.advance()))

    def _make_http(self) -> Any:
        return exchange.own_http(httpx2.AsyncClient, self._site, self._proxy)

    async def _answer(self, step: Request | Sleep) -> Response:
        self._check()
        if isinstance(step, Sleep):
            self._pauses(step)
            await anyio.sleep(step.seconds)
            return SLEPT
        await self.key()
        await anyio.sleep(turn_of(self.manner.pace))
        return await self._send(step)

    async def _introduced(self) -> Response | None:
        with suppress(NoAnswer):
            return await self._send(self._held.question)
        return None

    async def _send(self, request: Request) -> Response:
        attempt, message, span = self._attempt(request), self._build(request), begin_span(request)
        try:
            http = await self._connections.http() if self._owned else self._http
            answer = await http.send(message, **self._how())
            try:
                attempt.open(answer)
                async for chunk in answer.aiter_bytes():
                    attempt.take(chunk, self.manner.largest_body)
            finally:
                await answer.aclose()
            return attempt.response(self.secret)
        except exchange.refusals() as refusal:
            return attempt.refused(refusal, self.manner.largest_body).response(self.secret)
        except exchange.failures() as error:
            raise attempt.failed(error) from error
        finally:
            self._done(attempt.exchange(message.headers, self._clean), span)
