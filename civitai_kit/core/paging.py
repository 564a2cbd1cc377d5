"""One page of a listing, and how the site's envelope of it is read (API facts 2.3, 8.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from civitai_kit.core.reading import mapping, objects

T = TypeVar("T")


class Page(Generic[T]):
    """One page of a listing: `items`, `next_cursor` (None at the end), the site's `metadata`, all of it `raw`."""

    __slots__ = ("items", "metadata", "next_cursor", "raw")

    def __init__(
        self, items: tuple[T, ...], next_cursor: str | int | None, metadata: dict[str, Any], raw: dict[str, Any]
    ) -> None:
        self.items = items
        self.next_cursor = next_cursor
        self.metadata = metadata
        self.raw = raw


def page_of(parse: Callable[[Any], T], raw: dict[str, Any]) -> Page[T]:
    """Read a listing's envelope; items that are no objects (null) are passed over.

    The cursor may be text or number; where only `nextPage` has one, it is taken from there (API facts 2.3, 8.3).
    """
    metadata = mapping(raw.get("metadata"))
    cursor = _cursor(metadata.get("nextCursor"))
    if cursor is None:
        cursor = _cursor_in(metadata.get("nextPage"))
    return Page(tuple(parse(item) for item in objects(raw.get("items"))), cursor, metadata, raw)


def _cursor(value: Any) -> str | int | None:
    usable = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return value if usable else None


def _cursor_in(address: Any) -> str | None:
    try:
        found = parse_qs(urlsplit(address).query).get("cursor") if isinstance(address, str) else None
    except ValueError:
        return None
    return found[-1] if found else None
