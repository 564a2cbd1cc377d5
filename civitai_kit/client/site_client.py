"""The client of the toolkit's own commands: listings by query, a page read ahead, and a stop."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from civitai_kit.client import calls
from civitai_kit.client.drivers import Driver
from civitai_kit.client.endpoints import Blocking, Endpoints
from civitai_kit.client.manner import Manner
from civitai_kit.core.site.models import Image, Model
from civitai_kit.core.site.paging import Cursor, Page
from civitai_kit.core.site.query import ImageQuery, ModelQuery


class SiteClient(Endpoints, Blocking):
    """Asks the site in the given manner, and blocks until it has answered."""

    def __init__(self, manner: Manner) -> None:
        self._driver = Driver(None, manner)

    def __enter__(self) -> Self:
        """Itself; the connections are closed at the end of the `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._driver.close()

    @property
    def key(self) -> str | None:
        """The key that the site is shown; a host that is not Civitai's own is asked first who it is."""
        return self._driver.key()

    def models_of(
        self, query: ModelQuery, max_pages: int | None = None, *, read_ahead: bool = True
    ) -> Iterator[Page[Model]]:
        """The pages of a listing, at most `max_pages`; one is read ahead while the last is worked on."""
        listing = calls.model_listing(self._driver.asker, query, max_pages=max_pages)
        return self._driver.pages_ahead(listing) if read_ahead else self._driver.pages(listing)

    def images_of(
        self, query: ImageQuery, cursor: Cursor | None = None, max_pages: int | None = None, *, read_ahead: bool = True
    ) -> Iterator[Page[Image]]:
        """The pages of an image listing from `cursor` on, as `models_of`."""
        listing = calls.image_listing(self._driver.asker, query, cursor, max_pages)
        return self._driver.pages_ahead(listing) if read_ahead else self._driver.pages(listing)
