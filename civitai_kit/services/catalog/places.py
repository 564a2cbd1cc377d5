"""Where the catalogs say that a file belongs: put there, it makes of a missing entry a present one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from civitai_kit.core.catalog.document import Entry, id_in, place_in, text_in
from civitai_kit.core.errors import DiskError, UsageError
from civitai_kit.core.paths.our_names import is_ours
from civitai_kit.core.paths.relative_paths import checked_relative, path_key
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.order import Verdict
from civitai_kit.core.plans.plan import Item, Plan, Reason
from civitai_kit.services.catalog.catalogs import CatalogParts, entries_of
from civitai_kit.services.items import proof_of

Relative = Callable[[str], str | None]


class CatalogedFiles(Protocol):
    """The save path: what lies there already, and second names for it."""

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""

    def digests(self, path: str) -> Digests:
        """The digests of a file there; raises DiskError when it cannot be read."""

    def place_of(self, path: str) -> Path:
        """Where a recorded file lies."""

    def link(self, source: Path, path: str) -> None:
        """Give a file a second name; a copy where that fails. Raises DiskFull or NotWritable."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A file that is here at `path`, and that the catalogs look for at `place`; both below the save path."""

    path: str
    place: str


@dataclass(frozen=True, slots=True)
class CatalogPlaces:
    """The catalogs' places below a save path; asking for them raises BrokenCatalog.

    `relative` makes of a place below the models' folder one below the save path, None where it lies elsewhere;
    `ours` are places that no file is given.
    """

    parts: CatalogParts
    disk: CatalogedFiles
    relative: Relative
    ours: tuple[str, ...]

    def placed(self, plan: Plan) -> Plan:
        """The plan with the files that the catalogs name at the places that they have there.

        What cannot be put where its entry says, another file being there for one, stays where the plan has it.
        """
        entries = entries_of(self.parts, {item.version_id for item in plan.items})
        taken = {path_key(item.path) for item in plan.items}

        def moved(item: Item) -> Item:
            path = self._place_of(item, entries, plan.items)
            if path is None or path_key(path) in taken or _is_another(item, path, self.disk):
                return item
            taken.add(path_key(path))
            return replace(item, path=path)

        return replace(plan, items=tuple(moved(item) for item in plan.items)) if entries else plan

    def found_elsewhere(self, plan: Plan) -> list[Elsewhere]:
        """The files of which a plan says that they are here, and which the catalogs miss where they look for them.

        Their paths are those of the database: a plan that was read from a file says of nothing that it is here.
        """
        here = [skip.item for skip in plan.skips if skip.reason is Reason.HAVE and skip.item is not None]
        entries = entries_of(self.parts, {item.version_id for item in here})
        places = ((item, self._place_of(item, entries, here)) for item in here)
        return [
            Elsewhere(item.path, place) for item, place in places if place is not None and self.disk.size(place) is None
        ]

    def link(self, found: Iterable[Elsewhere]) -> None:
        """Give such files a second name at their places; the database has them where they were. Raises DiskError."""
        for each in found:
            self.disk.link(self.disk.place_of(each.path), each.place)

    def _place_of(self, item: Item, entries: Mapping[int, Entry], items: Sequence[Item]) -> str | None:
        """Where the catalogs have an item, below the save path; None where they have not, or it may not lie there."""
        entry = entries.get(item.version_id)
        if entry is None or not _is_its_file(item, entry, items):
            return None
        place = place_in(entry)
        try:
            path = self.relative(checked_relative(place)) if place else None
        except UsageError:
            return None
        return None if path is None or is_ours(path, self.ours) else path


def _is_another(item: Item, path: str, disk: CatalogedFiles) -> bool:
    """Whether a file lies there that is not the item's: somebody's own, which only has its name."""
    try:
        size = disk.size(path)
        return size is not None and proof_of(item).judge(disk.digests(path), size) is not Verdict.RIGHT
    except DiskError:
        return True


def _is_its_file(item: Item, entry: Entry, items: Sequence[Item]) -> bool:
    """Whether an item is the file that an entry tells of: by its id, its hash, or for want of both as the only one."""
    file_id, sha256 = id_in(entry, "civitai_file_id"), text_in(entry, "hash")
    if file_id is not None and item.file_id is not None:
        return file_id == item.file_id
    if sha256 and item.sha256:
        return sha256.lower() == item.sha256
    return sum(other.version_id == item.version_id for other in items) == 1
