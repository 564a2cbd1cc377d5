"""What a collection adds up to: counts and bytes in all, and by type, base model, status and creator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from civitai_kit.core.entry import Summary

UNKNOWN = "(unknown)"


@dataclass(slots=True)
class Tally:
    """A count of entries and the bytes of their files."""

    entries: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Statistics:
    """Counts and bytes of a collection; sizes are those recorded, of files that are there and of those that are not."""

    entries: int = 0
    files: int = 0
    bytes: int = 0
    images: int = 0
    by_type: dict[str, Tally] = field(default_factory=dict)
    by_base_model: dict[str, Tally] = field(default_factory=dict)
    by_status: dict[str, Tally] = field(default_factory=dict)
    by_creator: dict[str, Tally] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The `data` of `db stats --json`; groups with the most bytes come first."""
        return {
            "entries": self.entries,
            "files": self.files,
            "bytes": self.bytes,
            "images": self.images,
            "by_type": _rows(self.by_type),
            "by_base_model": _rows(self.by_base_model),
            "by_status": _rows(self.by_status),
            "by_creator": _rows(self.by_creator),
        }


def statistics(summaries: Iterable[Summary], images: int = 0) -> Statistics:
    """Add up summaries; `images` is how many image records there are beside them."""
    found = Statistics(images=images)
    for summary in summaries:
        size = summary.size
        found.entries += 1
        found.files += len(summary.files)
        found.bytes += size
        _count(found.by_type, summary.type, size)
        _count(found.by_base_model, summary.base_model, size)
        _count(found.by_status, summary.status, size)
        _count(found.by_creator, summary.creator, size)
    return found


def _count(groups: dict[str, Tally], name: str | None, size: int) -> None:
    tally = groups.get(name or UNKNOWN)
    if tally is None:
        tally = groups[name or UNKNOWN] = Tally()
    tally.entries += 1
    tally.bytes += size


def _rows(groups: dict[str, Tally]) -> dict[str, dict[str, int]]:
    ordered = sorted(groups.items(), key=lambda pair: (-pair[1].bytes, -pair[1].entries, pair[0]))
    return {str(name): {"entries": tally.entries, "bytes": tally.bytes} for name, tally in ordered}
