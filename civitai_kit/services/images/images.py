"""Images of creators, models, versions, tags and posts: listed page by page, chosen, put in place, remembered.

Memory holds the ids seen of the target at hand, one page, and what is under way; never the listing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from civitai_kit.core.collection.entry import ImageKind, ImageRecord
from civitai_kit.core.errors import CivitaiKitError, Code, Interrupted, NotFound, StoreError
from civitai_kit.core.events import Emit, FileFailed, PageRead
from civitai_kit.core.images.report import ImagesReport, TargetReport, Why, ends_run
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.images.targets import Target, distinct
from civitai_kit.core.retry import RetryRules
from civitai_kit.services.images.ahead import Ahead
from civitai_kit.services.images.bookmarks import Bookmark, Bookmarks
from civitai_kit.services.images.choice import Choice, Makers, Shelf
from civitai_kit.services.images.files import Beside, ImageFiles, Placed, Work
from civitai_kit.services.images.limits import Quota, Verdict
from civitai_kit.services.images.listings import Walk
from civitai_kit.services.images.ports import Album, Gallery, PictureFolder
from civitai_kit.services.images.reading import Reading
from civitai_kit.services.images.records import Ledger, Tally, TargetTally
from civitai_kit.services.images.summary import write_summary
from civitai_kit.services.pictures import Pictures
from civitai_kit.services.ports import Disk, Fetcher, Outcome, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageParts:
    """What fetching images works with; `disk` is the save path, `out` the folder of the images."""

    site: Gallery
    site_url: str
    store: Album
    disk: Disk
    out: PictureFolder
    fetcher: Fetcher
    retries: RetryRules
    pool: Pool
    now: Callable[[], datetime]
    stopped: Callable[[], bool]


def fetch_images(parts: ImageParts, request: ImagesRequest, emit: Emit) -> ImagesReport:
    """Fetch the images of every target and remember each.

    A target or image that cannot be had is a row of the report; a full disk, a broken store or a stop ends the run in
    order. Raises DiskError when the folder of the images cannot be written at all.
    """
    parts.out.check_writable()
    return _Run(parts, request, emit).report()


# Threads that write pictures and what stands beside them while others fetch.
_WRITERS = 8
_STOPPED = Interrupted("Stopped before the end.", hint="Run the same command again: it goes on where this one stopped.")


@dataclass(slots=True)
class _TargetRun:
    """One target under way: `begun` when its pages are read, `ended` when there is a job for all that they have."""

    target: Target
    walk: Walk
    tally: TargetTally = field(default_factory=TargetTally)
    begun: bool = False
    ended: bool = False
    limited: bool = False


class _Run:
    """One call of `fetch_images`. Jobs are made in one thread, done in the pool's, and their outcomes noted in ours."""

    def __init__(self, parts: ImageParts, request: ImagesRequest, emit: Emit) -> None:
        self._parts, self._request, self._emit = parts, request, emit
        self._bookmarks = Bookmarks(parts.disk)
        self._targets = [self._target(target) for target in distinct(request.targets)]
        self._over = False
        self._quota = Quota(request.limit, request.max_per_model, lambda: self._over or parts.stopped())
        self._shelf = Shelf(parts.disk, parts.out, parts.store, request)
        self._ledger = Ledger(parts.store, parts.out.sync_folders)
        self._tally = Tally()
        pictures = Pictures(
            parts.fetcher, parts.out, parts.retries, slots=request.concurrency, stopped=parts.stopped, emit=emit
        )
        beside = Beside(request.texts, request.metadata, request.save_workflow, parts.site_url)
        self._files = ImageFiles(pictures, parts.out, beside)
        makers = Makers(parts.site, parts.store)
        self._choice = Choice(request, self._shelf, makers, self._tally, self._files.mend)
        self._counting = threading.Lock()
        self._under_way: dict[int, tuple[_TargetRun, Work]] = {}
        self._errors: list[CivitaiKitError] = []
        self._unforeseen: Exception | None = None
        self._pages = self._issued = 0

    def report(self) -> ImagesReport:
        """Do it all, and say what came of it."""
        jobs = Ahead(self._jobs())
        # A turn at the host ends with the last byte: others write while as many as wanted are fetched.
        threads = self._request.concurrency + _WRITERS
        try:
            with self._ledger.open():
                for outcome in self._parts.pool.run(jobs, threads):
                    self._note(outcome)
        except StoreError as error:
            self._errors.append(error)
        finally:
            self._over = True
            jobs.close()
        if self._unforeseen is not None:
            raise self._unforeseen
        if self._parts.stopped() and not self._errors:
            self._errors.append(_STOPPED)
        rows = tuple(self._row(run) for run in self._targets)
        return ImagesReport(
            targets=rows,
            reasons=self._tally.reasons,
            failed=tuple(self._tally.failed),
            errors=tuple(self._errors),
            matches=self._tally.matches,
            bytes=self._tally.bytes,
            linked=self._tally.linked,
        )

    def _target(self, target: Target) -> _TargetRun:
        request, site = self._request, self._parts.site
        saved = self._bookmarks.find(target, request.question) if not request.redownload else Bookmark()
        reading = Reading(
            site,
            saved,
            max_pages=request.max_pages,
            counts_versions=request.deep_scan,
            reads_ahead=not request.limit,
        )
        return _TargetRun(target, Walk(site, target, request, reading))

    # -- making jobs, a little ahead --------------------------------------------------------------------------

    def _jobs(self) -> Generator[Callable[[], Placed | None], None, None]:
        """A job for every image to fetch; an error ends it and is told later, for the pool's threads take none."""
        try:
            for run in self._targets:
                if self._parts.stopped():
                    return
                if self._quota.is_full:
                    run.limited = True
                    continue
                run.begun = True
                yield from self._jobs_of(run)
        except CivitaiKitError as error:
            if error.code is not Code.INTERRUPTED:
                self._errors.append(error)
        except Exception as error:  # noqa: BLE001 - raised again where the run ends
            self._unforeseen = error

    def _jobs_of(self, run: _TargetRun) -> Iterator[Callable[[], Placed | None]]:
        for leaf in run.walk.pages():
            self._pages += 1
            self._tally.see(run.tally, len(leaf.images))
            for work in self._choice.of_page(run.target, leaf, run.tally):
                match self._quota.reserve(leaf.model_id):
                    case Verdict.FULL:
                        run.limited = True
                        return
                    case Verdict.MODEL_FULL:
                        self._tally.pass_over(run.tally, Why.MAX_PER_MODEL)
                    case Verdict.GRANTED:
                        yield self._job(run, work)
            leaf.images = ()
            leaf.worked_through = True
            self._emit(PageRead(self._pages, run.tally.seen, self._issued))
            if not leaf.is_last and not self._quota.leaves_room():
                run.limited = True
                return
        run.ended = True

    def _job(self, run: _TargetRun, work: Work) -> Callable[[], Placed | None]:
        self._under_way[self._issued] = (run, work)
        self._issued += 1
        with self._counting:
            work.leaf.pending += 1
        return partial(self._take, work)

    # -- in the pool's threads --------------------------------------------------------------------------------

    def _take(self, work: Work) -> Placed | None:
        """Put one image in its place and remember it; None when the site no longer has it."""
        placed: Placed | None = None
        try:
            placed = self._files.place(work, partial(self._record, work))
            self._ledger.put(placed.record, placed.place)
        except NotFound:
            return None
        finally:
            self._quota.settle(work.leaf.model_id, taken=placed is not None)
        return placed

    def _record(self, work: Work, path: str, size: int, sha256: str | None) -> ImageRecord:
        image = work.image
        return ImageRecord(
            kind=work.target.kind,
            target=work.target.key,
            image_id=work.image_id,
            quality=work.quality,
            path=self._shelf.remembered(path),
            url=image.url,
            date=self._parts.now().isoformat(timespec="milliseconds"),
            checkpoint=work.name,
            tags=image.tags,
            size=size,
            sha256=sha256,
            media=image.type,
            meta=work.meta is not None,
            username=image.username,
            base_model=image.base_model,
            post_id=image.post_id,
            model_id=work.leaf.model_id,
            version_id=work.leaf.version_id,
        )

    # -- noting outcomes --------------------------------------------------------------------------------------

    def _note(self, outcome: Outcome[Placed | None]) -> None:
        run, work = self._under_way.pop(outcome.index)
        with self._counting:
            work.leaf.pending -= 1
        if outcome.error is not None:
            self._note_failure(run, work, outcome.error)
        elif outcome.value is None:
            self._tally.pass_over(run.tally, Why.GONE)
        else:
            self._tally.take(run.tally, outcome.value)

    def _note_failure(self, run: _TargetRun, work: Work, error: Exception) -> None:
        if not isinstance(error, CivitaiKitError):
            raise error
        work.leaf.failed = True
        if not ends_run(error):
            self._tally.fail(run.tally, work.target, work.image_id, error)
            self._emit(FileFailed(work.stem, error))
        elif error.code is not Code.INTERRUPTED:
            self._errors.append(error)

    # -- at the end -------------------------------------------------------------------------------------------

    def _row(self, run: _TargetRun) -> TargetReport:
        """What came of a target; where it has to go on is kept for the next run."""
        reading = run.walk.reading
        is_done = run.ended and not any(leaf.pending for leaf in reading.leaves)
        cut_short = bool(self._errors) and not is_done
        if run.begun:
            goes_on = cut_short or bool(reading.errors) or (run.limited and reading.is_resumed)
            self._bookmarks.keep(run.target, self._request.question, reading.bookmark() if goes_on else Bookmark())
        error = run.walk.error or (self._errors[0] if cut_short else None)
        summary = None
        if run.target.kind is ImageKind.TAG and reading.leaves:
            summary = write_summary(self._parts.store, self._parts.out, self._shelf, run.target, self._parts.now())
        return TargetReport(
            target=run.target,
            status=run.walk.status(stopped=cut_short, limited=run.limited),
            seen=run.tally.seen,
            downloaded=run.tally.downloaded,
            skipped=run.tally.skipped,
            failed=run.tally.failed,
            no_metadata=run.tally.no_metadata,
            error=error,
            summary=summary,
        )
