"""Puts one image in its place, fetched or linked to a file that is here already, and saves what belongs beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from civitai_kit.core.collection.entry import ImageRecord, Quality
from civitai_kit.core.images.generation import meta_text, no_meta_text, workflow_in_png, workflow_of
from civitai_kit.core.images.targets import Target
from civitai_kit.core.site.models import Image
from civitai_kit.core.site.urls import image_page_url, picture_urls
from civitai_kit.services.images.ports import ImageFolder
from civitai_kit.services.images.reading import ListingPage
from civitai_kit.services.pictures import Pictures, WantedPicture


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedImage:
    """One image to be put at `stem` (under the output folder, without extension) for a target.

    `source` is a file that holds the same bytes already. `name` is that of the model that made it, `quality` that
    of the file, `meta` its generation data.
    """

    target: Target
    page: ListingPage
    image: Image
    stem: str
    quality: Quality
    name: str | None
    meta: dict[str, Any] | None
    source: Path | None = None

    @property
    def image_id(self) -> int:
        """The image's id."""
        return self.image.id or 0

    @property
    def picture(self) -> WantedPicture:
        """What is to be fetched."""
        is_clip = self.image.type == "video"
        urls = picture_urls(self.image.url or "", self.image.type, resized=self.quality is Quality.SD)
        return WantedPicture(image_id=self.image_id, quality=self.quality, stem=self.stem, urls=urls, is_clip=is_clip)


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """An image in its place: its record and absolute path; `received` bytes came over the network, None when linked."""

    record: ImageRecord
    place: Path
    received: int | None


@dataclass(frozen=True, slots=True)
class WantedBeside:
    """What is saved beside an image: the text with its generation data, the site's item, its workflow."""

    texts: bool
    metadata: bool
    workflow: bool
    site_url: str


class ImageFiles:
    """Puts images in place, from many threads."""

    def __init__(self, pictures: Pictures, out: ImageFolder, beside: WantedBeside) -> None:
        self._pictures = pictures
        self._out = out
        self._beside = beside

    def place(self, wanted: WantedImage, record: Callable[[str, int, str | None], ImageRecord]) -> PlacedImage:
        """Put one image in its place; `record` makes its record from path under the output folder, size and SHA256.

        Raises NotFound when the site no longer has it, and what else kept it from coming.
        """
        linked = None if wanted.source is None else self._pictures.link(wanted.source, wanted.stem)
        brought = linked or self._pictures.bring(wanted.picture)
        self.save_beside(wanted, brought.path)
        return PlacedImage(record(brought.path, brought.size, brought.sha256), brought.place, brought.received)

    def save_beside(self, wanted: WantedImage, path: str) -> None:
        """Save what belongs beside the image at `path`."""
        for place, text in self._texts(wanted, path):
            self._out.note(place, text().encode("utf-8", "surrogatepass"))

    def mend(self, wanted: WantedImage, path: str) -> None:
        """Save what belongs beside an image that was there already, where it is missing."""
        for place, text in self._texts(wanted, path):
            if not self._out.size(place):
                self._out.note(place, text().encode("utf-8", "surrogatepass"))

    def _texts(self, wanted: WantedImage, path: str) -> Iterator[tuple[str, Callable[[], str]]]:
        """Path and content of everything that belongs beside an image; the content is made when it is called for."""
        folder, slash, _ = path.rpartition("/")
        stem = f"{folder}{slash}{wanted.image_id}"
        meta, beside = wanted.meta, self._beside
        if beside.texts and meta:
            yield f"{stem}_meta.txt", lambda: meta_text(meta, wanted.name)
        elif beside.texts:
            yield f"{stem}_no_meta.txt", lambda: no_meta_text(image_page_url(beside.site_url, wanted.image_id))
        if beside.metadata:
            yield f"{stem}.json", lambda: _dumped(wanted.image.raw)
        if beside.workflow and (workflow := self._workflow(wanted, path)) is not None:
            yield f"{stem}_workflow.json", lambda: _dumped(workflow)

    def _workflow(self, wanted: WantedImage, path: str) -> Any | None:
        found = workflow_of(wanted.meta or {})
        if found is None and path.endswith(".png"):
            found = workflow_in_png(self._out.read(path) or b"")
        return found


def _dumped(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)
