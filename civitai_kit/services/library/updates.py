"""Newer versions of what is owned, as a plan that a download can carry out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.collection.entry import Status
from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.events import Emit
from civitai_kit.core.plans.plan import Item, Plan
from civitai_kit.core.plans.selection import ScanRequest, Selection
from civitai_kit.core.site.references import Reference, ReferenceKind
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.scan.scan import ScanParts, scan


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOptions:
    """Which newer versions count: of any base model, not only of what is owned; early-access and paid ones too."""

    any_base: bool = False
    early_access: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A file of a newer version, and the version that is owned."""

    item: Item
    owned_version_id: int

    def as_row(self) -> dict[str, Any]:
        """The item as in a scan, with `owned_version_id`."""
        return {**self.item.as_row(), "owned_version_id": self.owned_version_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """What is newer, by model; `errors` are models that could not be asked about, `checked` how many were."""

    found: tuple[Update, ...] = ()
    checked: int = 0
    errors: tuple[CivitaiKitError, ...] = ()

    @property
    def plan(self) -> Plan:
        """The newer files as a plan."""
        return Plan(items=tuple(update.item for update in self.found))


def find_updates(parts: LibraryParts, scanning: ScanParts, options: UpdateOptions, emit: Emit) -> Updates:
    """Ask about every owned model, a hundred a request, and compare. Raises a SiteError when the site is away.

    The site lists the newest first: its first version, or its first of a base model that is owned, is newer unless
    it is owned itself.
    """
    owned = _owned(parts)
    found: dict[str, Update] = {}
    errors: dict[str, CivitaiKitError] = {}
    for base, models in _by_base(owned, any_base=options.any_base):
        selection = Selection(base_models=(base,) if base else (), early_access=options.early_access, primary_only=True)
        named = tuple(Reference(ReferenceKind.MODEL, model_id=number) for number in models)
        request = ScanRequest(references=named, selection=selection)
        plan = scan(scanning, request, emit)
        errors.update({error.message: error for error in plan.errors if error.exit_code != 0})
        for item in plan.items:
            have = owned.get(item.model_id or 0, {})
            newest = max((one for one, its_base in have.items() if not base or its_base == base), default=None)
            if newest is not None and item.version_id not in have:
                found.setdefault(item.path, Update(item=item, owned_version_id=newest))
    return Updates(found=tuple(found.values()), checked=len(owned), errors=tuple(errors.values()))


def _owned(parts: LibraryParts) -> dict[int, dict[int, str]]:
    """Model id → the versions of it that are there, each with its base model."""
    owned: dict[int, dict[int, str]] = {}
    for summary in parts.store.summaries():
        if summary.model_id is not None and any(file.status is Status.DOWNLOADED for file in summary.files):
            owned.setdefault(summary.model_id, {})[summary.version_id] = summary.base_model
    return owned


def _by_base(owned: dict[int, dict[int, str]], *, any_base: bool) -> Iterator[tuple[str, list[int]]]:
    groups: dict[str, list[int]] = {}
    for model_id, versions in owned.items():
        for base in {""} if any_base else set(versions.values()):
            groups.setdefault(base, []).append(model_id)
    yield from sorted(groups.items())
