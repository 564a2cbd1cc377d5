"""Model files with the same bytes: which one stays, and what the others cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.library.model_file import LibraryFile

_HEAD = """# Duplicate models found in input directory
# Format: Hash | Kept Model | Removed Duplicates
# This file is automatically updated when running --clean

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Files of `size` bytes that are equal; `others` could be links to `kept`."""

    sha256: str
    size: int
    kept: str
    others: tuple[str, ...]

    @property
    def saved(self) -> int:
        """Bytes that the others take."""
        return self.size * len(self.others)

    def as_row(self) -> dict[str, Any]:
        """The group as one row of `groups[]`."""
        return {
            "sha256": self.sha256,
            "size": self.size,
            "kept": self.kept,
            "others": list(self.others),
            "saved": self.saved,
        }


def groups_of(files: Iterable[LibraryFile]) -> list[Group]:
    """The files that lie twice or more, those that take most first; two names of one file are no duplicates.

    The one that was known first stays.
    """
    by_hash: dict[str, list[LibraryFile]] = {}
    for file in files:
        if file.sha256 is not None and file.stamp is not None:
            by_hash.setdefault(file.sha256, []).append(file)
    found = (_group(sha256, alike) for sha256, alike in by_hash.items() if len(alike) > 1)
    groups = [group for group in found if group is not None]
    return sorted(groups, key=lambda group: (-group.saved, group.sha256))


def _group(sha256: str, alike: list[LibraryFile]) -> Group | None:
    alike.sort(key=lambda file: (file.added_at or "9", file.path))
    places: dict[tuple[int, int], LibraryFile] = {}
    for file in alike:
        if file.stamp is not None:
            places.setdefault((file.stamp.device, file.stamp.inode), file)
    kept, *others = places.values()
    if not others or kept.stamp is None:
        return None
    return Group(sha256=sha256, size=kept.stamp.size, kept=kept.path, others=tuple(file.path for file in others))


def duplicates_list(groups: Iterable[Group]) -> str:
    """`duplicate_models.txt` in the data manager's form; empty where there are none."""
    parts = [
        "".join([f"Hash: {group.sha256}\n", f"Kept: {_line(group.kept)}\n", "Removed:\n", *_removed(group), "\n"])
        for group in groups
    ]
    return _HEAD + "".join(parts) if parts else ""


def _removed(group: Group) -> list[str]:
    return [f"  - {_line(path)}\n" for path in group.others]


def _line(path: str) -> str:
    return path.replace("\n", " ").replace("\r", " ")
