"""One image put in its place: fetched, or linked to bytes that are here already, with what is saved beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from civitai_kit.core.collection.entry import ImageRecord, Quality
from civitai_kit.core.errors import Code, NotAModel, RateLimited
from civitai_kit.core.events import Emit, Event, FileCame, FileDone, FileStarted, FileWaits
from civitai_kit.core.images.generation import meta_text, no_meta_text, workflow_of
from civitai_kit.core.images.png import workflow_in
from civitai_kit.core.images.targets import Target
from civitai_kit.core.paths.places import image_name
from civitai_kit.core.plans.order import Content, Fetched, Order
from civitai_kit.core.site.models import Image
from civitai_kit.core.site.urls import image_page_url, picture_urls
from civitai_kit.services.images.pace import HostPace
from civitai_kit.services.images.ports import Walls
from civitai_kit.services.images.reading import Leaf
from civitai_kit.services.ports import Fetcher

_MOVING = frozenset({".mp4", ".webm", ".gif"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One image to be put at `stem` (under the output folder, without extension) for a target.

    `source` is a file that holds the same bytes already. `name` is that of the model that made it, `quality` that
    of the file, `meta` its generation data.
    """

    target: Target
    leaf: Leaf
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


@dataclass(frozen=True, slots=True)
class Placed:
    """An image that is there: its record, its absolute path, and how many bytes came over the network (None when it
    was linked)."""

    record: ImageRecord
    place: Path
    received: int | None


@dataclass(frozen=True, slots=True)
class Beside:
    """What is saved beside an image: the text with its generation data, the site's item, its workflow."""

    texts: bool
    metadata: bool
    workflow: bool
    site_url: str


class ImageFiles:
    """Puts images in place, from many threads; `pause` is how many seconds a host that says no is left alone."""

    def __init__(
        self, fetcher: Fetcher, out: Walls, pace: HostPace, beside: Beside, *, pause: float, emit: Emit
    ) -> None:
        self._fetcher = fetcher
        self._out = out
        self._pace = pace
        self._beside = beside
        self._pause = pause
        self._emit = emit

    def place(self, work: Work, record: Callable[[str, int, str | None], ImageRecord]) -> Placed:
        """Put one image in its place; `record` makes its memory from path under the output folder, size and SHA256.

        Raises NotFound when the site no longer has it, and what else kept it from coming.
        """
        if work.source is not None and (size := self._out.size_at(work.source)):
            path = f"{work.stem}{_suffix(work.source)}"
            self._out.link(work.source, path)
            self.save_beside(work, path)
            return Placed(record(path, size, None), self._out.locate(path), None)
        fetched = self._fetch(work)
        path = f"{work.stem}{fetched.path.suffix}"
        self.save_beside(work, path)
        return Placed(record(path, fetched.size, fetched.digests.sha256), Path(fetched.path), fetched.received)

    def save_beside(self, work: Work, path: str) -> None:
        """Save what is wanted beside the image at `path`."""
        for beside, text in self._texts(work, path):
            self._out.note(beside, text().encode("utf-8", "surrogatepass"))

    def mend(self, work: Work, path: str) -> None:
        """Save what is wanted beside an image that was there, where it is missing."""
        for beside, text in self._texts(work, path):
            if not self._out.size(beside):
                self._out.note(beside, text().encode("utf-8", "surrogatepass"))

    def _texts(self, work: Work, path: str) -> Iterator[tuple[str, Callable[[], str]]]:
        """Path and content of everything wanted beside an image, the content made only when it is asked for."""
        folder, slash, _ = path.rpartition("/")
        stem = f"{folder}{slash}{work.image_id}"
        meta, wanted = work.meta, self._beside
        if wanted.texts and meta:
            yield f"{stem}_meta.txt", lambda: meta_text(meta, work.name)
        elif wanted.texts:
            yield f"{stem}_no_meta.txt", lambda: no_meta_text(image_page_url(wanted.site_url, work.image_id))
        if wanted.metadata:
            yield f"{stem}.json", lambda: _dumped(work.image.raw)
        if wanted.workflow and (workflow := self._workflow(work, path)) is not None:
            yield f"{stem}_workflow.json", lambda: _dumped(workflow)

    def _fetch(self, work: Work) -> Fetched:
        """The first of the image's variants that is what it should be: of a clip a still picture is none."""
        still = NotAModel("The image host gives only a still picture of this clip.")
        urls = picture_urls(work.image.url or "", work.image.type, resized=work.quality is Quality.SD)
        key = work.stem
        self._emit(FileStarted(key, None))
        for url in urls:
            target = self._out.locate(f"{work.stem}.jpeg")
            fetched = self._insist(Order(key=key, urls=(url,), target=target, content=Content.IMAGE))
            if work.image.type != "video" or fetched.path.suffix in _MOVING:
                self._emit(FileDone(f"{work.stem}{fetched.path.suffix}", fetched.size, fetched.received, 0))
                return fetched
            self._out.remove(f"{work.stem}{fetched.path.suffix}")
        raise still

    def _insist(self, order: Order) -> Fetched:
        """Fetch in one's turn; a host that asks all to slow down is asked again after the pause that all then make."""
        while True:
            with self._pace.turn() as end_turn:
                try:
                    fetched = self._fetcher.fetch(order, partial(self._heed, end_turn))
                except RateLimited as error:
                    wait = self._pause if error.retry_after is None else error.retry_after
                    if error.code is not Code.RATE_LIMITED or not self._pace.refused(wait):
                        raise
                else:
                    self._pace.went_well()
                    return fetched

    def _heed(self, end_turn: Callable[[], None], event: Event) -> None:
        """Pass an event on; when one transfer is told to slow down, the others need not find out for themselves."""
        if isinstance(event, FileCame):
            end_turn()
            return
        if isinstance(event, FileWaits) and event.too_fast:
            self._pace.slow_down(event.seconds)
        if not isinstance(event, FileStarted | FileDone):
            self._emit(event)

    def _workflow(self, work: Work, path: str) -> Any | None:
        found = workflow_of(work.meta or {})
        if found is None and path.endswith(".png"):
            found = workflow_in(self._out.read(path) or b"")
        return found


def _dumped(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)


def _suffix(source: Path) -> str:
    """The extension of a file as we write it, `.jpeg` for `.jpg`."""
    return image_name(0, source.suffix)[1:]
