"""Images named one by one, looked up a hundred a request (site.md 8.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from civitai_kit.core.errors import SiteError
from civitai_kit.core.site.models import Image, Page, page_of
from civitai_kit.core.site.paging import rows_of
from civitai_kit.core.site.query import IMAGE_PAGE, IMAGES_AT_ONCE, ImageQuery
from civitai_kit.services.images.ports import ImageLister


class SingleImages:
    """A site whose listings of one image each are answered out of a few requests; the others are asked for as ever.

    What a request for many does not show is asked for alone: a site that does not know such requests shows other
    images, and the reason why one is missing is only told there.
    """

    def __init__(self, site: ImageLister, image_ids: Iterable[int]) -> None:
        self._site = site
        self._waiting = list(dict.fromkeys(image_ids))
        self._rows: dict[Any, dict[str, Any]] = {}

    def images_of(
        self,
        query: ImageQuery,
        cursor: str | int | None = None,
        max_pages: int | None = None,
        *,
        read_ahead: bool = True,
    ) -> Iterator[Page[Image]]:
        """The pages of an image listing, as the site's own."""
        row = self._row(query) if cursor is None and query.image_id is not None else None
        if row is None:
            return self._site.images_of(query, cursor, max_pages, read_ahead=read_ahead)
        return iter([page_of(Image.model_validate, {"items": [row], "metadata": {}})])

    def _row(self, query: ImageQuery) -> dict[str, Any] | None:
        number = query.image_id
        if number in self._waiting:
            self._ask(query, self._waiting.index(number))
        return self._rows.pop(number, None)

    def _ask(self, query: ImageQuery, place: int) -> None:
        """Ask for the image at a place of those that wait and for those after it; one alone is not worth it."""
        batch = self._waiting[place : place + IMAGES_AT_ONCE]
        del self._waiting[place : place + IMAGES_AT_ONCE]
        if len(batch) < 2:
            return
        many = replace(query, image_id=None, ids=tuple(batch), limit=IMAGE_PAGE)
        try:
            for page in self._site.images_of(many, None, 1, read_ahead=False):
                self._rows |= {row["id"]: row for row in rows_of(page) if row.get("id") in batch}
        except SiteError:
            return
