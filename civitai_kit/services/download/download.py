"""Phase two: a Plan becomes files, entries and a Report. File first, sidecar second, entry third.

A crash between any two of them leaves a right file that the next run adopts by its hash, never an entry that lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import chain

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError, Code, Interrupted, StoreError, in_our_tree
from civitai_kit.core.events import Emit, FileDone, FileFailed, FileKept, FileStarted, RunStarted
from civitai_kit.core.paths.relative_paths import refuse_unplaceable
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.order import Fetched, Verdict
from civitai_kit.core.plans.plan import Item, Plan, Reason, Skip
from civitai_kit.core.plans.report import Failure, Report
from civitai_kit.core.retry import RetryRules
from civitai_kit.core.sidecars.formats import A1111, CIVITAI_INFO
from civitai_kit.core.sidecars.merging import Format
from civitai_kit.services.download.answers import PlannedAnswers
from civitai_kit.services.download.beside import program_sidecar_jobs
from civitai_kit.services.download.same_bytes import Duplicates, SameBytes
from civitai_kit.services.download.sidecars import SaveFolder, Sidecars, tell_pauses
from civitai_kit.services.items import entry_of, kept_record, merged, order_of, proof_of, proved_of, record_of
from civitai_kit.services.pictures import Pictures
from civitai_kit.services.ports import Answers, FileFetcher, JobOutcome, JobPool, Site, Store
from civitai_kit.services.program_sidecars import Beside


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadOptions:
    """How a plan is carried out, and what is saved beside the files; `fresh` fetches also what is there and right.

    `duplicates` says what becomes of a file whose bytes are here already: link, copy or fetch.
    """

    concurrency: int = 4
    connections: int = 1
    duplicates: str = Duplicates.LINK
    allow_hash_mismatch: bool = False
    metadata: bool = False
    sidecars: tuple[Format, ...] = ()
    model_info: bool = False
    version_images: bool = False
    model_images: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadParts:
    """What a download works with; `site_url` is the site's root without a trailing slash."""

    site: Site
    site_url: str
    store: Store
    disk: SaveFolder
    fetcher: FileFetcher
    retries: RetryRules
    pool: JobPool
    answers: Answers
    beside: Beside
    now: Callable[[], datetime]
    stopped: Callable[[], bool]


def download(parts: DownloadParts, plan: Plan, options: DownloadOptions, emit: Emit) -> Report:
    """Fetch every item of a plan, many at once, and remember each.

    One item's failure is a row of the Report; a full disk, a broken store, a used-up quota or a stop ends the run in
    order, what is there is kept. Raises DiskError when the save path cannot be written at all.
    """
    parts.disk.check_writable()
    run = _run_of(parts, plan, options, emit)
    items = run.same.in_order(plan.items)
    emit(RunStarted(len(plan.items), plan.total_size))
    for outcome in parts.pool.run((partial(run.take, item) for item in items), options.concurrency):
        run.note(items[outcome.index], outcome)
    if not run.has_ended:
        run.save_beside([skip.item for skip in plan.skips if skip.reason is Reason.HAVE and skip.item])
    return run.report(plan)


def save_metadata(parts: DownloadParts, plan: Plan, options: DownloadOptions, emit: Emit) -> Report:
    """Save the sidecars of everything in a plan, and no model: nothing enters the store."""
    parts.disk.check_writable()
    run = _run_of(parts, plan, options, emit)
    run.save_beside([*plan.items, *(skip.item for skip in plan.skips if skip.reason is Reason.HAVE and skip.item)])
    return run.report(Plan(items=(), errors=plan.errors, named=plan.named))


def _run_of(parts: DownloadParts, plan: Plan, options: DownloadOptions, emit: Emit) -> _DownloadRun:
    how = Duplicates.FETCH if options.fresh else Duplicates(options.duplicates)
    same = SameBytes(parts.store, parts.disk, plan.items, how, parts.stopped)
    return _DownloadRun(parts, options, emit, _sidecars_of(parts, plan, options, emit), same)


def _sidecars_of(parts: DownloadParts, plan: Plan, options: DownloadOptions, emit: Emit) -> Sidecars:
    """What saves the sidecars that are asked for; models of a trimmed plan are asked for again."""
    pictures = Pictures(
        parts.fetcher,
        parts.disk,
        parts.retries,
        slots=options.concurrency,
        stopped=parts.stopped,
        emit=partial(tell_pauses, emit),
    )
    return Sidecars(
        site=parts.site,
        disk=parts.disk,
        pictures=pictures,
        answers=PlannedAnswers.of_items(parts.site, parts.answers, plan.items),
        emit=emit,
        metadata=options.metadata,
        metadata_ending=CIVITAI_INFO if any(form.name == A1111 for form in options.sidecars) else None,
        model_info=options.model_info or options.model_images,
        version_images=options.version_images,
        model_images=options.model_images,
        refetch_models=plan.trimmed,
    )


@dataclass
class _DownloadRun:
    """One download under way: what has come of it so far."""

    parts: DownloadParts
    options: DownloadOptions
    emit: Emit
    sidecars: Sidecars
    same: SameBytes
    downloaded: list[Item] = field(default_factory=list)
    kept: list[Skip] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    linked: set[str] = field(default_factory=set)
    received: int = 0
    resumed: int = 0
    has_ended: bool = False

    def take(self, item: Item) -> Fetched | None:
        """Fetch one item and write its entry; None when the right file was there. A failure is written to the store."""
        refuse_unplaceable(item.path)
        try:
            digests = self._proof_on_disk(item)
            if digests is None:
                return self._bring(item)
            size = self.parts.disk.size(item.path) or 0
            self.same.bring(item, size, digests)
            self._finish(item, digests, size, mismatch=False)
            return None
        except Exception as error:  # noqa: BLE001 - one item's failure is its row
            failure = in_our_tree(error)
            self._remember_failure(item, failure)
            raise failure from failure.__cause__

    def _proof_on_disk(self, item: Item) -> Digests | None:
        """The digests of a right file that is already there, None when there is none or it cannot be proved."""
        size = self.parts.disk.size(item.path)
        if size is None or self.options.fresh:
            return None
        digests = self.parts.disk.digests(item.path)
        return digests if proof_of(item).judge(digests, size) is Verdict.RIGHT else None

    def _bring(self, item: Item) -> Fetched:
        """Place the item by a link to the same bytes, or fetch it; its entry is written last."""
        self._remember(item, record_of(item, Status.PENDING, self._now()))
        with self.same.place(item) as placed:
            fetched = placed or self._fetch(item)
            if not fetched.mismatch:
                self.same.bring(item, fetched.size, fetched.digests)
        self._finish(item, fetched.digests, fetched.size, mismatch=fetched.mismatch)
        return fetched

    def _fetch(self, item: Item) -> Fetched:
        target = self.parts.disk.place_for(item.path)
        order = order_of(
            item,
            self.parts.site_url,
            target,
            connections=self.options.connections,
            allow_hash_mismatch=self.options.allow_hash_mismatch,
        )
        self.emit(FileStarted(item.path, item.size))
        return self.parts.fetcher.fetch(order, self.emit)

    def _finish(self, item: Item, digests: Digests, size: int, *, mismatch: bool) -> None:
        self.sidecars.save_versions([item])
        record = record_of(item, Status.DOWNLOADED, self._now())
        known = {"size": size, "proved": proved_of(digests), "kept_mismatch": mismatch}
        self._remember(item, record.model_copy(update=known))

    def _remember_failure(self, item: Item, error: CivitaiKitError) -> None:
        if error.code is Code.INTERRUPTED or isinstance(error, StoreError):
            return
        said = {"error": f"{error.code}: {error.message}"}
        try:
            self._remember(item, record_of(item, Status.ERROR, self._now()).model_copy(update=said))
        except CivitaiKitError:
            # The failure itself is reported. An entry that cannot be written stays Pending.
            return

    def _remember(self, item: Item, record: FileRecord) -> None:
        version = self.sidecars.version_of(item)
        model = self.sidecars.model_facts(item)

        def change(old: Entry | None) -> Entry:
            # A redownload uses answers saved earlier, so only a file that came proves that the site still has it.
            is_saved = self.options.fresh and old is not None and record.status is not Status.DOWNLOADED
            seen = version is not None and not is_saved
            fresh = entry_of(item, version, model, record.updated_at or self._now(), seen=seen)
            kept = fresh if old is None else merged(old, fresh)
            return kept.with_file(kept_record(self.parts.disk, kept, record))

        self.parts.store.update(item.version_id, change)

    def note(self, item: Item, outcome: JobOutcome[Fetched | None]) -> None:
        """Count and tell the outcome of one item."""
        fetched = outcome.value
        if outcome.error is not None:
            self._note_failure(item, outcome.error)
        elif fetched is None:
            size = self.parts.disk.size(item.path) or 0
            self.kept.append(Skip(reason=Reason.HAVE, item=replace(item, size=size)))
            self.emit(FileKept(item.path, size))
        else:
            self.downloaded.append(replace(item, size=fetched.size))
            self.linked.update({item.path} if fetched.linked else ())
            self.received += fetched.received
            self.resumed += fetched.resumed
            self.emit(FileDone(item.path, fetched.size, fetched.received, fetched.resumed))

    def _note_failure(self, item: Item, error: CivitaiKitError) -> None:
        self.has_ended = self.has_ended or error.code in ENDS_RUN
        self.received += error.received
        self.failed.append(Failure(item, error))
        self.emit(FileFailed(item.path, error))

    def save_beside(self, others: list[Item]) -> None:
        """Save what belongs beside the files: sidecars of `others`, model information, images."""
        self.sidecars.save_versions(others)
        items = [*self.downloaded, *(skip.item for skip in self.kept if skip.item), *others]
        self.sidecars.save_models(items)
        jobs: Iterator[Callable[[], None]] = chain(
            self.sidecars.version_image_jobs(items),
            self.sidecars.model_image_jobs(items),
            program_sidecar_jobs(self.sidecars, self.parts.beside, items, self.options.sidecars, self._now()),
        )
        try:
            for outcome in self.parts.pool.run(jobs, self.options.concurrency):
                if outcome.error is not None:
                    self.sidecars.errors.append(outcome.error)
                if self.sidecars.has_ended:
                    return
        except Exception as error:  # noqa: BLE001 - the jobs' own making failed; what was fetched is reported
            self.sidecars.errors.append(in_our_tree(error))

    def report(self, plan: Plan) -> Report:
        stopped = [_stopped()] if self.parts.stopped() and not self.has_ended else []
        return Report(
            downloaded=tuple(self.downloaded),
            linked=frozenset(self.linked),
            skipped=(*self.kept, *plan.skips),
            failed=tuple(self.failed),
            saved=tuple(self.sidecars.saved),
            errors=(*plan.errors, *self.sidecars.errors, *stopped),
            named=plan.named,
            left=len(plan.items) - len(self.downloaded) - len(self.kept) - len(self.failed),
            bytes=self.received + self.sidecars.received,
            resumed_bytes=self.resumed,
            adopted=len(self.kept),
        )

    def _now(self) -> str:
        return self.parts.now().isoformat(timespec="seconds")


def _stopped() -> Interrupted:
    hint = "Run the same command again: it goes on where this one stopped."
    return Interrupted("Stopped before the end.", hint=hint)
