"""`civitai-kit db stats`: what the collection adds up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome

if TYPE_CHECKING:
    from civitai_kit.core.collection.statistics import Statistics, Total

MOST_ROWS = 20


def run(call: Call) -> Outcome:
    """Counts and bytes, in all and by type, base model, status and creator."""
    from civitai_kit.core.collection.statistics import statistics

    with reading(call) as kit:
        found = statistics(kit.store.facts(), kit.store.count_images())
    return Outcome(found.as_json(), list(_lines(found)))


def _lines(found: Statistics) -> Iterator[str]:
    from civitai_kit.core.amounts import counted, shown_bytes

    images = f", {counted(found.images, 'image record')}" if found.images else ""
    yield f"{counted(found.entries, 'entry')}, {counted(found.files, 'file')}, {shown_bytes(found.bytes)}{images}"
    for title, groups in (
        ("BY TYPE", found.by_type),
        ("BY BASE MODEL", found.by_base_model),
        ("BY STATUS", found.by_status),
        ("BY CREATOR", found.by_creator),
    ):
        if groups:
            yield ""
            yield from _group_lines(title, groups)


def _group_lines(title: str, groups: Mapping[str, Total]) -> Iterator[str]:
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import shown_bytes

    ordered = sorted(groups.items(), key=lambda pair: (-pair[1].bytes, -pair[1].entries, pair[0]))
    rows = [[str(name), f"{total.entries:,}", shown_bytes(total.bytes)] for name, total in ordered[:MOST_ROWS]]
    yield from table([title, "ENTRIES", "SIZE"], rows, flexible=0, right=(1, 2))
    if len(ordered) > MOST_ROWS:
        yield f"… and {len(ordered) - MOST_ROWS:,} more"


COMMAND = Command(run)
