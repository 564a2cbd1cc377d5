"""`civitai-kit library sidecars`: what one program keeps beside model files, for another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DB_YES, DRY_RUN, Flag
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import CivitaiKitError, UsageError, exit_code_of

if TYPE_CHECKING:
    from civitai_kit.core.sidecars.merging import Format
    from civitai_kit.services.library.convert import Conversion

DETAILS = """The formats are civitai.info, a1111, lora-manager, stability-matrix and swarm. A sidecar that is there is
merged: what somebody wrote by hand, and what we do not know, stays; a broken one is left as it is. Nothing is asked of
the site. The plan is shown and a yes is asked for; --dry-run ends there. `library scan --sidecar` writes them from what
the site says."""


def run(call: Call) -> Outcome:
    """Plan, confirm, write."""
    from civitai_kit.core.amounts import counted
    from civitai_kit.services.library.convert import plan_conversion

    source, target = _format(call, "from_", "--from"), _format(call, "to", "--to")
    if source is target:
        raise UsageError("--from and --to name the same form.", hint="Name two of them.")
    if not call.arguments:
        raise UsageError("Nothing says where to look.", hint="Name files or folders with models.")
    call.load()
    roots = [Path(path).expanduser().absolute() for path in call.arguments]
    with reading(call) as kit:
        parts = kit.library_parts
        found = list(plan_conversion(parts, roots, source, target))
        lines = list(_lines(found))
        planned = [each for each in found if each.plan is not None]
        if call.has("dry_run") or not planned:
            return _outcome(found, [], lines, is_dry=call.has("dry_run"))
        for line in lines:
            call.console.tell(line)
        if not call.has("yes") and not call.console.ask(f"Write {counted(len(planned), 'sidecar')}?", flag="--yes"):
            return _outcome([], [], ["Nothing written."])
        written, errors = [], []
        for each in planned:
            assert each.plan is not None, "only plans are carried out"
            try:
                parts.beside.write_beside(each.plan.path, each.plan.content)
                written.append(each.plan.path)
            except CivitaiKitError as error:
                errors.append(error)
    return _outcome(found, written, [f"Wrote {counted(len(written), 'sidecar')}."], errors)


def _format(call: Call, name: str, flag: str) -> Format:
    from civitai_kit.core.sidecars.formats import FORMATS, format_named

    said = call.typed.get(name)
    if not said:
        raise UsageError(f"{flag} is missing.", hint=f"It takes one of {', '.join(FORMATS)}.")
    return format_named(str(said))


def _outcome(
    found: list[Conversion],
    written: list[str],
    lines: list[str],
    errors: list[CivitaiKitError] | None = None,
    *,
    is_dry: bool = False,
) -> Outcome:
    rows = [
        {"path": each.plan.path, "model": each.model, "status": "created" if each.plan.is_new else "merged"}
        for each in found
        if each.plan is not None and (is_dry or each.plan.path in written)
    ]
    failed = [each.error for each in found if each.error is not None] + (errors or [])
    code = exit_code_of([error.code for error in failed], succeeded=bool(rows))
    return Outcome({"sidecars": rows}, lines, [error.as_row() for error in failed], code)


def _lines(found: list[Conversion]) -> Iterator[str]:
    from civitai_kit.cli.output.safe_text import shown

    plans = [each.plan for each in found if each.plan is not None]
    yield from (f"{'new   ' if plan.is_new else 'merged'}  {shown(plan.path)}" for plan in plans)
    if not plans:
        yield "Nothing to write: no sidecar of that form says anything new."


COMMAND = Command(
    run,
    (
        Flag(("--from",), takes="FORMAT", meaning="the form to read"),
        Flag(("--to",), takes="FORMAT", meaning="the form to write"),
        DRY_RUN,
        DB_YES,
    ),
    "PATH",
    DETAILS,
)
