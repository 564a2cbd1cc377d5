"""`civitai-kit clean`: removes what cut-off work left under the save path."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DRY_RUN, Flag
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome

if TYPE_CHECKING:
    from civitai_kit.kit.ground import Ground
    from civitai_kit.services.upkeep.clean import CleanPlan, CleanReport, Leftover

DETAILS = """Temporary files (.tmp) under the save path go; part files, from which downloads go on, only with --parts;
what other tools left (.downloading, .incomplete, .aria2, .crdownload, part files without our journal) with --foreign.
Links are not followed, and the database is not touched."""

FLAGS = (
    Flag(("-t", "--torrents"), "", "", "remove *.torrent as well"),
    Flag(("-m", "--magnets"), "", "", "remove *-magnet.txt as well"),
    Flag(("--parts",), "", "", "remove part files and their journals as well; their downloads begin anew"),
    Flag(("--foreign",), "", "", "remove what other tools left as well"),
    DRY_RUN,
)


def run(call: Call) -> Outcome:
    """Look, show the plan, remove."""
    from civitai_kit.core.events import Event, Warned
    from civitai_kit.kit.ground import open_ground
    from civitai_kit.services.upkeep.clean import CleanOptions, CleanReport, clean, plan_clean

    loaded = call.load()
    dry_run = call.has("dry_run")
    options = CleanOptions(
        torrents=call.has("torrents"),
        magnets=call.has("magnets"),
        parts=call.has("parts"),
        foreign=call.has("foreign"),
    )

    def told(event: Event) -> None:
        if isinstance(event, Warned):
            call.console.warn(event.message, event.hint)

    with open_ground(loaded.settings, told, writing=not dry_run, command=call.command) as ground:
        plan = plan_clean(ground.disk, options, ground.places(), partial(_recorded, ground))
        if dry_run:
            report = CleanReport(removed=plan.to_remove, left=plan.left, dry_run=True)
        else:
            for line in _plan_lines(plan):
                call.console.tell(line)
            report = clean(ground.disk, plan, call.stop.is_set)
    lines = [*(_plan_lines(plan) if dry_run else []), *_closing(report)]
    return Outcome(report.as_json(), lines, [error.as_row() for error in report.errors], report.exit_code)


def _recorded(ground: Ground) -> list[str]:
    """The paths that the database records as downloaded, files and images."""
    from civitai_kit.core.collection.entry import Status

    with ground.store(_unheard, read_only=True) as store:
        files = [file.path for entry in store.entries() for file in entry.files if file.status is Status.DOWNLOADED]
        return files + [image.path for image in store.images() if image.path is not None]


def _unheard(event: object) -> None:
    """Which database it is, matters to no one here."""


def _plan_lines(plan: CleanPlan) -> list[str]:
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import shown_bytes

    if not plan.to_remove:
        return []
    rows = [[str(one.kind).replace("_", " "), shown_bytes(one.size), one.path] for one in plan.to_remove]
    return table(["KIND", "SIZE", "FILE"], rows, flexible=2, right=[1])


def _closing(report: CleanReport) -> list[str]:
    from civitai_kit.core.paths.our_names import ASKED_BY

    verb = "Would remove" if report.dry_run else "Removed"
    said = f"{verb} {_amount(report.removed)}." if report.removed else "Nothing to remove."
    by_flag: dict[str, list[Leftover]] = {}
    for leftover in report.left:
        by_flag.setdefault(ASKED_BY[leftover.kind][-1], []).append(leftover)
    words = {"parts": "of downloads to go on with", "foreign": "that other tools left, or parts without a journal"}
    return [said, *(f"Left {_amount(left)} {words[flag]} (--{flag})." for flag, left in by_flag.items())]


def _amount(leftovers: Iterable[Leftover]) -> str:
    from civitai_kit.core.amounts import counted, shown_bytes

    every = list(leftovers)
    return f"{counted(len(every), 'file')}, {shown_bytes(sum(one.size for one in every))}"


COMMAND = Command(run, FLAGS, details=DETAILS)
