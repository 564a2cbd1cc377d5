"""`civitai-kit library clean`: what was made for model files that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DB_YES, DRY_RUN, LIBRARY_OUT
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import has_no_library, reading, writing
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import exit_code_of

if TYPE_CHECKING:
    from civitai_kit.services.library.clean import Cleaned, GoneModel

DETAILS = """Only what a scan made for one file goes: its metadata, previews and page. Models are never touched, nor is
anything that others put into the folder. Files at a place that is missing or empty may only be offline: they are left
alone. The plan is shown and a yes is asked for; --dry-run ends there."""


def run(call: Call) -> Outcome:
    """Plan, confirm, remove."""
    from civitai_kit.core.amounts import counted
    from civitai_kit.services.library.clean import Cleaned, clean_library, leftovers

    loaded = call.load()
    if call.has("dry_run"):
        with reading(call) as kit:
            plan = list(leftovers(kit.library_parts))
        paths = [path for left in plan for path in left.paths]
        data = {"removed": paths, "bytes": sum(left.size for left in plan), "dry_run": True}
        return Outcome(data, list(_lines(plan)))
    if has_no_library(call, loaded):
        return _outcome(Cleaned(), list(_lines([])))
    with writing(call, loaded) as (kit, progress):
        plan = list(leftovers(kit.library_parts))
        if not plan:
            return _outcome(Cleaned(), list(_lines([])))
        for line in _lines(plan):
            call.console.tell(line)
        done, said = Cleaned(), ["Nothing removed."]
        if call.has("yes") or progress.ask("Remove that?"):
            done = clean_library(kit.library_parts, plan, progress)
            said = [f"Removed {counted(len(done.removed), 'file')} of {counted(len(done.forgotten), 'model')} gone."]
    return _outcome(done, said)


def _outcome(done: Cleaned, said: list[str]) -> Outcome:
    data = {"removed": done.removed, "bytes": done.size, "forgotten": done.forgotten}
    code = exit_code_of([error.code for error in done.errors], succeeded=bool(done.removed))
    return Outcome(data, said, [error.as_row() for error in done.errors], code)


def _lines(plan: list[GoneModel]) -> Iterator[str]:
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.core.amounts import counted, shown_bytes

    if not plan:
        yield "Nothing to remove."
        return
    for left in plan:
        yield f"{shown(left.file.path)} is gone: {counted(len(left.paths), 'file')} in {shown(left.file.folder)}"
    size = sum(left.size for left in plan)
    yield f"{counted(len(plan), 'model')} gone; {shown_bytes(size)} were made for them."


COMMAND = Command(run, (LIBRARY_OUT, DRY_RUN, DB_YES), details=DETAILS)
