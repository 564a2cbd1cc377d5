"""What came of a download: rows for what was fetched, passed over and failed, and the exit code they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from civitai_kit.core.errors import CivitaiKitError, Code, exit_code_of
from civitai_kit.core.plans.plan import Item, Skip


@dataclass(frozen=True, slots=True)
class Failure:
    """One item that could not be had, and why."""

    item: Item
    error: CivitaiKitError

    def as_row(self) -> dict[str, Any]:
        """The item's fields with the error's code, message and hint."""
        row = {**self.item.as_row(), "code": str(self.error.code), "message": self.error.message}
        return row if self.error.hint is None else {**row, "hint": self.error.hint}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a run. `bytes` were read from the network, `resumed_bytes` kept from earlier part files.

    `errors` concern no single item: a REF that could not be had, a sidecar or image that failed, a stop. `adopted`
    `linked` are the paths of downloaded items whose bytes were here already. `adopted`
    counts right files found on disk, `named` the REFs that could be had, `left` the items not come to.
    """

    downloaded: tuple[Item, ...] = ()
    linked: frozenset[str] = frozenset()
    skipped: tuple[Skip, ...] = ()
    failed: tuple[Failure, ...] = ()
    saved: tuple[str, ...] = ()
    errors: tuple[CivitaiKitError, ...] = ()
    bytes: int = 0
    resumed_bytes: int = 0
    adopted: int = 0
    named: int = 0
    left: int = 0

    @property
    def exit_code(self) -> int:
        """0, the one failure's own code, or 7 when others were done."""
        codes = [failure.error.code for failure in self.failed] + [error.code for error in self.errors]
        done = bool(self.downloaded or self.adopted or self.saved)
        return exit_code_of(codes, succeeded=done or bool(self.named and not self.failed))

    @property
    def was_stopped(self) -> bool:
        """Whether somebody ended the run before its end."""
        said = [failure.error for failure in self.failed] + [*self.errors]
        return any(error.code is Code.INTERRUPTED for error in said)

    def as_json(self) -> dict[str, Any]:
        """The `data` of `download --json`."""
        return {
            "downloaded": [self._row(item) for item in self.downloaded],
            "skipped": [skip.as_row() for skip in self.skipped],
            "failed": [failure.as_row() for failure in self.failed],
            "saved": list(self.saved),
            "bytes": self.bytes,
            "resumed_bytes": self.resumed_bytes,
        }

    def _row(self, item: Item) -> dict[str, Any]:
        return {**item.as_row(), "linked": True} if item.path in self.linked else item.as_row()

    def error_rows(self) -> list[dict[str, Any]]:
        """The rows of `errors[]`, those of failed items with their ids and path."""
        of_items = [
            {
                **failure.error.as_row(),
                "model_id": failure.item.model_id,
                "version_id": failure.item.version_id,
                "file_id": failure.item.file_id,
                "path": failure.item.path,
            }
            for failure in self.failed
        ]
        return of_items + [error.as_row() for error in self.errors]
