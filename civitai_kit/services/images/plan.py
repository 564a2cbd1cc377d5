"""What a run would fetch: the listings are read and chosen from as in a run, and nothing is fetched or written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.events import Emit
from civitai_kit.core.images.plan import ImagesPlan, PlannedImage
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.paths.places import image_name
from civitai_kit.services.images.bookmarks import Bookmarks
from civitai_kit.services.images.choice import Chooser, ModelNames
from civitai_kit.services.images.counts import Quota, RunCounts
from civitai_kit.services.images.files import PlacedImage, WantedImage
from civitai_kit.services.images.images import STOPPED, ImageParts
from civitai_kit.services.images.jobs import ImageJobs, target_runs
from civitai_kit.services.images.ports import ImageFolder
from civitai_kit.services.images.records import KeptImages


def plan_images(parts: ImageParts, request: ImagesRequest, emit: Emit) -> ImagesPlan:
    """Look at every target and say what would be fetched, as if every image came; nothing is written."""
    kept = KeptImages(parts.disk, parts.out, parts.store, request)
    runs, counts = target_runs(parts.site, request, Bookmarks(parts.disk)), RunCounts()
    quota = Quota(request.limit, request.max_per_model, parts.stopped)
    jobs = ImageJobs(
        runs=runs,
        chooser=Chooser(request, kept, ModelNames(parts.site, parts.store), counts, _leave),
        quota=quota,
        counts=counts,
        take=_fetch_nothing,
        emit=emit,
        stopped=parts.stopped,
    )
    items = tuple(_items(jobs, quota, _ImagePlanner(parts.out, kept)))
    errors: list[CivitaiKitError] = [] if jobs.failure is None else [jobs.failure]
    if parts.stopped() and not errors:
        errors.append(STOPPED)
    ending = errors[0] if errors else None
    return ImagesPlan(
        items=items,
        targets=tuple(run.report(ending) for run in runs),
        reasons=counts.reasons,
        errors=tuple(errors),
    )


def _items(jobs: ImageJobs, quota: Quota, planner: _ImagePlanner) -> Iterator[PlannedImage]:
    for index, _ in enumerate(jobs.make()):
        _, wanted = jobs.end(index)
        quota.settle(wanted.page.model_id, taken=True)
        yield planner.plan(wanted)


@dataclass(slots=True)
class _ImagePlanner:
    """Says of each wanted image what would become of it."""

    out: ImageFolder
    kept: KeptImages
    _planned: set[tuple[int, Quality]] = field(default_factory=set)

    def plan(self, wanted: WantedImage) -> PlannedImage:
        bytes_of = (wanted.image_id, wanted.quality)
        size = None if wanted.source is None else self.out.size_at(wanted.source)
        suffix = ".*" if wanted.source is None else image_name(0, wanted.source.suffix)[1:]
        # What one target of the run brings is linked for the next.
        is_linked = wanted.source is not None or bytes_of in self._planned
        self._planned.add(bytes_of)
        return PlannedImage(
            target=wanted.target,
            image_id=wanted.image_id,
            path=self.kept.remembered(f"{wanted.stem}{suffix}"),
            media=wanted.image.type,
            quality=wanted.quality,
            size=size,
            is_linked=is_linked,
        )


def _fetch_nothing(_: WantedImage) -> PlacedImage | None:
    return None


def _leave(_wanted: WantedImage, _path: str) -> None:
    """A file that is missing beside an image stays missing while one only looks."""
