"""`civitai-kit library update`: newer versions of the models that one has, saved as a plan if wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import LIBRARY_OUT, Flag
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome
from civitai_kit.cli.output.named_output import STDOUT, refuse_beside_json, save_plan
from civitai_kit.core.errors import exit_code_of

if TYPE_CHECKING:
    from civitai_kit.services.library.updates import Updates

DETAILS = """Every model of which a file is here is asked for, a hundred a request; a newer version counts when it is of
the same base model as one that is here, or of any with --any-base. Early-access and paid versions are left out unless
--early-access says otherwise. --plan saves the list for `civitai-kit download --plan`; nothing else is written."""


def run(call: Call) -> Outcome:
    """Ask, compare, show."""
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.kit.parts import open_kit
    from civitai_kit.services.library.updates import UpdateOptions, find_updates

    target = call.typed.get("plan")
    if target is not None:
        refuse_beside_json(call.console, target, "the plan")
    loaded = call.load()
    options = UpdateOptions(any_base=call.has("any_base"), early_access=loaded.settings.early_access)
    with (
        Progress(call.console) as progress,
        open_kit(loaded, progress, writing=False, command=call.command, stop=call.stop) as kit,
    ):
        found = find_updates(kit.library_parts, kit.scan_parts, options, progress)
    lines = list(_lines(found))
    if target is not None:
        save_plan(call.console, found.plan, target)
    if target == STDOUT:
        for line in lines:
            call.console.tell(line)
        lines = []
    code = exit_code_of([error.code for error in found.errors], succeeded=bool(found.found))
    data = {"updates": [update.as_row() for update in found.found], "checked": found.checked}
    return Outcome(data, lines, [error.as_row() for error in found.errors], code)


def _lines(found: Updates) -> Iterator[str]:
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import counted, shown_bytes

    if found.found:
        cells = [
            [
                shown(update.item.model_name),
                shown(update.item.version_name),
                shown(update.item.base_model),
                shown_bytes(update.item.size or 0),
                str(update.owned_version_id),
                str(update.item.version_id),
            ]
            for update in found.found
        ]
        yield from table(["MODEL", "NEW VERSION", "BASE MODEL", "SIZE", "HERE", "NEW"], cells, flexible=0)
        yield ""
    newer = len({update.item.version_id for update in found.found})
    yield f"Asked about {counted(found.checked, 'model')}; {counted(newer, 'newer version')}."


COMMAND = Command(
    run,
    (
        LIBRARY_OUT,
        Flag(("--any-base",), meaning="newer versions of any base model, not only of those that are here"),
        Flag(("--early-access",), "early_access"),
        Flag(("--plan",), takes="FILE", meaning="save the list as a plan for `download --plan`"),
    ),
    details=DETAILS,
)
