"""Compares every recorded file with its record; what is wrong can be fetched again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from threading import Event

from civitai_kit.core.collection.audit import Audit, Checked, checked, deciding_digest, judge, judge_size
from civitai_kit.core.collection.entry import Entry, FileRecord, Finding, Status
from civitai_kit.core.errors import CivitaiKitError, Code, DiskError, Interrupted, in_our_tree
from civitai_kit.core.events import Emit, FileFailed, FileKept, FileMoved, FileStarted, RunStarted, Saved, Warned
from civitai_kit.core.paths.places import path_key, sidecar_path
from civitai_kit.core.paths.relative_paths import is_absolute
from civitai_kit.core.plans.digests import Digests, FileStamp
from civitai_kit.core.plans.plan import Item, Plan, Reason
from civitai_kit.core.plans.report import Report
from civitai_kit.services.download.download import DownloadOptions, DownloadParts, download
from civitai_kit.services.download.sidecars import answer_as_json
from civitai_kit.services.items import proved_of
from civitai_kit.services.ports import JobPool
from civitai_kit.services.upkeep.ports import Grounds, Records
from civitai_kit.services.upkeep.remembered import (
    entries_of,
    item_of_record,
    put_back,
    with_saved_answers,
)

# Progress of one file is told this often, in bytes read.
_TOLD_EVERY = 64 * 1024 * 1024
_CODES = {Finding.HASH_MISMATCH: Code.HASH_MISMATCH, Finding.SIZE_MISMATCH: Code.SIZE_MISMATCH}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """How to check: `trust_mtime` takes the digests of an earlier run for a file whose stamp is unchanged.

    `metadata` restores missing sidecars; `threads` files are hashed at once.
    """

    check_hash: bool = True
    trust_mtime: bool = False
    metadata: bool = False
    threads: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyParts:
    """What a verify works with; `stop` ends it early.

    `fetching` makes the parts that fetch, once something is fetched: until then no network is needed. None where
    nothing can be written: then nothing is remembered, restored or fetched.
    """

    store: Records
    disk: Grounds
    pool: JobPool
    fetching: Callable[[], DownloadParts] | None
    stop: Event
    now: Callable[[], datetime]


def verify(parts: VerifyParts, options: VerifyOptions, emit: Emit) -> Audit:
    """Check every recorded file; a right one that was not marked as downloaded is marked so.

    Raises Interrupted when stopped, StoreError when the store cannot be read to its end.
    """
    look_round = _Round(parts, options, emit)
    return look_round.audit()


def repair(parts: VerifyParts, audit: Audit, options: DownloadOptions, emit: Emit) -> Audit:
    """Fetch what an audit found wrong to its recorded path; the wrong file stays until the right one is complete.

    Raises DiskError when the save path cannot be written at all.
    """
    assert parts.fetching is not None, "whoever repairs can write"
    fetching = parts.fetching()
    plan = _repair_plan(parts.store, audit)
    before = entries_of(parts.store, plan.items)
    report = download(with_saved_answers(fetching), plan, replace(options, fresh=True), emit)
    put_back(fetching, before, report, lambda record: record.kept_mismatch)
    return replace(audit, rows=tuple(_afterwards(parts, audit, report)), repair=report)


@dataclass(frozen=True, slots=True)
class _Look:
    """The result for one file; `digests` when its bytes were read now, `stamp` when the digests may be kept."""

    record: FileRecord
    row: Checked
    place: tuple[int, int]
    digests: Digests | None = None
    stamp: FileStamp | None = None
    restored: str | None = None
    error: CivitaiKitError | None = None


@dataclass
class _Round:
    """One verify under way."""

    parts: VerifyParts
    options: VerifyOptions
    emit: Emit
    rows: list[tuple[tuple[int, int], Checked]] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    broken: Exception | None = None
    is_forgetful: bool = False

    def audit(self) -> Audit:
        self.emit(self._start())
        for outcome in self.parts.pool.run(self._jobs(), self.options.threads):
            self.broken = self.broken or outcome.error
            if outcome.value is not None:
                self._note(outcome.value)
        if self.parts.stop.is_set():
            raise Interrupted("Stopped before every file was checked.", hint="Run it again; nothing is lost.")
        if self.broken is not None:
            raise self.broken
        self.rows.sort(key=lambda placed: placed[0])
        return Audit(rows=tuple(row for _, row in self.rows), restored=tuple(sorted(self.restored)))

    def _start(self) -> RunStarted:
        files = size = 0
        for summary in self.parts.store.summaries():
            files += len(summary.files)
            size += summary.size
        return RunStarted(files, size)

    def _jobs(self) -> Iterator[Callable[[], _Look]]:
        """A job for every file. An error of the store ends them and is kept, for it would be lost in a thread."""
        try:
            for entry in self.parts.store.entries():
                for number, record in enumerate(entry.files):
                    yield partial(self._look, entry, record, (entry.version_id, number))
        except CivitaiKitError as error:
            self.broken = error

    def _look(self, entry: Entry, record: FileRecord, place: tuple[int, int]) -> _Look:
        try:
            stamp = self.parts.disk.stamp(record.path)
            size = None if stamp is None else stamp.size
            finding, digests = self._judged(record, stamp)
            restored = self._restored(entry, record) if size is not None else None
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - one file's trouble is its row
            failure = in_our_tree(error)
            row = checked(entry, record, Finding.UNREADABLE, None, _sentence(failure))
            return _Look(record, row, place, error=failure)
        row = checked(entry, record, finding, size)
        return _Look(record, row, place, digests, stamp if digests else None, restored)

    def _judged(self, record: FileRecord, stamp: FileStamp | None) -> tuple[Finding, Digests | None]:
        size = None if stamp is None else stamp.size
        finding = judge_size(record, size)
        if finding is not None or stamp is None:
            return finding or Finding.MISSING, None
        name = deciding_digest(record)
        if not self.options.check_hash or name is None:
            return judge(record, stamp.size, None), None
        known = self.parts.store.cached_digests(stamp) if self.options.trust_mtime else None
        if known is not None and getattr(known, name) is not None:
            return judge(record, stamp.size, known), None
        digests = self._read(record.path, stamp.size, name)
        return judge(record, stamp.size, digests), digests

    def _read(self, path: str, size: int, name: str) -> Digests:
        """The one digest that decides; progress is told now and then."""
        self.emit(FileStarted(path, size))
        done = told = 0

        def progress(count: int) -> None:
            nonlocal done, told
            done += count
            if done - told >= _TOLD_EVERY:
                told = done
                self.emit(FileMoved(path, done, size))

        return self.parts.disk.digests(path, frozenset({name}), stop=self.parts.stop, progress=progress)

    def _restored(self, entry: Entry, record: FileRecord) -> str | None:
        """The sidecar's path when it was missing and could be written from the saved answer."""
        path = sidecar_path(record.path)
        if not self.options.metadata or self.parts.fetching is None or entry.version is None or is_absolute(path):
            return None
        if self.parts.disk.size(path) is not None:
            return None
        try:
            self.parts.disk.write(path, answer_as_json(entry.version))
        except DiskError as error:
            self.emit(Warned(f"{path} could not be restored: {error.message}", error.hint))
            return None
        self.emit(Saved(path))
        return path

    def _note(self, look: _Look) -> None:
        row = look.row
        try:
            row = self._remember_look(look)
        except DiskError as error:
            # What was found is true all the same.
            self.is_forgetful = True
            self.emit(Warned(f"Nothing more is remembered of this check: {error.message}", error.hint))
        self.rows.append((look.place, row))
        self.restored += [look.restored] if look.restored else []
        self.emit(_told(row, look.error))

    def _remember_look(self, look: _Look) -> Checked:
        """Keep what was seen; gives the row as it is then. Raises DiskError where it cannot be written."""
        row = look.row
        if look.digests is None or look.stamp is None or self.is_forgetful or not self._is_sure(look):
            return row
        self._remember(look.stamp, look.digests)
        if row.finding is Finding.OK and row.status is not Status.DOWNLOADED:
            return self._remember_right(row, look.digests, look.stamp.size)
        return row

    def _is_sure(self, look: _Look) -> bool:
        """Whether the digests may be kept: the store is writable and the file has not changed meanwhile."""
        return self.parts.fetching is not None and self.parts.disk.stamp(look.row.path) == look.stamp

    def _remember(self, stamp: FileStamp, digests: Digests) -> None:
        """Keep the digests; known ones are not written again, for each write is synced."""
        known = self.parts.store.cached_digests(stamp)
        if known is None or digests.joined(known) != known:
            self.parts.store.remember_digests(stamp, digests)

    def _remember_right(self, row: Checked, digests: Digests, size: int) -> Checked:
        """Mark a right file as downloaded: a crash came before its last write to the store."""
        now = self.parts.now().isoformat(timespec="seconds")

        def change(entry: Entry | None) -> Entry | None:
            record = entry.file(row.file_id, row.path) if entry else None
            if entry is None or record is None:
                return None
            news = {"status": Status.DOWNLOADED, "size": size, "proved": proved_of(digests)}
            right = record.model_copy(update={**news, "error": None, "kept_mismatch": False, "updated_at": now})
            return entry.with_file(right)

        changed = self.parts.store.update(row.version_id, change)
        return row if changed is None else replace(row, status=Status.DOWNLOADED)


def _told(row: Checked, error: CivitaiKitError | None) -> FileKept | FileFailed:
    if not row.is_wrong:
        return FileKept(row.path, row.size or 0)
    said = error or CivitaiKitError(f"It {row.words}.", code=_CODES.get(row.finding, Code.NOT_FOUND), path=row.path)
    return FileFailed(row.path, said)


def _sentence(error: CivitaiKitError) -> str:
    return f"cannot be read: {error.message.rstrip('.')}"


def _repair_plan(store: Records, audit: Audit) -> Plan:
    items: dict[str, Item] = {}
    for row in audit.wrong:
        entry = store.get(row.version_id)
        record = entry.file(row.file_id, row.path) if entry else None
        if entry is not None and record is not None:
            items.setdefault(path_key(record.path), item_of_record(entry, record))
    return Plan(items=tuple(items.values()))


def _afterwards(parts: VerifyParts, audit: Audit, report: Report) -> Iterator[Checked]:
    """The rows after a repair: what was fetched is proved, the rest is as before."""
    kept = (skip.item for skip in report.skipped if skip.reason is Reason.HAVE and skip.item is not None)
    proved = {(item.version_id, item.path) for item in (*report.downloaded, *kept)}
    for row in audit.rows:
        entry = parts.store.get(row.version_id) if row.is_wrong else None
        record = entry.file(row.file_id, row.path) if entry else None
        if entry is None or record is None:
            yield row
        elif (row.version_id, row.path) in proved:
            size = parts.disk.size(row.path)
            finding = judge_size(record, size) or judge(record, size or 0, None)
            yield checked(entry, record, finding, size)
        else:
            yield replace(row, status=record.status)
