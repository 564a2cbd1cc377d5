"""What came of asking for images: a row a target, totals, reasons, failed images, and the exit code of it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError, exit_code_of
from civitai_kit.core.images.prompts import Match
from civitai_kit.core.images.targets import Target


class TargetStatus(StrEnum):
    """Where a target stands at the end of a run; the last four are failures."""

    COMPLETED = "completed"
    EMPTY = "empty"
    LIMIT_REACHED = "limit_reached"
    INCOMPLETE = "incomplete"
    NOT_FOUND = "not_found"
    INVALID_TAG = "invalid_tag"
    FAILED = "failed"


SOUND = frozenset({TargetStatus.COMPLETED, TargetStatus.EMPTY, TargetStatus.LIMIT_REACHED})


class Why(StrEnum):
    """Why an image was passed over."""

    HAVE = "have"
    GONE = "gone"
    VIDEO = "video"
    PICTURE = "picture"
    AUDIO = "audio"
    PROMPT = "prompt"
    FILTER_TAGS = "filter_tags"
    MAX_PER_MODEL = "max_per_model"
    NO_URL = "no_url"
    NO_ID = "no_id"
    PATH_TOO_LONG = "path_too_long"


@dataclass(frozen=True, slots=True)
class FailedImage:
    """One image that could not be had for a target."""

    target: Target
    image_id: int
    error: CivitaiKitError

    def as_row(self) -> dict[str, Any]:
        """The image's id, its target, and what went wrong."""
        return {
            "image_id": self.image_id,
            "kind": str(self.target.kind),
            "value": self.target.value,
            "code": str(self.error.code),
            "message": self.error.message,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What came of one target; `error` is why it is not sound, `summary` the path of its CSV."""

    target: Target
    status: TargetStatus
    seen: int = 0
    downloaded: int = 0
    skipped: int = 0
    failed: int = 0
    no_metadata: int = 0
    error: CivitaiKitError | None = None
    summary: str | None = None

    def as_row(self) -> dict[str, Any]:
        """The row of `targets[]`."""
        row = {
            "kind": str(self.target.kind),
            "value": self.target.value,
            "status": str(self.status),
            "seen": self.seen,
            "downloaded": self.downloaded,
            "skipped": self.skipped,
            "failed": self.failed,
            "no_metadata": self.no_metadata,
        }
        return row if self.summary is None else {**row, "summary": self.summary}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesReport:
    """The outcome of a run over targets; `bytes` came over the network, `linked` files are hard links or copies.

    `matches` counts by what images passed the filter tags. `errors` concern no single target or image.
    """

    targets: tuple[TargetReport, ...]
    reasons: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[FailedImage, ...] = ()
    errors: tuple[CivitaiKitError, ...] = ()
    matches: Mapping[Match, int] = field(default_factory=dict)
    bytes: int = 0
    linked: int = 0

    @property
    def downloaded(self) -> int:
        """Images put in place, by transfer or by link."""
        return sum(row.downloaded for row in self.targets)

    @property
    def skipped(self) -> int:
        """Images passed over, for whatever reason."""
        return sum(row.skipped for row in self.targets)

    @property
    def exit_code(self) -> int:
        """0; the code of a failure that is alone; else 7. What ends a run comes first."""
        of_targets = [row.error.code for row in self.targets if row.status not in SOUND and row.error is not None]
        codes = [error.code for error in self.errors] + of_targets + [one.error.code for one in self.failed]
        sound = any(row.status in SOUND for row in self.targets if not row.failed)
        done = bool(self.failed) and bool(self.downloaded or self.reasons.get(Why.HAVE))
        return exit_code_of(codes, succeeded=sound or done)

    def as_json(self) -> dict[str, Any]:
        """The `data` of `images --json`."""
        return {
            "targets": [row.as_row() for row in self.targets],
            "downloaded": self.downloaded,
            "skipped": self.skipped,
            "failed": sum(row.failed for row in self.targets),
            "bytes": self.bytes,
            "linked": self.linked,
            "reasons": dict(Counter(self.reasons).most_common()),
            "failed_images": [one.as_row() for one in self.failed],
            "filter_matches": {str(match): number for match, number in self.matches.items()},
        }

    def error_rows(self) -> list[dict[str, Any]]:
        """The rows of `errors[]`: what ended the run, targets that are not sound, images that could not be had."""
        rows = [error.as_row() for error in self.errors]
        told = {id(error) for error in self.errors}
        for row in self.targets:
            if row.status not in SOUND and row.error is not None and id(row.error) not in told:
                of_target = {"kind": str(row.target.kind), "value": row.target.value}
                rows.append({**row.error.as_row(), "message": f"{row.target}: {row.error.message}", **of_target})
        for one in self.failed:
            said = one.error.as_row()
            rows.append({**said, "message": f"image {one.image_id}: {one.error.message}", "image_id": one.image_id})
        return rows


def ends_run(error: BaseException | None) -> bool:
    """Whether an error stops a whole run instead of being one image's or target's failure."""
    return isinstance(error, CivitaiKitError) and error.code in ENDS_RUN
