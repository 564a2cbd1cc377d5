"""`civitai-kit scan`: phase one alone; asks the site, shows the plan, changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import PLAN_OUT, SELECTION, SELECTION_PANELS
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome, of_plan
from civitai_kit.cli.output.named_output import STDOUT, refuse_beside_json, save_plan

DETAILS = """A REF is a page of the site, a download URL, an AIR (urn:air:…) or a model's id. Without one the site's
listing is asked, with the criteria of flags and settings. Every list may be repeated or separated by commas."""


def run(call: Call) -> Outcome:
    """Scan and show the plan; save it where -o says."""
    from civitai_kit.cli.input.selection import request_of

    loaded = call.load()
    target = _target(call)
    request = request_of(call, loaded.settings)

    from civitai_kit.cli.output.errors import in_our_words
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.kit.parts import open_kit
    from civitai_kit.services.scan.scan import scan

    with (
        Progress(call.console) as progress,
        in_our_words(loaded.settings),
        open_kit(loaded, progress, writing=False, command=call.command, stop=call.stop) as kit,
    ):
        plan = scan(kit.scan_parts, request, progress)
        free = kit.disk.free()
    outcome = of_plan(plan, loaded.settings.save_path, free)
    if target is None:
        return outcome
    save_plan(call.console, plan, target)
    if target != STDOUT:
        return outcome
    for line in outcome.lines:
        call.console.tell(line)
    return replace(outcome, lines=())


def _target(call: Call) -> str | None:
    """Where the plan goes, looked at before the site is asked for anything."""
    output: str | None = call.typed.get("output")
    if output is None:
        return None
    refuse_beside_json(call.console, output, "the plan")
    if output == STDOUT:
        return output
    target = Path(output).expanduser()
    if target.is_dir() or not target.parent.is_dir():
        from civitai_kit.core.errors import NotWritable

        why = "is a folder" if target.is_dir() else "lies in a folder that is not there"
        raise NotWritable(f"-o {output} {why}.", hint="Name a file in a folder that exists.", path=output)
    return output


COMMAND = Command(run, (*SELECTION, PLAN_OUT), "REF", DETAILS, {**SELECTION_PANELS, "The plan": (PLAN_OUT,)})
