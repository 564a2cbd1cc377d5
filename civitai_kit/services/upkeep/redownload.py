"""Fetches versions again by id: those in the store to their recorded paths, others to where a scan puts them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from civitai_kit.core.collection.entry import Status
from civitai_kit.core.errors import UsageError
from civitai_kit.core.events import Emit
from civitai_kit.core.paths.places import path_key
from civitai_kit.core.plans.plan import Item, Plan
from civitai_kit.core.plans.report import Report
from civitai_kit.core.plans.selection import ScanRequest, Selection
from civitai_kit.core.site.references import LARGEST_ID, Reference, ReferenceKind
from civitai_kit.services.download.download import DownloadOptions, DownloadParts, download
from civitai_kit.services.scan.scan import ScanParts, scan
from civitai_kit.services.upkeep.remembered import (
    entries_of,
    item_of_record,
    put_back,
    with_saved_answers,
)


def version_ids_of(words: Iterable[str]) -> tuple[int, ...]:
    """The version ids in `12345`, `v_12345` or comma-separated lists of them, each once; raises UsageError."""
    parts = (part.strip() for word in words for part in word.split(","))
    return tuple(dict.fromkeys(_version_id(part) for part in parts if part))


def plan_again(parts: ScanParts, version_ids: Iterable[int], selection: Selection, emit: Emit) -> Plan:
    """Plan to fetch these versions again: recorded files of those in the store, a scan for the others.

    `selection` applies to those that are scanned. A version that the site refuses is a row of `Plan.errors`; raises a
    SiteError when the site is out of reach.
    """
    items: dict[str, Item] = {}
    unknown: list[Reference] = []
    for version_id in version_ids:
        entry = parts.store.get(version_id)
        if entry is None or not entry.files:
            unknown.append(Reference(ReferenceKind.VERSION, version_id=version_id, text=f"v_{version_id}"))
        else:
            items.update({path_key(record.path): item_of_record(entry, record) for record in entry.files})
    remembered = len({item.version_id for item in items.values()})
    plan = scan(parts, ScanRequest(references=tuple(unknown), selection=selection), emit) if unknown else Plan(items=())
    return replace(plan, items=(*items.values(), *plan.items), named=plan.named + remembered)


def redownload(parts: DownloadParts, plan: Plan, options: DownloadOptions, emit: Emit) -> Report:
    """Carry out the plan, also where files are there; an old file stays until the new one is proved.

    When the new one does not come, store and disk stay as they were, and the store notes the reason.
    """
    before = entries_of(parts.store, plan.items)
    report = download(with_saved_answers(parts), plan, replace(options, fresh=True), emit)
    put_back(parts, before, report, lambda record: record.status is Status.DOWNLOADED)
    return report


def _version_id(text: str) -> int:
    digits = text.lower().removeprefix("v_")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and 0 < int(digits) <= LARGEST_ID):
        raise UsageError(
            f"{text!r} is no version id.",
            hint="A version's id is a number like 12345, or v_12345 as `civitai-kit db view` shows it.",
        )
    return int(digits)
