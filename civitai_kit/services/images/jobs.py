"""The jobs of a run, one for every image to fetch, made a little ahead of those who do them.

They are made in a thread of their own, so that there is something to fetch while a page is read and chosen from.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Generic, TypeVar

from civitai_kit.core.collection.entry import ImageKind
from civitai_kit.core.errors import CivitaiKitError, Code, in_our_tree
from civitai_kit.core.events import Emit, PageRead
from civitai_kit.core.images.report import TargetReport, Why
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.images.targets import Target, distinct
from civitai_kit.machine import start_thread
from civitai_kit.services.images.bookmarks import Bookmark, Bookmarks
from civitai_kit.services.images.choice import Chooser
from civitai_kit.services.images.counts import Grant, Quota, RunCounts, TargetCounts
from civitai_kit.services.images.files import PlacedImage, WantedImage
from civitai_kit.services.images.listings import TargetListings
from civitai_kit.services.images.ports import ImageSite
from civitai_kit.services.images.reading import ListingReader
from civitai_kit.services.images.single_images import SingleImages

T = TypeVar("T")

# So many jobs are made in advance: enough for a few connections while the next page is read.
MOST_AHEAD = 64
# Seconds that the thread has to end; it may be asking the site.
_GRACE = 1.0

Job = Callable[[], PlacedImage | None]


@dataclass(slots=True)
class TargetRun:
    """One target under way: `begun` when its pages are read, `ended` when every image has a job or was passed over."""

    target: Target
    listings: TargetListings
    counts: TargetCounts = field(default_factory=TargetCounts)
    begun: bool = False
    ended: bool = False
    limited: bool = False

    @property
    def is_done(self) -> bool:
        """Whether every image of it is in its place or passed over."""
        return self.ended and not any(page.pending for page in self.listings.reader.pages_read)

    def report(self, ending: CivitaiKitError | None, summary: str | None = None) -> TargetReport:
        """Its row; `ending` is what ended the run early, `summary` the path of its CSV."""
        cut_short = None if self.is_done else ending
        return TargetReport(
            target=self.target,
            status=self.listings.status(stopped=cut_short is not None, limited=self.limited),
            seen=self.counts.seen,
            downloaded=self.counts.downloaded,
            skipped=self.counts.skipped,
            failed=self.counts.failed,
            no_metadata=self.counts.no_metadata,
            error=self.listings.error or cut_short,
            summary=summary,
        )


def target_runs(site: ImageSite, request: ImagesRequest, bookmarks: Bookmarks) -> list[TargetRun]:
    """One for each target; each goes on where its bookmark says."""
    targets = distinct(request.targets)
    lister = SingleImages(site, [target.number for target in targets if target.kind is ImageKind.IMAGE])
    runs = []
    for target in targets:
        saved = bookmarks.find(target, request.question) if not request.redownload else Bookmark()
        reader = ListingReader(
            lister,
            saved,
            max_pages=request.max_pages,
            counts_versions=request.deep_scan,
            reads_ahead=not request.limit,
        )
        runs.append(TargetRun(target, TargetListings(site, target, request, reader)))
    return runs


@dataclass(slots=True, kw_only=True)
class ImageJobs:
    """Makes the jobs of all targets; `take` does one. An error that ends the making is kept in `failure`."""

    runs: Iterable[TargetRun]
    chooser: Chooser
    quota: Quota
    counts: RunCounts
    take: Callable[[WantedImage], PlacedImage | None]
    emit: Emit
    stopped: Callable[[], bool]
    failure: CivitaiKitError | None = None
    _under_way: dict[int, tuple[TargetRun, WantedImage]] = field(default_factory=dict)
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _pages: int = 0
    _made: int = 0

    def make(self) -> Generator[Job, None, None]:
        """A job for every image to fetch; never raises, for the threads that take jobs could not handle it."""
        try:
            for run in self.runs:
                if self.stopped():
                    return
                if self.quota.is_full:
                    run.limited = True
                    continue
                run.begun = True
                yield from self._of_target(run)
        except Exception as error:  # noqa: BLE001 - told or raised where the run ends
            failure = in_our_tree(error)
            if failure.code is not Code.INTERRUPTED:
                self.failure = failure

    def end(self, index: int) -> tuple[TargetRun, WantedImage]:
        """The target and image of the job at a place, from 0; it is no longer under way."""
        run, wanted = self._under_way.pop(index)
        with self._counting:
            wanted.page.pending -= 1
        return run, wanted

    def _of_target(self, run: TargetRun) -> Iterator[Job]:
        for page in run.listings.pages():
            self._pages += 1
            self.counts.see(run.counts, len(page.images))
            self._tell(run)
            for wanted in self.chooser.of_page(run.target, page, run.counts):
                match self.quota.reserve(page.model_id):
                    case Grant.FULL:
                        run.limited = True
                        self._tell(run)
                        return
                    case Grant.MODEL_FULL:
                        self.counts.pass_over(run.counts, Why.MAX_PER_MODEL)
                    case Grant.GRANTED:
                        yield self._job(run, wanted)
            page.images = ()
            page.worked_through = True
            self._tell(run)
            if not page.is_last and not self.quota.leaves_room():
                run.limited = True
                return
        run.ended = True

    def _tell(self, run: TargetRun) -> None:
        self.emit(PageRead(self._pages, run.counts.seen, self._made))

    def _job(self, run: TargetRun, wanted: WantedImage) -> Job:
        self._under_way[self._made] = (run, wanted)
        self._made += 1
        with self._counting:
            wanted.page.pending += 1
        return partial(self.take, wanted)


class JobsAhead(Generic[T]):
    """Iterates over `jobs`, which may not raise; they are made, and closed, in one thread."""

    def __init__(self, jobs: Generator[T, None, None]) -> None:
        self._jobs = jobs
        self._room = threading.Semaphore(MOST_AHEAD)
        self._made: SimpleQueue[T | None] = SimpleQueue()
        self._closed = threading.Event()
        self._thread = start_thread(self._make, "choosing")

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        made = self._made.get()
        if made is None:
            self._made.put(None)
            raise StopIteration
        self._room.release()
        return made

    def close(self) -> None:
        """Make no more."""
        self._closed.set()
        self._room.release()
        self._thread.join(_GRACE)

    def _make(self) -> None:
        try:
            while self._room.acquire() and not self._closed.is_set():
                if (made := next(self._jobs, None)) is None:
                    break
                self._made.put(made)
            self._jobs.close()
        finally:
            self._made.put(None)
