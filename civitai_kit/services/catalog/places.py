"""Where the catalogs say that a file belongs: put there, it makes of a missing entry a present one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    """The save path: what lies there already."""

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""

    def digests(self, path: str) -> Digests:
        """The digests of a file there; raises DiskError when it cannot be read."""


def placed_by_catalog(
    parts: CatalogParts, plan: Plan, disk: CatalogedFiles, relative: Relative, places: tuple[str, ...]
) -> Plan:
    """The plan with the files that the catalogs name at the places that they have there.

    `relative` makes of a place below the models' folder one below the save path, None where it lies elsewhere;
    `places` are ours. What cannot be put where its entry says, another file being there for one, stays where the plan
    has it. Raises BrokenCatalog.
    """
    entries = entries_of(parts, {item.version_id for item in plan.items})
    taken = {path_key(item.path) for item in plan.items}

    def placed(item: Item) -> Item:
        entry = entries.get(item.version_id)
        path = _place_of(entry, relative) if entry is not None and _is_its_file(item, entry, plan.items) else None
        if path is None or path_key(path) in taken or is_ours(path, places) or _is_another(item, path, disk):
            return item
        taken.add(path_key(path))
        return replace(item, path=path)

    return replace(plan, items=tuple(placed(item) for item in plan.items)) if entries else plan


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A file that is here at `path`, and that the catalogs look for at `place`; both below the save path."""

    path: str
    place: str


class LinkingFolder(Protocol):
    """The save path."""

    def size(self, path: str) -> int | None:
        """Length in bytes of a file there, None where there is none."""

    def place_of(self, path: str) -> Path:
        """Where a recorded file lies."""

    def link(self, source: Path, path: str) -> None:
        """Give a file a second name; a copy where that fails. Raises DiskFull or NotWritable."""


def found_elsewhere(
    parts: CatalogParts, plan: Plan, disk: LinkingFolder, relative: Relative, places: tuple[str, ...]
) -> Iterator[Elsewhere]:
    """The files of which a plan says that they are here, and which the catalogs miss where they look for them.

    Their paths are those of the database: a plan that was read from a file says of nothing that it is here.
    """
    here = [skip.item for skip in plan.skips if skip.reason is Reason.HAVE and skip.item is not None]
    entries = entries_of(parts, {item.version_id for item in here})
    for item in here:
        entry = entries.get(item.version_id)
        place = _place_of(entry, relative) if entry is not None and _is_its_file(item, entry, here) else None
        if place is not None and not is_ours(place, places) and disk.size(place) is None:
            yield Elsewhere(item.path, place)


def link_to_places(found: Sequence[Elsewhere], disk: LinkingFolder) -> None:
    """Give such files a second name at their places; the database has them where they were. Raises DiskError."""
    for each in found:
        disk.link(disk.place_of(each.path), each.place)


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


def _place_of(entry: Entry, relative: Relative) -> str | None:
    place = place_in(entry)
    try:
        return relative(checked_relative(place)) if place else None
    except UsageError:
        return None
