"""Writes down what came back for the files of a scan, some together: tree, then entries, then rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError, DiskError, Interrupted
from civitai_kit.core.events import Emit, Saved
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.lists import is_missing
from civitai_kit.core.library.model_file import LibraryFile, MatchedBy
from civitai_kit.core.library.report import FileStatus, ScannedFile
from civitai_kit.core.sidecars.merging import Format
from civitai_kit.services.download.sidecars import tell_pauses
from civitai_kit.services.library.adopt import Adoptions, shown_path
from civitai_kit.services.library.asking import Inquiry
from civitai_kit.services.library.beside import known_from_sidecars, write_for
from civitai_kit.services.library.keep import LibraryTree
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.library.recall import Recall
from civitai_kit.services.pictures import Pictures
from civitai_kit.services.program_sidecars import not_its_sidecars, owner_beside


@dataclass
class Record:
    """What a scan keeps: `files` are its outcome. `previews` of each version are kept, `slots` fetched at once.

    `sidecars` are written beside the files: `written` are their paths, `errors` those that could not be merged.
    """

    parts: LibraryParts
    recall: Recall
    inquiry: Inquiry
    previews: int | None
    slots: int
    sidecars: tuple[Format, ...]
    emit: Emit
    files: list[ScannedFile] = field(default_factory=list)
    errors: list[CivitaiKitError] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tree = LibraryTree(self.parts, self._pictures, self.previews, self.emit)
        self._made: Pictures | None = None

    @cached_property
    def _remembered(self) -> frozenset[int]:
        """The versions that had an entry before this run; of others an entry may have been deleted."""
        return frozenset(summary.version_id for summary in self.parts.store.summaries())

    def keep(self, batch: list[Identified]) -> None:
        """Keep some files; a row is written when all else of its file is. Raises Interrupted when stopped."""
        done: list[LibraryFile] = []
        adoptions = Adoptions(self.parts)
        batch = [self._with_sidecars(found) for found in batch]
        news = self._keep_in_tree(batch)
        kept = [found for found in batch if found.file.path in news]
        for found in kept:
            done += self._keep_one(found, adoptions, is_news=news[found.file.path])
        again = self._fetch_previews(kept)
        self._write_sidecars(kept)
        self._check_stop()
        adoptions.write()
        moved = [self.recall.moved[file.path] for file in done if file.path in self.recall.moved]
        self.parts.store.put_library_files(
            (_to_ask_again(file) if file.path in again else file for file in done), moved
        )
        self._check_stop()

    def fail(self, path: str, error: CivitaiKitError) -> None:
        """A file (absolute path) with which something went wrong."""
        shown = shown_path(self.parts, path)
        self.files.append(
            ScannedFile(path=shown, status=FileStatus.ERROR, file=self.recall.rows.get(path), error=error)
        )

    def _check_stop(self) -> None:
        """Rows are written only where nothing of their files was left undone, so that the next run does it."""
        if self.parts.stop.is_set():
            raise Interrupted("Stopped before every file was looked up.", hint="Run it again: what is kept stays.")

    def _keep_in_tree(self, batch: list[Identified]) -> dict[str, bool]:
        """Write the folders of some files, several at once since each write waits for the disk.

        Gives for each path that went well whether anything was new; the others have an error of their own.
        """
        news = {found.file.path: False for found in batch if self._is_same(found)}
        wanted = [found for found in batch if found.file.path not in news]
        jobs = [partial(self.tree.keep, found) for found in wanted]
        for outcome in self.parts.pool.run(jobs, self.slots) if jobs else ():
            path, error = wanted[outcome.index].file.path, outcome.error
            if error is None:
                news[path] = bool(outcome.value)
            elif not isinstance(error, DiskError) or error.code in ENDS_RUN:
                raise error
            else:
                self.fail(path, error)
        return news

    def _is_same(self, found: Identified) -> bool:
        """Whether nothing was heard of a file, and nothing is known of it but what its row says."""
        path = found.file.path
        is_silent = found.version is None and found.model is None
        return is_silent and found.file == self.recall.rows.get(path) and path not in self.recall.moved

    def _keep_one(self, found: Identified, adoptions: Adoptions, *, is_news: bool) -> list[LibraryFile]:
        """Adopt a file whose folder is kept; gives its row where that is to be written."""
        path = found.file.path
        old = self.recall.rows.get(path)
        is_same = self._is_same(found)
        is_forgotten = found.file.version_id is not None and found.file.version_id not in self._remembered
        is_news = is_news or (is_forgotten and found.file.matched_by is not MatchedBy.SIDECAR)
        if not is_same or is_forgotten:
            adoptions.adopt(found)
        file = self._marked(found.file)
        was_known = old is not None and (old.version_id, old.site_state) == (file.version_id, file.site_state)
        status, error = self._status(file, is_same=was_known and not is_news)
        if status is FileStatus.IDENTIFIED or old is None:
            file = replace(file, updated_at=self.inquiry.stamp)
        self.files.append(ScannedFile(path=shown_path(self.parts, path), status=status, file=file, error=error))
        self.recall.rows[path] = file
        return [] if is_same and file == old else [file]

    def _with_sidecars(self, found: Identified) -> Identified:
        """A file that the site was asked about and does not know, as the sidecars beside it have it."""
        file = found.file
        is_found = file.version_id is not None and file.matched_by is not MatchedBy.SIDECAR
        is_unknown = not is_found and file.status_code is not None
        return known_from_sidecars(self.parts, found) if is_unknown else found

    def _write_sidecars(self, batch: list[Identified]) -> None:
        """Write what other programs read beside the files of a batch."""
        for found in batch if self.sidecars else ():
            if found.file.version_id is None and not found.header:
                continue
            if (owner := owner_beside(self.parts.beside, found.file.path)) != found.file.path:
                self.emit(not_its_sidecars(found.file.path, owner))
                continue
            written, errors = write_for(self.parts, found, self.sidecars)
            self.errors += errors
            self.written += [shown_path(self.parts, path) for path in written]
            for path in written:
                self.emit(Saved(path))

    def _status(self, file: LibraryFile, *, is_same: bool) -> tuple[FileStatus, CivitaiKitError | None]:
        if is_missing(file):
            return FileStatus.MISSING, None
        if file.version_id is None:
            return FileStatus.ERROR, self.inquiry.away
        return FileStatus.UNCHANGED if is_same else FileStatus.IDENTIFIED, None

    def _marked(self, file: LibraryFile) -> LibraryFile:
        since = (file.missing_since or self.inquiry.stamp) if is_missing(file) else None
        return file if since == file.missing_since else replace(file, missing_since=since)

    def _fetch_previews(self, batch: list[Identified]) -> set[str | None]:
        """Bring the previews; gives the paths of the files of which one could not be had."""
        failed = len(self.tree.errors)
        jobs = list(self.tree.preview_jobs(batch))
        for outcome in self.parts.pool.run(jobs, self.slots) if jobs else ():
            if outcome.error is not None:
                raise outcome.error
        return {error.path for error in self.tree.errors[failed:]}

    def _pictures(self) -> Pictures:
        if self._made is None:
            self._made = Pictures(
                self.parts.fetcher(),
                self.parts.tree,
                self.parts.retries(),
                slots=self.slots,
                stopped=self.parts.stop.is_set,
                emit=partial(tell_pauses, self.emit),
            )
        return self._made


def _to_ask_again(file: LibraryFile) -> LibraryFile:
    """A file of which a preview could not be had: the next run asks for it."""
    return replace(file, asked_at=None)
