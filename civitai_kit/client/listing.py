"""A listing read page by page: follows cursors only, delivers each row once, and never ends early in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from civitai_kit.client.conversation import Call
from civitai_kit.core.errors import SiteError, UnexpectedReply
from civitai_kit.core.site.models import SiteValue
from civitai_kit.core.site.option_values import bookmark
from civitai_kit.core.site.paging import Cursor, Page, rows_of, with_rows

V = TypeVar("V", bound=SiteValue)

# Filters after the cut leave long runs of empty pages (site.md 2.3); more than this is a site gone astray.
MOST_BARREN_PAGES = 500


class Listing(Generic[V]):
    """The pages of one listing from `cursor` on; `advance` is the conversation that brings the next one.

    `ask` brings the page at a cursor, `name` says what tells one row from another. A page may be short or empty and
    still have a successor (site.md 2.3, 8.3), but not `most_barren` pages without a new row one after another.
    """

    def __init__(
        self,
        ask: Callable[[Cursor | None], Call[Page[V]]],
        name: Callable[[dict[str, Any]], object],
        cursor: Cursor | None = None,
        max_pages: int | None = None,
        most_barren: int = MOST_BARREN_PAGES,
    ) -> None:
        self._ask = ask
        self._name = name
        self._cursor = bookmark(cursor)
        self._max_pages = max_pages
        self._most_barren = most_barren
        self._asked: Counter[Cursor | None] = Counter()
        self._seen: set[object] = set()
        self._pages = self._barren = 0
        self._done = self._astray = False

    @property
    def cursor(self) -> Cursor | None:
        """Where the next page begins."""
        return self._cursor

    @property
    def ended(self) -> bool:
        """Whether no further page will be asked for."""
        return self._done or (self._max_pages is not None and self._pages >= self._max_pages)

    def advance(self) -> Call[Page[V] | None]:
        """The next page with the rows not seen before, None at the end.

        A page that fails for good raises its SiteError with how many pages and rows came before.
        """
        if self.ended:
            return None
        if self._astray:
            raise self._told(
                UnexpectedReply(
                    "The site's cursors lead in a circle, and rows may be missing.",
                    hint="Try again later, or in another order (--sort).",
                )
            )
        self._asked[self._cursor] += 1
        try:
            page = yield from self._ask(self._cursor)
        except SiteError as error:
            raise self._told(error) from None
        fresh = with_rows(page, [row for row in rows_of(page) if self._take(row)])
        self._pages += 1
        self._move_on(told_something=bool(rows_of(page)), fresh=fresh)
        return fresh

    def _move_on(self, *, told_something: bool, fresh: Page[V]) -> None:
        """Go on at the page's cursor, which may lead in a circle (site.md 8.3).

        A cursor asked before gets a second look: a passing fault heals so, and when the circle has closed all rows
        are known ones, which is the end. A third time means that the site has gone astray.
        """
        self._cursor = fresh.next_cursor
        self._barren = 0 if rows_of(fresh) else self._barren + 1
        known = self._asked[self._cursor]
        self._done = self._cursor is None or bool(known and told_something and not rows_of(fresh))
        self._astray = known > 1 or self._barren >= self._most_barren

    def _take(self, row: dict[str, Any]) -> bool:
        name = self._name(row)
        if name is None:
            return True
        if name in self._seen:
            return False
        self._seen.add(name)
        return True

    def _told(self, error: SiteError) -> SiteError:
        if self._pages:
            error.message = f"{error.message} (after {_many(self._pages, 'page')} with {_many(len(self._seen), 'row')})"
            error.args = (error.message,)
        return error


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
