"""Reads the listings of one target page by page; a later run can go on where one breaks off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from civitai_kit.core.errors import SiteError
from civitai_kit.core.site.models import Image, Page
from civitai_kit.core.site.query import ImageQuery
from civitai_kit.services.images.bookmarks import Bookmark, Cursor
from civitai_kit.services.images.ports import ImageLister


@dataclass(slots=True)
class ListingPage:
    """One page with its new images, and how far they are. `cursor` asks for the page again.

    `unknown` counts images that were not there already, `wanted` those of them that are to be fetched, `pending`
    those under way.
    """

    listing: str
    cursor: Cursor | None
    images: tuple[Image, ...]
    model_id: int | None = None
    version_id: int | None = None
    is_last: bool = False
    is_blank: bool = False
    unknown: int = 0
    wanted: int = 0
    pending: int = 0
    failed: bool = False
    worked_through: bool = False

    @property
    def settled(self) -> bool:
        """Whether a later run need not read it again."""
        return self.worked_through and not self.pending and not self.failed

    @property
    def is_stale(self) -> bool:
        """Whether it has images, but none to fetch."""
        return not self.wanted and not self.is_blank


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageListing:
    """One listing of a target: its name, its query, and the model or version that it is about, where that is known."""

    name: str
    query: ImageQuery
    model_id: int | None = None
    version_id: int | None = None


@dataclass(slots=True)
class ListingReader:
    """The state of a target's listings. `errors` say why a listing broke off; `is_cut` that `max_pages` ended it.

    With `reads_ahead` the next page is requested early; a run with a limit may not need it.
    """

    site: ImageLister
    saved: Bookmark
    max_pages: int = 0
    counts_versions: bool = False
    reads_ahead: bool = True
    seen: set[int | str | None] = field(default_factory=set)
    versions: Counter[int] = field(default_factory=Counter)
    pages_read: list[ListingPage] = field(default_factory=list)
    errors: dict[str, SiteError] = field(default_factory=dict)
    is_cut: bool = False
    _done: set[str] = field(default_factory=set)
    _broken: dict[str, Cursor | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._done |= self.saved.done

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run has read some of it."""
        return bool(self.saved)

    @property
    def found_nothing(self) -> bool:
        """Whether the site answered and has no image, in this run and an earlier one."""
        return not self.seen and not self.errors and not self.is_resumed

    def pages(self, listing: ImageListing, until: Callable[[ListingPage], bool] | None = None) -> Iterator[ListingPage]:
        """The pages of one listing, up to the first for which `until` holds.

        A listing that goes on from an earlier run is then read from its start, up to pages that are known.
        A page that fails for good is noted, and ends the listing.
        """
        name = listing.name
        if name in self._done or self.is_cut:
            return
        begin = self.saved.broken.get(name)
        yield from self._read(listing, _stepped_back(begin, listing.query), until)
        if begin is not None and name not in self.errors and not self.is_cut:
            yield from self._read(listing, None, lambda page: page.is_stale)
        if name not in self.errors and not self.is_cut:
            self._done.add(name)

    def break_off(self, name: str, error: SiteError, cursor: Cursor | None = None) -> None:
        """Note that a listing could not be read on from `cursor`."""
        self.errors[name] = error
        self._broken[name] = cursor

    def forgive(self, name: str) -> None:
        """Forget that a listing broke off: its images came from another listing."""
        self.errors.pop(name, None)
        self._broken.pop(name, None)
        self._done.add(name)

    def bookmark(self) -> Bookmark:
        """Where a later run has to go on: at each listing's first page that is not settled."""
        places: dict[str, Cursor | None] = dict(self._broken)
        for page in reversed(self.pages_read):
            if not page.settled:
                places[page.listing] = page.cursor
        under_way = {page.listing for page in self.pages_read} - self._done - places.keys()
        for page in self.pages_read:
            if page.listing in under_way:
                places[page.listing] = page.cursor
        broken = {name: cursor for name, cursor in places.items() if cursor is not None}
        return Bookmark(frozenset(self._done - places.keys()), broken)

    def _read(
        self, listing: ImageListing, cursor: Cursor | None, until: Callable[[ListingPage], bool] | None
    ) -> Iterator[ListingPage]:
        known = -1
        while known < len(self.seen):
            known = len(self.seen)
            page = yield from self._read_on(listing, cursor, until)
            if page is None or page.is_last or (cursor := _beyond(page.cursor, listing.query)) is None:
                return

    def _read_on(
        self, listing: ImageListing, cursor: Cursor | None, until: Callable[[ListingPage], bool] | None
    ) -> Generator[ListingPage, None, ListingPage | None]:
        """The pages from a cursor on; returns the last one when the cursors lead in a circle, else None."""
        page: ListingPage | None = None
        try:
            answers = self.site.images_of(listing.query, cursor, self._pages_left, read_ahead=self.reads_ahead)
            for answer in answers:
                page = self._page(listing, cursor, answer)
                yield page
                if until is not None and until(page):
                    return None
                cursor = answer.next_cursor
                if cursor is not None and self._pages_left == 0:
                    self.is_cut = True
                    return None
        except SiteError as error:
            self.break_off(listing.name, error, cursor)
            return None
        return page

    def _is_new(self, image: Image) -> bool:
        """Whether an image was not listed before; what has no id is told by its address."""
        name = image.id if image.id is not None else image.url
        is_new = name not in self.seen
        self.seen.add(name)
        return is_new

    @property
    def _pages_left(self) -> int | None:
        return max(0, self.max_pages - len(self.pages_read)) if self.max_pages else None

    def _page(self, listing: ImageListing, cursor: Cursor | None, answer: Page[Image]) -> ListingPage:
        fresh = tuple(image for image in answer.items if self._is_new(image))
        if self.counts_versions:
            self.versions.update(number for image in fresh for number in image.model_version_ids)
        page = ListingPage(
            listing=listing.name,
            cursor=cursor,
            images=fresh,
            model_id=listing.model_id,
            version_id=listing.version_id,
            is_last=answer.next_cursor is None,
            is_blank=not answer.raw.get("items"),
        )
        self.pages_read.append(page)
        return page


def _beyond(cursor: Cursor | None, query: ImageQuery) -> Cursor | None:
    """The cursor after a page whose own cursor leads back; None unless cursors are offsets (site.md 8.3)."""
    found = re.fullmatch(r"(\d{1,9})(\|\d*)?", cursor if isinstance(cursor, str) else "0")
    if found is None or isinstance(cursor, int) or query.by_id:
        return None
    return f"{int(found.group(1)) + query.limit}{found.group(2) or ''}"


def _stepped_back(cursor: Cursor | None, query: ImageQuery) -> Cursor | None:
    """The cursor of the page before, when it is an offset: images deleted meanwhile have moved the others up."""
    found = re.fullmatch(r"(\d{1,9})(\|\d*)?", cursor) if isinstance(cursor, str) else None
    if found is None:
        return cursor
    offset = int(found.group(1)) - query.limit
    return f"{offset}{found.group(2) or ''}" if offset > 0 else None
