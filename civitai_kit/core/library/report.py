"""What came of a library scan: a row for every file, and the exit code they add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from civitai_kit.core.errors import CivitaiKitError, exit_code_of
from civitai_kit.core.library.model_file import LibraryFile


class FileStatus(StrEnum):
    """What a scan says of a file: `unchanged` ones were known, and nothing about them is new."""

    IDENTIFIED = "identified"
    MISSING = "missing"
    UNCHANGED = "unchanged"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedFile:
    """One file of a scan; `path` relative to the save path where it lies in it, else absolute.

    An `error` of a file that is known stands beside what is known of it.
    """

    path: str
    status: FileStatus
    file: LibraryFile | None = None
    error: CivitaiKitError | None = None

    def as_row(self) -> dict[str, Any]:
        """The file as one row of `files[]`."""
        row: dict[str, Any] = {"path": self.path, "sha256": None, "status": str(self.status)}
        if self.file is not None:
            row["sha256"] = self.file.sha256
            if self.file.version_id is not None:
                row |= {
                    "model_id": self.file.model_id,
                    "version_id": self.file.version_id,
                    "file_id": self.file.file_id,
                    "matched_by": None if self.file.matched_by is None else str(self.file.matched_by),
                }
            row["site_state"] = self.file.site_state
        if self.error is not None:
            row |= {"code": str(self.error.code), "message": self.error.message}
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryReport:
    """The outcome of a scan; `errors` concern no single file, `previews` are those that could not be had.

    `saved` are paths under the library's folder, `sidecars` those of what was written beside the files.
    """

    files: tuple[ScannedFile, ...] = ()
    errors: tuple[CivitaiKitError, ...] = ()
    previews: tuple[CivitaiKitError, ...] = ()
    saved: tuple[str, ...] = ()
    sidecars: tuple[str, ...] = ()
    bytes: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many files have which status; each status stands there."""
        found = Counter(file.status for file in self.files)
        return {str(status): found[status] for status in FileStatus}

    @property
    def exit_code(self) -> int:
        """0, the number of the failures where it is one and nothing went well, else 7; no network is always 5."""
        failed = [file.error.code for file in self.files if file.error is not None]
        failed += [error.code for error in self.previews]
        done = any(file.error is None for file in self.files)
        alone = exit_code_of([error.code for error in self.errors], succeeded=False)
        return alone or exit_code_of(failed, succeeded=done)

    def as_json(self) -> dict[str, Any]:
        """The `data` of `library scan --json`."""
        return {
            "files": [file.as_row() for file in self.files],
            "counts": self.counts,
            "saved": len(self.saved),
            "sidecars": list(self.sidecars),
            "bytes": self.bytes,
        }

    def error_rows(self) -> list[dict[str, Any]]:
        """The rows of `errors[]`; what kept many files from being looked up is said once."""
        of_files = [{**error.as_row(), "path": file.path} for file, error in self.files_alone()]
        return of_files + [error.as_row() for error in (*self.errors, *self.previews)]

    def files_alone(self) -> list[tuple[ScannedFile, CivitaiKitError]]:
        """The files with an error of their own."""
        shared = {id(error) for error in self.errors}
        return [(file, file.error) for file in self.files if file.error is not None and id(file.error) not in shared]
