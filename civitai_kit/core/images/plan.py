"""What a run over targets would fetch: an item an image, and a row a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.images.report import ImagesReport, TargetReport
from civitai_kit.core.images.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """One image that would be put in place; its `path` is as records hold paths.

    The path ends in `.*` while the bytes, which decide the extension, are not here. `size` is None until then: the
    site's listing says none. `is_linked` says that no byte would be fetched for it.
    """

    target: Target
    image_id: int
    path: str
    media: str | None
    quality: Quality
    size: int | None = None
    is_linked: bool = False

    def as_row(self) -> dict[str, Any]:
        """The row of `items[]`."""
        return {
            "image_id": self.image_id,
            "kind": str(self.target.kind),
            "value": self.target.value,
            "path": self.path,
            "media": self.media,
            "quality": str(self.quality),
            "size": self.size,
            "linked": self.is_linked,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesPlan:
    """What would come of a run; `errors` ended the looking early."""

    items: tuple[PlannedImage, ...]
    targets: tuple[TargetReport, ...]
    reasons: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[CivitaiKitError, ...] = ()

    @property
    def linked(self) -> tuple[PlannedImage, ...]:
        """The items whose bytes would not be fetched."""
        return tuple(item for item in self.items if item.is_linked)

    @property
    def wanted_of(self) -> Mapping[Target, int]:
        """Target → items."""
        return Counter(item.target for item in self.items)

    @property
    def exit_code(self) -> int:
        """As that of a run whose every image comes."""
        return self._report.exit_code

    def error_rows(self) -> list[dict[str, Any]]:
        """The rows of `errors[]`."""
        return self._report.error_rows()

    def as_json(self) -> dict[str, Any]:
        """The `data` of `images --dry-run --json`."""
        wanted = self.wanted_of
        return {
            "dry_run": True,
            "targets": [
                {
                    "kind": str(row.target.kind),
                    "value": row.target.value,
                    "status": str(row.status),
                    "seen": row.seen,
                    "items": wanted[row.target],
                    "skipped": row.skipped,
                }
                for row in self.targets
            ],
            "items": [item.as_row() for item in self.items],
            "linked": len(self.linked),
            "skipped": sum(row.skipped for row in self.targets),
            "reasons": dict(Counter(self.reasons).most_common()),
        }

    @property
    def _report(self) -> ImagesReport:
        return ImagesReport(targets=self.targets, reasons=self.reasons, errors=self.errors)
