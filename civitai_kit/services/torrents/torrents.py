"""Makes torrents of downloaded files, one for each version or model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Protocol

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError, Interrupted, in_our_tree
from civitai_kit.core.events import Emit, FileDone, FileFailed, FileKept, FileMoved, FileStarted, RunStarted, Warned
from civitai_kit.core.site.licence import restrictions
from civitai_kit.core.torrents.metainfo import Metainfo, Terms, TorrentContent, content_of
from civitai_kit.core.torrents.names import content_name, magnet_path
from civitai_kit.core.torrents.report import TorrentReport, TorrentRow, TorrentStatus
from civitai_kit.files.names import plain_name
from civitai_kit.services.ports import JobOutcome, JobPool
from civitai_kit.services.torrents.content import check_hashes, doubts, file_paths
from civitai_kit.services.torrents.plan import Memory, TorrentJob, jobs_of
from civitai_kit.services.upkeep.ports import Grounds

# Bytes hashed between two events of progress.
_PROGRESS_STEP = 64 * 1024**2


class Maker(Protocol):
    """Makes and reads torrent files."""

    def make(
        self,
        content: TorrentContent,
        locate: Callable[[str], Path],
        terms: Terms,
        comment: str,
        moved: Callable[[int], None],
    ) -> Metainfo:
        """The torrent of a content; raises Interrupted, SizeMismatch or DiskError."""

    def read(self, data: bytes) -> Metainfo | None:
        """The torrent in a file, None when the file is no torrent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TorrentOptions:
    """What torrents are made of, and how. `model_ids` empty for all."""

    terms: Terms
    model_ids: tuple[int, ...] = ()
    overwrite: bool = False
    concurrency: int = 4
    magnet_links: bool = False
    check_hash: bool = False
    include_metadata: bool = False
    per_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TorrentParts:
    """What torrents are made with. `out` is the folder of torrents, None for beside the files on `disk`."""

    store: Memory
    disk: Grounds
    pool: JobPool
    maker: Maker
    stop: Event
    out: Grounds | None = None


def make_torrents(parts: TorrentParts, options: TorrentOptions, emit: Emit) -> TorrentReport:
    """Make the torrents that are not there yet, several at once; each is a row of the report.

    A version whose files are missing or wrong is an error row of it. Raises DiskError when the folder of
    torrents cannot be written at all.
    """
    jobs = jobs_of(parts.store, options.model_ids, per_model=options.per_model, beside=parts.out is None)
    if not jobs:
        return TorrentReport()
    (parts.out or parts.disk).check_writable()
    run = _TorrentRun(parts, options, emit)
    emit(RunStarted(len(jobs), sum(job.size for job in jobs)))
    for outcome in parts.pool.run((partial(run.take, job) for job in jobs), options.concurrency):
        run.note(jobs[outcome.index], outcome)
    return run.report(len(jobs))


@dataclass(frozen=True, slots=True)
class _Taken:
    """The outcome of one torrent: a row and warnings, or errors."""

    row: TorrentRow | None = None
    warnings: tuple[Warned, ...] = ()
    errors: tuple[CivitaiKitError, ...] = ()


@dataclass
class _TorrentRun:
    """One making of torrents under way."""

    parts: TorrentParts
    options: TorrentOptions
    emit: Emit
    rows: list[TorrentRow] = field(default_factory=list)
    errors: list[CivitaiKitError] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    @property
    def out(self) -> Grounds:
        """Where torrents go."""
        return self.parts.out or self.parts.disk

    def take(self, job: TorrentJob) -> _Taken:
        """One torrent from the entries of its versions to the file; a failure that ends the run is raised."""
        try:
            entries = [entry for number in job.version_ids if (entry := self.parts.store.get(number)) is not None]
            errors = doubts(self.parts.disk, entries)
            if errors or not entries:
                return _Taken(errors=tuple(errors))
            return self._made_or_kept(job, entries)
        except Exception as error:
            failure = in_our_tree(error)
            if failure.code in ENDS_RUN:
                raise
            return _Taken(errors=(_placed(failure, job),))

    def _made_or_kept(self, job: TorrentJob, entries: list[Entry]) -> _Taken:
        paths = file_paths(self.parts.disk, entries, with_metadata=self.options.include_metadata)
        sizes = {path: self.parts.disk.size(path) or 0 for path in paths}
        content = content_of(sizes.items(), _content_name(job, entries))
        found = self._finds(content)
        there = self._there(job)
        limits = sorted({words for entry in entries for words in restrictions(entry.model, entry.version)})
        warnings = [_licence_warning(entries[0], limits)] if limits else []
        warnings += [] if found else [_not_found_warning(content)]
        if there is not None:
            if not there.describes(content):
                said = f"{self._shown(job.path)} lists other files than are here now; it was kept."
                warnings.append(Warned(said, "Add -f to make it anew."))
            made, status = there, TorrentStatus.KEPT
        else:
            made, status = self._make(job, entries, content, found=found), TorrentStatus.CREATED
            self.out.write(job.path, made.data)
        magnet = self._write_magnet(job, made) if self.options.magnet_links else None
        row = TorrentRow(
            version_ids=job.version_ids,
            model_id=entries[0].model_id,
            path=self._shown(job.path),
            magnet_path=magnet,
            info_hash=made.info_hash,
            magnet=made.magnet,
            name=made.name,
            size=made.size,
            piece_size=made.piece_size,
            files=len(made.listing),
            status=status,
            restrictions=tuple(limits),
        )
        return _Taken(row, tuple(warnings))

    def _there(self, job: TorrentJob) -> Metainfo | None:
        """The torrent that is there already and may stay; one that cannot be read is made again."""
        data = None if self.options.overwrite else self.out.read(job.path)
        return None if data is None else self.parts.maker.read(data)

    def _finds(self, content: TorrentContent) -> bool:
        """Whether a client finds the content by its name under the save path, which for several files is a link."""
        if content.single:
            return True
        link = f"{content.folder}/{content.name}"
        return bool(content.lies_in) and self.parts.disk.link_folder(content.lies_in, link)

    def _make(self, job: TorrentJob, entries: list[Entry], content: TorrentContent, *, found: bool) -> Metainfo:
        self.emit(FileStarted(job.path, content.size))
        if self.options.check_hash:
            check_hashes(self.parts.disk, entries, self.parts.stop)
        moved = _Steps(job.path, content.size, self.emit)
        terms = self.options.terms.of(content, found=found)
        return self.parts.maker.make(content, self.parts.disk.place_of, terms, _page(entries), moved)

    def _write_magnet(self, job: TorrentJob, made: Metainfo) -> str:
        path = magnet_path(job.path)
        self.out.write(path, f"{made.magnet}\n".encode())
        return self._shown(path)

    def _shown(self, path: str) -> str:
        """A path in the folder of torrents, relative to the save path where it lies there, else absolute."""
        if self.parts.out is None:
            return path
        absolute, root = self.parts.out.locate(path), self.parts.disk.root.absolute()
        return plain_name(absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute))

    def note(self, job: TorrentJob, outcome: JobOutcome[_Taken]) -> None:
        """Count and tell one outcome."""
        taken = outcome.value or _Taken()
        for warning in taken.warnings:
            if warning.message not in self.told:
                self.told.add(warning.message)
                self.emit(warning)
        for error in (outcome.error,) if outcome.error is not None else taken.errors:
            if not isinstance(error, Interrupted):
                self.errors.append(error)
                self.emit(FileFailed(job.path, error))
        if (row := taken.row) is not None:
            self.rows.append(row)
            created = row.status is TorrentStatus.CREATED
            self.emit(FileDone(job.path, row.size, 0, 0) if created else FileKept(job.path, row.size))

    def report(self, jobs: int) -> TorrentReport:
        """The report; a stop is one error, however many torrents it cut short."""
        ended = any(error.code in ENDS_RUN for error in self.errors)
        stopped = [_stopped()] if self.parts.stop.is_set() and not ended else []
        rows = tuple(sorted(self.rows, key=lambda row: row.version_ids))
        return TorrentReport(rows=rows, errors=(*self.errors, *stopped), wanted=jobs)


class _Steps:
    """Tells progress in steps, not at every read."""

    def __init__(self, key: str, size: int, emit: Emit) -> None:
        self._key, self._size, self._emit = key, size, emit
        self._told = 0

    def __call__(self, done: int) -> None:
        if done - self._told >= _PROGRESS_STEP:
            self._told = done
            self._emit(FileMoved(self._key, done, self._size))


def _placed(error: CivitaiKitError, job: TorrentJob) -> CivitaiKitError:
    if error.version_id is None and len(job.version_ids) == 1:
        error.version_id = job.version_ids[0]
    error.model_id = error.model_id or job.model_id
    error.path = error.path or job.path
    return error


def _stopped() -> Interrupted:
    return Interrupted("Stopped before the end.", hint="Run the same command again: torrents that are there are kept.")


def _content_name(job: TorrentJob, entries: list[Entry]) -> str:
    """What several files of a version or of a model are called in their torrent."""
    first = entries[0]
    if len(job.version_ids) == 1:
        return content_name(first.model_name, first.version_name, first.version_id)
    return content_name(first.model_name, "", job.model_id)


def _not_found_warning(content: TorrentContent) -> Warned:
    where = f"{content.folder}/{content.name}"
    return Warned(
        f"{where} cannot be made a link to the folder of its files: no web seed serves this torrent.",
        "To seed it, make a folder of that name that holds them.",
    )


def _page(entries: list[Entry]) -> str:
    """The address of the model's page, as the torrent's comment (site.md 1.1)."""
    first = entries[0]
    if first.model_id is None:
        return f"https://civitai.com/api/v1/model-versions/{first.version_id}"
    page = f"https://civitai.com/models/{first.model_id}"
    return f"{page}?modelVersionId={first.version_id}" if len(entries) == 1 else page


def _licence_warning(entry: Entry, limits: list[str]) -> Warned:
    named = f"{entry.model_name} " if entry.model_name else ""
    number = f"model {entry.model_id}" if entry.model_id is not None else f"version {entry.version_id}"
    return Warned(f"Licence of {named}({number}): {'; '.join(limits)}.", "See its page before you share it.")
