"""Where the catalogs say that a file belongs: put there, it makes of a missing entry a present one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from civitai_kit.core.catalog.document import Entry, id_in, place_in, text_in
from civitai_kit.core.errors import DiskError, UsageError
from civitai_kit.core.paths.our_names import is_ours
from civitai_kit.core.paths.relative_paths import checked_relative, path_key
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.order import Verdict
from civitai_kit.core.plans.plan import Item, Plan
from civitai_kit.services.catalog.catalogs import CatalogParts, entries_of
from civitai_kit.services.items import proof_of

Relative = Callable[[str], str | None]


class SaveFolder(Protocol):
    """The save path: what lies there already."""

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""

    def digests(self, path: str) -> Digests:
        """The digests of a file there; raises DiskError when it cannot be read."""


def placed_by_catalog(
    parts: CatalogParts, plan: Plan, disk: SaveFolder, relative: Relative, places: tuple[str, ...]
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
        path = _place_of(entry, relative) if entry is not None and _is_its_file(item, entry, plan) else None
        if path is None or path_key(path) in taken or is_ours(path, places) or _is_another(item, path, disk):
            return item
        taken.add(path_key(path))
        return replace(item, path=path)

    return replace(plan, items=tuple(placed(item) for item in plan.items)) if entries else plan


def _is_another(item: Item, path: str, disk: SaveFolder) -> bool:
    """Whether a file lies there that is not the item's: somebody's own, which only has its name."""
    try:
        size = disk.size(path)
        return size is not None and proof_of(item).judge(disk.digests(path), size) is not Verdict.RIGHT
    except DiskError:
        return True


def _is_its_file(item: Item, entry: Entry, plan: Plan) -> bool:
    """Whether an item is the file that an entry tells of: by its id, its hash, or for want of both as the only one."""
    file_id, sha256 = id_in(entry, "civitai_file_id"), text_in(entry, "hash")
    if file_id is not None and item.file_id is not None:
        return file_id == item.file_id
    if sha256 and item.sha256:
        return sha256.lower() == item.sha256
    return sum(other.version_id == item.version_id for other in plan.items) == 1


def _place_of(entry: Entry, relative: Relative) -> str | None:
    place = place_in(entry)
    try:
        return relative(checked_relative(place)) if place else None
    except UsageError:
        return None
