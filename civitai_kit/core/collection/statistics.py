"""What a collection adds up to: counts and bytes in all, and by type, base model, status and creator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from civitai_kit.core.collection.entry import Facts

UNKNOWN = "(unknown)"


@dataclass(slots=True)
class Total:
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
    by_type: dict[str, Total] = field(default_factory=dict)
    by_base_model: dict[str, Total] = field(default_factory=dict)
    by_status: dict[str, Total] = field(default_factory=dict)
    by_creator: dict[str, Total] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[dict[str, Total], ...]:
        """By type, base model, status and creator."""
        return self.by_type, self.by_base_model, self.by_status, self.by_creator

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


def statistics(entries: Iterable[Facts], images: int = 0) -> Statistics:
    """Add up entries in any order; `images` is how many image records there are beside them."""
    found = Statistics(images=images)
    # Entries alike in all four are added up first: a quarter of the look-ups.
    alike: dict[tuple[Any, ...], Total] = {}
    for facts in entries:
        key = facts[:4]
        total = alike.get(key)
        if total is None:
            total = alike[key] = Total()
        total.entries += 1
        total.bytes += facts[5]
        found.files += facts[4]
    for names, total in alike.items():
        found.entries += total.entries
        found.bytes += total.bytes
        for groups, name in zip(found.groups, names, strict=True):
            _add(groups, name, total)
    return found


def _add(groups: dict[str, Total], name: str | None, more: Total) -> None:
    total = groups.setdefault(name or UNKNOWN, Total())
    total.entries += more.entries
    total.bytes += more.bytes


def _rows(groups: dict[str, Total]) -> dict[str, dict[str, int]]:
    ordered = sorted(groups.items(), key=lambda pair: (-pair[1].bytes, -pair[1].entries, pair[0]))
    return {str(name): {"entries": total.entries, "bytes": total.bytes} for name, total in ordered}
