"""Images of creators, models, versions, tags and posts: listed page by page, chosen, put in place, remembered.

Memory holds the ids seen of the target at hand, one page, and what is under way; never the listing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from civitai_kit.core.collection.entry import ImageKind, ImageRecord
from civitai_kit.core.errors import CivitaiKitError, Code, Interrupted, NotFound, StoreError
from civitai_kit.core.events import Emit, FileFailed
from civitai_kit.core.images.report import ImagesReport, TargetReport, Why, ends_run
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.retry import RetryRules
from civitai_kit.services.images.bookmarks import Bookmark, Bookmarks
from civitai_kit.services.images.choice import Chooser, ModelNames
from civitai_kit.services.images.counts import Quota, RunCounts
from civitai_kit.services.images.files import ImageFiles, PlacedImage, WantedBeside, WantedImage
from civitai_kit.services.images.jobs import ImageJobs, JobsAhead, TargetRun, target_runs
from civitai_kit.services.images.ports import ImageFolder, ImageSite, ImageStore
from civitai_kit.services.images.records import KeptImages, RecordWriter
from civitai_kit.services.images.summary import write_summary
from civitai_kit.services.pictures import Pictures
from civitai_kit.services.ports import FileFetcher, JobOutcome, JobPool, SavePath


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageParts:
    """What fetching images works with; `disk` is the save path, `out` the folder of the images."""

    site: ImageSite
    site_url: str
    store: ImageStore
    disk: SavePath
    out: ImageFolder
    fetcher: FileFetcher
    retries: RetryRules
    pool: JobPool
    now: Callable[[], datetime]
    stopped: Callable[[], bool]


def fetch_images(parts: ImageParts, request: ImagesRequest, emit: Emit) -> ImagesReport:
    """Fetch the images of every target and remember each.

    A target or image that cannot be had is a row of the report; a full disk, a broken store or a stop ends the run in
    order. Raises DiskError when the folder of the images cannot be written at all.
    """
    parts.out.check_writable()
    return _ImagesRun(parts, request, emit).report()


# Threads that write pictures and their texts while others fetch.
_WRITERS = 8
STOPPED = Interrupted("Stopped before the end.", hint="Run the same command again: it goes on where this one stopped.")


class _ImagesRun:
    """One call of `fetch_images`. Jobs are made in one thread, done in the pool's, and their outcomes noted in ours."""

    def __init__(self, parts: ImageParts, request: ImagesRequest, emit: Emit) -> None:
        self._parts, self._request, self._emit = parts, request, emit
        self._bookmarks = Bookmarks(parts.disk)
        self._runs = target_runs(parts.site, request, self._bookmarks)
        self._over = False
        self._quota = Quota(request.limit, request.max_per_model, lambda: self._over or parts.stopped())
        self._kept = KeptImages(parts.disk, parts.out, parts.store, request)
        self._records = RecordWriter(parts.store, parts.out.sync_folders)
        self._counts = RunCounts()
        pictures = Pictures(
            parts.fetcher, parts.out, parts.retries, slots=request.concurrency, stopped=parts.stopped, emit=emit
        )
        beside = WantedBeside(request.texts, request.metadata, request.save_workflow, parts.site_url)
        self._files = ImageFiles(pictures, parts.out, beside)
        names = ModelNames(parts.site, parts.store)
        self._jobs = ImageJobs(
            runs=self._runs,
            chooser=Chooser(request, self._kept, names, self._counts, self._files.mend),
            quota=self._quota,
            counts=self._counts,
            take=self._take,
            emit=emit,
            stopped=parts.stopped,
        )
        self._errors: list[CivitaiKitError] = []

    def report(self) -> ImagesReport:
        """Fetch everything, and report it."""
        self._fetch_all()
        if self._parts.stopped() and not self._errors:
            self._errors.append(STOPPED)
        rows = tuple(self._row(run) for run in self._runs)
        return ImagesReport(
            targets=rows,
            reasons=self._counts.reasons,
            failed=tuple(self._counts.failed),
            errors=tuple(self._errors),
            matches=self._counts.matches,
            bytes=self._counts.bytes,
            linked=self._counts.linked,
        )

    def _fetch_all(self) -> None:
        jobs = JobsAhead(self._jobs.make())
        # A turn at the host ends with the last byte. The writers take over, so the host always has enough requests.
        threads = self._request.concurrency + _WRITERS
        try:
            with self._records.open():
                for outcome in self._parts.pool.run(jobs, threads):
                    self._note(outcome)
        except StoreError as error:
            self._errors.append(error)
        finally:
            self._over = True
            jobs.close()
        failure = self._jobs.failure
        if failure is not None:
            self._errors.append(failure)

    # -- in the pool's threads --------------------------------------------------------------------------------

    def _take(self, wanted: WantedImage) -> PlacedImage | None:
        """Put one image in its place and remember it; None when the site no longer has it."""
        placed: PlacedImage | None = None
        try:
            placed = self._files.place(wanted, partial(self._record, wanted))
            self._records.put(placed.record, placed.place)
        except NotFound as gone:
            self._counts.spend(gone.received)
            return None
        finally:
            self._quota.settle(wanted.page.model_id, taken=placed is not None)
        return placed

    def _record(self, wanted: WantedImage, path: str, size: int, sha256: str | None) -> ImageRecord:
        image = wanted.image
        return ImageRecord(
            kind=wanted.target.kind,
            target=wanted.target.key,
            image_id=wanted.image_id,
            quality=wanted.quality,
            path=self._kept.remembered(path),
            url=image.url,
            date=self._parts.now().isoformat(timespec="milliseconds"),
            checkpoint=wanted.name,
            tags=image.tags,
            size=size,
            sha256=sha256,
            media=image.type,
            meta=wanted.meta is not None,
            username=image.username,
            base_model=image.base_model,
            post_id=image.post_id,
            model_id=wanted.page.model_id,
            version_id=wanted.page.version_id,
        )

    # -- noting outcomes --------------------------------------------------------------------------------------

    def _note(self, outcome: JobOutcome[PlacedImage | None]) -> None:
        run, wanted = self._jobs.end(outcome.index)
        if outcome.error is not None:
            self._note_failure(run, wanted, outcome.error)
        elif outcome.value is None:
            self._counts.pass_over(run.counts, Why.GONE)
        else:
            self._counts.take(run.counts, outcome.value)

    def _note_failure(self, run: TargetRun, wanted: WantedImage, error: CivitaiKitError) -> None:
        wanted.page.failed = True
        self._counts.spend(error.received)
        if not ends_run(error):
            self._counts.fail(run.counts, wanted.target, wanted.image_id, error)
            self._emit(FileFailed(wanted.stem, error))
        elif error.code is not Code.INTERRUPTED:
            self._errors.append(error)

    # -- at the end -------------------------------------------------------------------------------------------

    def _row(self, run: TargetRun) -> TargetReport:
        """The row of a target; where the next run has to go on is kept."""
        reader = run.listings.reader
        ending = self._errors[0] if self._errors else None
        if run.begun:
            cut_short = ending is not None and not run.is_done
            goes_on = cut_short or bool(reader.errors) or (run.limited and reader.is_resumed)
            self._bookmarks.keep(run.target, self._request.question, reader.bookmark() if goes_on else Bookmark())
        summary = None
        if run.target.kind is ImageKind.TAG and reader.pages_read:
            summary = write_summary(self._parts.store, self._parts.out, self._kept, run.target, self._parts.now())
        return run.report(ending, summary)
