"""One page of a listing, and how the site's envelope of it is read (site.md 2.3, 8.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from civitai_kit.core.site.reading import mapping, objects

T = TypeVar("T")
Cursor = str | int


class Page(Generic[T]):
    """One page of a listing.

    `items` may be few or none and `next_cursor` still lead on; it is None at the end, and a number where pages are
    numbered. `metadata` is what the site says of the page, `raw` all of its answer. Items are made when they are first
    looked at, so that the next page can be asked for before.
    """

    __slots__ = ("_items", "_make", "_rows", "metadata", "next_cursor", "raw")

    def __init__(
        self,
        rows: Sequence[dict[str, Any]],
        make: Callable[[Any], T],
        *,
        next_cursor: Cursor | None = None,
        metadata: dict[str, Any] | None = None,
        raw: dict[str, Any] | None = None,
    ) -> None:
        self._rows = rows
        self._make = make
        self.next_cursor: Cursor | None = next_cursor
        self.metadata: dict[str, Any] = metadata or {}
        self.raw: dict[str, Any] = raw or {}
        self._items: tuple[T, ...] | None = None

    @property
    def items(self) -> tuple[T, ...]:
        """What the page lists, in the site's order."""
        if self._items is None:
            self._items = tuple(map(self._make, self._rows))
        return self._items

    def __repr__(self) -> str:
        return f"Page({len(self._rows)} items, next_cursor={self.next_cursor!r})"


def rows_of(page: Page[Any]) -> Sequence[dict[str, Any]]:
    """The objects of a page, before any item is made of them."""
    return page._rows


def with_rows(page: Page[T], rows: Sequence[dict[str, Any]]) -> Page[T]:
    """The same page with only these of its objects."""
    return Page(rows, page._make, next_cursor=page.next_cursor, metadata=page.metadata, raw=page.raw)


def with_cursor(page: Page[T], cursor: Cursor | None) -> Page[T]:
    """The same page with another cursor."""
    return Page(page._rows, page._make, next_cursor=cursor, metadata=page.metadata, raw=page.raw)


def page_of(make: Callable[[Any], T], raw: dict[str, Any]) -> Page[T]:
    """Read a listing's envelope; items that are no objects (null) are passed over.

    The cursor may be text or number; where only `nextPage` has one, it is taken from there (site.md 2.3, 8.3).
    """
    metadata = mapping(raw.get("metadata"))
    cursor = _cursor(metadata.get("nextCursor"))
    if cursor is None:
        cursor = _cursor_in(metadata.get("nextPage"))
    return Page(objects(raw.get("items")), make, next_cursor=cursor, metadata=metadata, raw=raw)


def _cursor(value: Any) -> Cursor | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    usable = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return value if usable else None


def _cursor_in(address: Any) -> str | None:
    try:
        found = parse_qs(urlsplit(address).query).get("cursor") if isinstance(address, str) else None
    except ValueError:
        return None
    return found[-1] if found else None
