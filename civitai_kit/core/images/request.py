"""What is wanted of images: targets, what to ask the site, what to keep, and how it is saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from civitai_kit.core.collection.entry import ImageKind, ImageRecord, Quality
from civitai_kit.core.images.generation import prompt_of
from civitai_kit.core.images.placement import Layout, Placing
from civitai_kit.core.images.prompts import Match, matches, stands_in
from civitai_kit.core.images.report import Why
from civitai_kit.core.images.targets import Target
from civitai_kit.core.site.enums import ImageSort, MediaType, NsfwLevel, Period
from civitai_kit.core.site.models import Image
from civitai_kit.core.site.query import IMAGE_PAGE, ImageQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesRequest:
    """What to fetch. `limit`, `max_per_model` and `max_pages` are 0 for no bound, `levels` None for every level.

    `quality_typed` says that a person asked for this quality just now: an imported record of the other one then
    counts for nothing.
    """

    targets: tuple[Target, ...]
    placing: Placing = field(default_factory=Placing)
    quality: Quality = Quality.HD
    quality_typed: bool = False
    media: MediaType | None = None
    sort: ImageSort = ImageSort.NEWEST
    period: Period = Period.ALL_TIME
    levels: NsfwLevel | None = None
    page_size: int = IMAGE_PAGE
    limit: int = 0
    max_pages: int = 0
    max_per_model: int = 0
    filter_tags: tuple[str, ...] = ()
    prompt_check: bool = True
    redownload: bool = False
    deep_scan: bool = False
    metadata: bool = False
    save_workflow: bool = False
    concurrency: int = 4

    @property
    def texts(self) -> bool:
        """Whether a text with the generation data lies beside every image, as the image grabber does it."""
        return self.placing.layout is Layout.SEARCH

    @property
    def narrows(self) -> bool:
        """Whether the site is asked for less than everything, so that an empty answer proves nothing."""
        return self.levels is not None or self.period is not Period.ALL_TIME or self.media is not None

    @property
    def question(self) -> str:
        """Tells apart listings whose cursors have nothing to do with each other."""
        levels = "all" if self.levels is None else int(self.levels)
        return f"{self.sort}, {self.period}, {levels}, {self.media or 'all'}"

    def query(self, sort: ImageSort | None = None, **target: Any) -> ImageQuery:
        """The question for the images of something, in this request's order or another."""
        return ImageQuery(
            sort=sort or self.sort,
            period=self.period,
            browsing_level=self.levels or NsfwLevel.ALL,
            type=self.media,
            limit=self.page_size,
            with_meta=True,
            with_tags=True,
            **target,
        )

    def refusal(self, target: Target, image: Image) -> Why | Match | None:
        """Why an image is not wanted; else by what it passed the filter tags, None when there are none."""
        media = image.type or MediaType.IMAGE
        if media == MediaType.AUDIO:
            return Why.AUDIO
        if self.media is not None and media != self.media:
            return Why.VIDEO if media == MediaType.VIDEO else Why.PICTURE
        prompt = prompt_of(image)
        if self.prompt_check and target.kind is ImageKind.TAG and not stands_in(target.value, prompt):
            return Why.PROMPT
        if not self.filter_tags:
            return None
        return matches(self.filter_tags, image.tags, prompt if self.prompt_check else None) or Why.FILTER_TAGS

    def accepts(self, record: ImageRecord) -> bool:
        """Whether what a record remembers is of the quality wanted; an imported one unless that was typed."""
        return record.quality is self.quality or (record.imported and not self.quality_typed)
