"""Identifies the model files at some places, keeps what is known of them, and adopts them into the store.

File first, row second: what tree and store hold of a file is complete when its row is written, so that a run that was
killed is finished by the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from civitai_kit.core.errors import CivitaiKitError, DiskError, NotWritable
from civitai_kit.core.events import Emit
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.model_file import FoundModel, NotSeen
from civitai_kit.core.library.report import LibraryReport
from civitai_kit.core.sidecars.merging import Format
from civitai_kit.services.library.asking import Asking, Inquiry
from civitai_kit.services.library.hashing import hash_files
from civitai_kit.services.library.headers import Headers
from civitai_kit.services.library.identify import identify
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.library.recall import Recall
from civitai_kit.services.library.record import Record
from civitai_kit.services.library.roots import refuse_where_nothing_is
from civitai_kit.services.listed import batches


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

    Raises UsageError when none of the places is there, NotWritable when nothing can be kept at the library's, and
    Interrupted when stopped; then what was done is kept.
    """
    run = _Scan(parts, options, emit)
    run.look(roots)
    _check_output(parts)
    run.hash()
    run.ask()
    run.finish()
    return run.report()


def _check_output(parts: LibraryParts) -> None:
    """Say before hours of reading that nothing could be kept."""
    try:
        parts.tree.check_writable()
    except NotWritable as error:
        hint = "Choose another folder with --output."
        raise NotWritable(
            f"The library cannot be kept in {parts.output}.", hint=hint, path=str(parts.output)
        ) from error


class _Scan:
    """One scan under way: models that were met, then files with what is remembered of them."""

    def __init__(self, parts: LibraryParts, options: LibraryOptions, emit: Emit) -> None:
        self._parts = parts
        self._options = options
        self._emit = emit
        self._inquiry = Inquiry(parts, options.asking, emit)
        self._headers = Headers(parts, emit)
        self._recall = Recall(parts, self._headers, self._inquiry.wants_header)
        self._record = Record(
            parts, self._recall, self._inquiry, options.previews, options.slots, options.sidecars, emit
        )
        self._models: list[FoundModel] = []
        self._found: list[Identified] = []
        self._errors: list[CivitaiKitError] = []
        self._read = 0

    def look(self, roots: list[Path]) -> None:
        """Find the model files."""
        refuse_where_nothing_is(roots)
        for seen in self._parts.find_models(roots):
            if isinstance(seen, NotSeen):
                self._record.fail(seen.path.as_posix(), seen.error)
            elif self._is_wanted(seen.path.as_posix()):
                self._models.append(seen)

    def _is_wanted(self, path: str) -> bool:
        if self._options.only_new:
            return path not in self._recall.rows
        return path in self._recall.rows or not self._options.only_update

    def hash(self) -> None:
        """Read what was not read before."""
        models, self._models = self._models, []
        for hashed in hash_files(self._parts, models, self._options.threads, self._emit):
            if hashed.error is not None:
                self._record.fail(hashed.path.as_posix(), hashed.error)
            elif not hashed.stamp.size:
                hint = "Nothing of it is there: fetch it anew, or remove it."
                empty = DiskError(f"{hashed.path} is empty.", hint=hint, path=str(hashed.path))
                self._record.fail(hashed.path.as_posix(), empty)
            else:
                self._found.append(self._recall.known(hashed))
                self._read += hashed.stamp.size if hashed.is_read else 0
        self._headers.tell()

    def ask(self) -> None:
        """Ask the site, and keep what it says, some files at a time."""
        found, self._found = self._found, []
        for batch in batches(identify(self._inquiry, found)):
            self._record.keep(batch)

    def finish(self) -> None:
        """Write the lists; said once for all, since they are made anew from what is remembered."""
        try:
            self._record.tree.write_lists()
        except DiskError as error:
            self._errors.append(error)

    def report(self) -> LibraryReport:
        """What came of it, by path."""
        inquiry, tree = self._inquiry, self._record.tree
        return LibraryReport(
            files=tuple(sorted(self._record.files, key=lambda file: file.path)),
            errors=(
                *([inquiry.away] if inquiry.away is not None and inquiry.unheard else ()),
                *self._errors,
                *self._record.errors,
            ),
            previews=tuple(tree.errors),
            saved=tuple(tree.saved),
            sidecars=tuple(self._record.written),
            bytes=self._read,
        )
