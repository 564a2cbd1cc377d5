"""What a listing gives to a program: its items one after another, or its pages, and where to go on another day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, TypeVar

from civitai_kit.client.listing import Listing
from civitai_kit.core.site.models import SiteValue
from civitai_kit.core.site.paging import Cursor, Page

V = TypeVar("V", bound=SiteValue)


class _Place(Generic[V]):
    """How far a listing has been taken."""

    def __init__(self, listing: Listing[V]) -> None:
        self._listing = listing
        self._here = listing.cursor
        self._waiting: Iterator[V] = iter(())
        self._left = 0

    @property
    def cursor(self) -> Cursor | None:
        """Where to go on later, as `cursor=` of the same method with the same options; None for the beginning.

        It names the page of the next item, so that nothing is lost: in the middle of a page its first items come again.
        """
        return self._here if self._left else self._listing.cursor

    @property
    def ended(self) -> bool:
        """Whether everything has been given: no further page will be asked for."""
        return not self._left and self._listing.ended

    def _begin(self, page: Page[V], here: Cursor | None) -> None:
        self._here, self._left, self._waiting = here, len(page.items), iter(page.items)

    def _take(self) -> V | None:
        if not self._left:
            return None
        self._left -= 1
        return next(self._waiting)


class Items(_Place[V], Iterator[V]):
    """The items of a listing, each once, for `for`: what `Client.models` and its like give.

    Pages are asked for when they are needed; the site's lost and doubled rows are mended, and a listing that leads in
    a circle ends with UnexpectedReply. Iterate `pages()` instead for whole pages. One thread at a time.
    """

    def __init__(self, listing: Listing[V], advance: Callable[[], Page[V] | None]) -> None:
        super().__init__(listing)
        self._advance = advance

    def __next__(self) -> V:
        """The next item; raises a SiteError when its page cannot be had."""
        while (item := self._take()) is None:
            here = self._listing.cursor
            if (page := self._advance()) is None:
                raise StopIteration
            self._begin(page, here)
        return item

    def pages(self) -> Iterator[Page[V]]:
        """Whole pages instead of items, those of which no item was taken yet; an empty one may have a successor.

        A page's `next_cursor` is exactly where the next one begins.
        """
        return _Pages(self._advance)


class _Pages(Iterator[Page[V]]):
    """No generator: one that has raised would say ever after that the listing has ended."""

    def __init__(self, advance: Callable[[], Page[V] | None]) -> None:
        self._advance = advance

    def __next__(self) -> Page[V]:
        if (page := self._advance()) is None:
            raise StopIteration
        return page


class AsyncItems(_Place[V], AsyncIterator[V]):
    """The items of a listing, each once, for `async for`: as Items, one task at a time."""

    def __init__(self, listing: Listing[V], advance: Callable[[], Awaitable[Page[V] | None]]) -> None:
        super().__init__(listing)
        self._advance = advance

    async def __anext__(self) -> V:
        """The next item; raises a SiteError when its page cannot be had."""
        while (item := self._take()) is None:
            here = self._listing.cursor
            if (page := await self._advance()) is None:
                raise StopAsyncIteration
            self._begin(page, here)
        return item

    def pages(self) -> AsyncIterator[Page[V]]:
        """Whole pages instead of items, those of which no item was taken yet; an empty one may have a successor.

        A page's `next_cursor` is exactly where the next one begins.
        """
        return _AsyncPages(self._advance)


class _AsyncPages(AsyncIterator[Page[V]]):
    """No generator: one that is left early would be closed by the loop, later and somewhere else."""

    def __init__(self, advance: Callable[[], Awaitable[Page[V] | None]]) -> None:
        self._advance = advance

    async def __anext__(self) -> Page[V]:
        if (page := await self._advance()) is None:
            raise StopAsyncIteration
        return page
