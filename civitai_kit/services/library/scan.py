"""Identifies the model files at some places, keeps what is known of them, and adopts them into the store.

File first, row second: what tree and store hold of a file is complete when its row is written, so that a run that was
killed is finished by the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError, DiskError, Interrupted, UsageError
from civitai_kit.core.events import Emit, Saved, Warned
from civitai_kit.core.library.folder_names import FolderNames
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.lists import is_missing
from civitai_kit.core.library.model_file import FoundModel, LibraryFile, MatchedBy, NotSeen, Whereabouts
from civitai_kit.core.library.report import FileStatus, LibraryReport, ScannedFile
from civitai_kit.core.plans.safetensors import BadHeader
from civitai_kit.core.sidecars.merging import Format
from civitai_kit.services.download.sidecars import tell_pauses
from civitai_kit.services.library.adopt import Adoptions, shown_path
from civitai_kit.services.library.beside import known_from_sidecars, write_for
from civitai_kit.services.library.hashing import Hashed, hash_files
from civitai_kit.services.library.identify import Asking, Identifying
from civitai_kit.services.library.keep import LibraryTree
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.listed import batches
from civitai_kit.services.pictures import Pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryOptions:
    """How to scan. `previews` of each version are kept (None: all); `sidecars` are written beside the files.
    `only_new` takes files without a row, `only_update`
    those with one. `threads` files are read at once, `slots` pictures fetched.
    """

    asking: Asking = field(default_factory=Asking)
    previews: int | None = 1
    sidecars: tuple[Format, ...] = ()
    only_new: bool = False
    only_update: bool = False
    threads: int = 2
    slots: int = 4


def scan_library(parts: LibraryParts, roots: list[Path], options: LibraryOptions, emit: Emit) -> LibraryReport:
    """Scan files and folders (absolute); everything that can be done without the site is done without it.

    Raises UsageError when none of the places is there, Interrupted when stopped; then what was done is kept.
    """
    run = _Scan(parts, options, emit)
    run.look(roots)
    run.hash()
    run.ask()
    run.finish()
    return run.report()


@dataclass
class _Scan:
    """One scan under way; `rows` are the library's files by path."""

    parts: LibraryParts
    options: LibraryOptions
    emit: Emit
    models: list[FoundModel] = field(default_factory=list)
    found: list[Identified] = field(default_factory=list)
    files: list[ScannedFile] = field(default_factory=list)
    errors: list[CivitaiKitError] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)
    read: int = 0

    def __post_init__(self) -> None:
        self.rows: dict[str, LibraryFile] = {file.path: file for file in self.parts.files()}
        self._by_sha256: dict[str, list[LibraryFile]] = {}
        for file in self.rows.values():
            self._by_sha256.setdefault(file.sha256 or "", []).append(file)
        self.names = FolderNames((file.path, file.folder) for file in self.rows.values())
        self.now = self.parts.now().isoformat(timespec="seconds")
        self.tree = LibraryTree(self.parts, self._pictures, self.options.previews, self.emit)
        self._made: Pictures | None = None

    def look(self, roots: list[Path]) -> None:
        """Find the model files."""
        for seen in self.parts.find_models(roots):
            if isinstance(seen, NotSeen):
                self._fail(seen.path, seen.error)
            elif self._is_wanted(seen.path.as_posix()):
                self.models.append(seen)
        if not self.models and len(self.files) == len(roots) and all(not root.exists() for root in roots):
            named = ", ".join(str(root) for root in roots)
            raise UsageError(f"There is nothing at {named}.", hint="Name files and folders that are there.")

    def _is_wanted(self, path: str) -> bool:
        if self.options.only_new:
            return path not in self.rows
        return path in self.rows or not self.options.only_update

    def hash(self) -> None:
        """Read what was not read before."""
        models, self.models = self.models, []
        for hashed in hash_files(self.parts, models, self.options.threads, self.emit):
            if hashed.error is not None:
                self._fail(hashed.path, hashed.error)
            elif not hashed.stamp.size:
                self._fail(hashed.path, DiskError(f"{hashed.path} is empty.", path=str(hashed.path)))
            else:
                self.found.append(self._known(hashed))
                self.read += hashed.stamp.size if hashed.is_read else 0

    def _known(self, hashed: Hashed) -> Identified:
        """A file with what is remembered of it; of one whose content is another now, nothing is."""
        path = hashed.path.as_posix()
        row = self.rows.get(path) or self._moved(hashed)
        if row is None or row.sha256 != hashed.digests.sha256:
            row = self._new(path, hashed)
        header = self._header(hashed.path) if row.stamp is None else {}
        root = hashed.root.as_posix()
        if (row.stamp, row.root) != (hashed.stamp, root):
            digests = hashed.digests
            row = replace(row, stamp=hashed.stamp, root=root, sha256=digests.sha256, auto_v3=digests.auto_v3)
        return Identified(file=row, size=hashed.stamp.size, digests=hashed.digests, header=header)

    def _new(self, path: str, hashed: Hashed) -> LibraryFile:
        """A file seen for the first time; what the store's entries say of its bytes need not be looked up."""
        output = self.parts.output.as_posix()
        row = LibraryFile(output=output, path=path, folder=self.names.name(path), added_at=self.now)
        for version_id in self.parts.store.by_sha256(hashed.digests.sha256 or ""):
            entry = self.parts.store.get(version_id)
            for record in entry.files if entry is not None else ():
                if entry is not None and record.sha256 == hashed.digests.sha256:
                    return replace(
                        row,
                        version_id=version_id,
                        model_id=entry.model_id,
                        file_id=record.file_id,
                        matched_by=MatchedBy.SHA256,
                        last_seen=entry.last_seen,
                    )
        return row

    def _moved(self, hashed: Hashed) -> LibraryFile | None:
        """What is remembered of these bytes under a path where they no longer are: the file was moved or renamed."""
        for old in self._by_sha256.get(hashed.digests.sha256 or "", ()):
            where = self.parts.whereabouts(old)
            # One that was taken over from another tool was never seen.
            is_free = where is Whereabouts.GONE or (old.root is None and where is not Whereabouts.HERE)
            if is_free and old.path in self.rows:
                del self.rows[old.path]
                self.outdated.append(old.key)
                moved = replace(old, path=hashed.path.as_posix())
                self.rows[moved.path] = moved
                self.moved.add(moved.path)
                return moved
        return None

    def _header(self, path: Path) -> Mapping[str, str]:
        try:
            return self.parts.read_header(path)
        except BadHeader as error:
            self.emit(Warned(f"{path}: {error}", "The file is known by its hash alone."))
        except DiskError as error:
            self.emit(Warned(error.message, error.hint))
        return {}

    def ask(self) -> None:
        """Ask the site, and keep what it says, some files at a time."""
        asking = Identifying(self.parts, self.found, self.options.asking, self.emit)
        self.found = []
        for batch in batches(asking):
            self._keep(batch, asking)
        if asking.away is not None and asking.unheard:
            self.errors.append(asking.away)

    def _keep(self, batch: list[Identified], asking: Identifying) -> None:
        done: list[LibraryFile] = []
        adoptions = Adoptions(self.parts)
        batch = [self._with_sidecars(found) for found in batch]
        for found in batch:
            try:
                done += self._keep_one(found, asking, adoptions)
            except DiskError as error:
                if error.code in ENDS_RUN:
                    raise
                self._fail(Path(found.file.path), error)
        again = self._fetch_previews(batch)
        self._write_sidecars(batch)
        adoptions.write()
        self.parts.store.put_library_files(_to_ask_again(file) if file.path in again else file for file in done)
        if self.parts.stop.is_set():
            raise Interrupted("Stopped before every file was looked up.", hint="Run it again: what is kept stays.")

    def _fetch_previews(self, batch: list[Identified]) -> set[str | None]:
        """Bring the previews; gives the paths of the files of which one could not be had."""
        failed = len(self.tree.errors)
        jobs = list(self.tree.preview_jobs(batch))
        for outcome in self.parts.pool.run(jobs, self.options.slots) if jobs else ():
            if outcome.error is not None:
                raise outcome.error
        return {error.path for error in self.tree.errors[failed:]}

    def _with_sidecars(self, found: Identified) -> Identified:
        """A file that the site was asked about and does not know, as the sidecars beside it have it."""
        file = found.file
        is_found = file.version_id is not None and file.matched_by is not MatchedBy.SIDECAR
        is_unknown = not is_found and file.status_code is not None
        return known_from_sidecars(self.parts, found) if is_unknown else found

    def _write_sidecars(self, batch: list[Identified]) -> None:
        """Write what other programs read beside the files of a batch; what could not be merged is an error."""
        for found in batch:
            if self.options.sidecars and (found.file.version_id is not None or found.header):
                written, errors = write_for(self.parts, found, self.options.sidecars)
                self.errors += errors
                for path in written:
                    self.emit(Saved(path))

    def _keep_one(self, found: Identified, asking: Identifying, adoptions: Adoptions) -> list[LibraryFile]:
        """Keep a file; gives its row where that is to be written."""
        old = self.rows.get(found.file.path)
        heard = found.version is not None or found.model is not None
        is_same = found.file == old and found.file.path not in self.moved and not heard
        is_news = not is_same and self.tree.keep(found)
        if not is_same:
            adoptions.adopt(found)
        file = self._marked(found.file)
        was_known = old is not None and (old.version_id, old.site_state) == (file.version_id, file.site_state)
        status, error = self._status(file, asking, is_same=was_known and not is_news)
        if status is FileStatus.IDENTIFIED or old is None:
            file = replace(file, updated_at=self.now)
        path = shown_path(self.parts, file.path)
        self.files.append(ScannedFile(path=path, status=status, file=file, error=error))
        self.rows[file.path] = file
        return [] if is_same and file == old else [file]

    def _status(
        self, file: LibraryFile, asking: Identifying, *, is_same: bool
    ) -> tuple[FileStatus, CivitaiKitError | None]:
        if file.version_id is not None:
            return FileStatus.UNCHANGED if is_same else FileStatus.IDENTIFIED, None
        if file.path in asking.unheard and file.status_code is None:
            return FileStatus.ERROR, asking.away
        return FileStatus.MISSING, None

    def _marked(self, file: LibraryFile) -> LibraryFile:
        since = (file.missing_since or self.now) if is_missing(file) else None
        return file if since == file.missing_since else replace(file, missing_since=since)

    def finish(self) -> None:
        """Write the lists; said once for all, since they are made anew from what is remembered."""
        self.parts.store.delete_library_files(self.outdated)
        try:
            self.tree.write_lists()
        except DiskError as error:
            self.errors.append(error)
        self.errors += self.tree.errors

    def report(self) -> LibraryReport:
        """What came of it, by path."""
        return LibraryReport(
            files=tuple(sorted(self.files, key=lambda file: file.path)),
            errors=tuple(self.errors),
            saved=tuple(self.tree.saved),
            bytes=self.read,
        )

    def _fail(self, path: Path, error: CivitaiKitError) -> None:
        known = self.rows.get(path.as_posix())
        shown = shown_path(self.parts, path.as_posix())
        self.files.append(ScannedFile(path=shown, status=FileStatus.ERROR, file=known, error=error))

    def _pictures(self) -> Pictures:
        if self._made is None:
            self._made = Pictures(
                self.parts.fetcher(),
                self.parts.tree,
                self.parts.retries(),
                slots=self.options.slots,
                stopped=self.parts.stop.is_set,
                emit=partial(tell_pauses, self.emit),
            )
        return self._made


def _to_ask_again(file: LibraryFile) -> LibraryFile:
    """A file of which a preview could not be had: the next run asks for it."""
    return replace(file, asked_at=None)
