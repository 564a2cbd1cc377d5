"""Removes leftovers under the save path, by a plan made first; links are not followed and databases not touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from civitai_kit.core.errors import CivitaiKitError, Interrupted, exit_code_of
from civitai_kit.core.paths.our_names import (
    ASKED_BY,
    JOURNAL,
    LONGEST_JOURNAL,
    MADE_ON_PURPOSE,
    PART,
    LeftoverKind,
    is_journal,
    kind_of,
)
from civitai_kit.core.paths.relative_paths import path_key


class File(Protocol):
    """A regular file that a walk met."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def size(self) -> int:
        """Its length in bytes."""


class WalkedDisk(Protocol):
    """The save path, walked and tidied; every `path` is relative to it with `/`."""

    def walk(self) -> Iterator[File]:
        """All regular files; links are neither followed nor given."""

    def relative(self, place: Path) -> str | None:
        """The path of a place under the root, None when it lies elsewhere."""

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""

    def read(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none."""

    def remove(self, path: str) -> bool:
        """Remove a file; says whether it was there. Raises NotWritable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanOptions:
    """What is to be removed beside temporary files."""

    torrents: bool = False
    magnets: bool = False
    parts: bool = False
    foreign: bool = False

    def wants(self, kind: LeftoverKind) -> bool:
        """Whether leftovers of this kind go."""
        return not ASKED_BY[kind] or any(getattr(self, name) for name in ASKED_BY[kind])


@dataclass(frozen=True, slots=True)
class Leftover:
    """One file left behind; `path` relative to the save path with `/`, `size` in bytes."""

    path: str
    kind: LeftoverKind
    size: int

    def as_row(self) -> dict[str, Any]:
        """Its fields, as they stand in `left[]`."""
        return {"path": self.path, "kind": str(self.kind), "size": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanPlan:
    """What would be removed, and the leftovers that stay because their kind was not asked for."""

    to_remove: tuple[Leftover, ...] = ()
    left: tuple[Leftover, ...] = ()

    @property
    def bytes(self) -> int:
        """How much there would be to gain."""
        return sum(leftover.size for leftover in self.to_remove)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanReport:
    """What came of it; in a dry run `removed` is what would be."""

    removed: tuple[Leftover, ...] = ()
    left: tuple[Leftover, ...] = ()
    errors: tuple[CivitaiKitError, ...] = ()
    dry_run: bool = False

    @property
    def bytes(self) -> int:
        """How much was gained."""
        return sum(leftover.size for leftover in self.removed)

    @property
    def exit_code(self) -> int:
        """0, the one failure's own code, or 7 when others were done."""
        return exit_code_of([error.code for error in self.errors], succeeded=bool(self.removed))

    def as_json(self) -> dict[str, Any]:
        """The `data` of `clean --json`."""
        return {
            "removed": [leftover.path for leftover in self.removed],
            "bytes": self.bytes,
            "left": [leftover.as_row() for leftover in self.left],
            "dry_run": self.dry_run,
        }


def plan_clean(
    ground: WalkedDisk,
    options: CleanOptions,
    keep_out: tuple[str, ...],
    recorded: Callable[[], Iterable[str]] = tuple,
) -> CleanPlan:
    """Look for leftovers everywhere but in the places `keep_out` (relative); nothing is changed.

    What `recorded` gives, the paths of finished downloads, is none, whatever it is called; it is asked only when
    there is a leftover.
    """
    found = list(_leftovers(ground, keep_out))
    if found:
        finished = {path_key(path) for path in recorded() if kind_of(path) is not None}
        found = [leftover for leftover in found if path_key(leftover.path) not in finished]
    return CleanPlan(
        to_remove=tuple(leftover for leftover in found if options.wants(leftover.kind)),
        left=tuple(other for other in found if not options.wants(other.kind) and other.kind not in MADE_ON_PURPOSE),
    )


def clean(ground: WalkedDisk, plan: CleanPlan, stopped: Callable[[], bool]) -> CleanReport:
    """Remove what a plan says; a file that cannot be removed is an error row, and the others go."""
    removed: list[Leftover] = []
    errors: list[CivitaiKitError] = []
    for leftover in plan.to_remove:
        if stopped():
            errors.append(Interrupted("Stopped before the end.", hint="Run the same command again for the rest."))
            break
        try:
            if ground.remove(leftover.path):
                removed.append(leftover)
        except CivitaiKitError as error:
            error.path = leftover.path
            errors.append(error)
    return CleanReport(removed=tuple(removed), left=plan.left, errors=tuple(errors))


def _leftovers(ground: WalkedDisk, keep_out: tuple[str, ...]) -> Iterator[Leftover]:
    for file in ground.walk():
        path = ground.relative(file.path)
        if path is None or any(path == folder or path.startswith(f"{folder}/") for folder in keep_out):
            continue
        kind = _judged(ground, path, kind_of(file.path.name))
        if kind is not None:
            yield Leftover(path, kind, file.size)


def _judged(ground: WalkedDisk, path: str, kind: LeftoverKind | None) -> LeftoverKind | None:
    """The kind of leftover, by name and neighbours: a sidecar is no journal, and not every part file is ours."""
    if kind is LeftoverKind.JOURNAL:
        return kind if _is_journal(ground, path) else None
    if kind is LeftoverKind.PART and not _is_journal(ground, path[: -len(PART)] + JOURNAL):
        return LeftoverKind.FOREIGN_PART
    return kind


def _is_journal(ground: WalkedDisk, path: str) -> bool:
    size = ground.size(path)
    content = ground.read(path) if size is not None and size <= LONGEST_JOURNAL else None
    return content is not None and is_journal(content)
