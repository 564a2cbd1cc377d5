"""`civitai-kit download`: scan or read a plan, confirm, download, report."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DOWNLOAD, SELECTION, SELECTION_PANELS
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome, of_plan, of_report
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.core.events import Emit
    from civitai_kit.core.plans.plan import Plan
    from civitai_kit.core.plans.report import Report
    from civitai_kit.core.plans.selection import ScanRequest
    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.kit.parts import Kit
    from civitai_kit.services.download.download import DownloadOptions

DETAILS = """What a REF is, `civitai-kit scan --help` says. The plan is shown and a yes is asked for before anything is
written; an interrupted download goes on where it stopped when the same command is given again."""


def run(call: Call) -> Outcome:
    """Plan, confirm, download."""
    text = _text_of_plan(call)
    loaded = call.load()
    settings = loaded.settings
    ready = None if text is None else _plan_of(call, text, settings)
    request = None if ready else _request(call, settings)

    from civitai_kit.cli.output.errors import in_our_words
    from civitai_kit.cli.output.plan_view import plan_lines
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.kit.parts import open_answers, open_kit

    with Progress(call.console) as progress, open_answers() as answers:
        # Until the yes nothing is opened for writing, so that a no leaves no trace.
        with (
            in_our_words(settings),
            open_kit(loaded, progress, writing=False, command=call.command, stop=call.stop, answers=answers) as kit,
        ):
            plan = ready or _scanned(kit, request, progress)
            free = kit.disk.free()
        if (outcome := _without_work(call, plan, free, settings)) is not None:
            return outcome
        # Skips are told once: before a question, so that the answer can heed them, else with what came of it.
        asks = not settings.skip_confirmation and not settings.meta_only
        lines = plan_lines(plan if asks else replace(plan, skips=()), settings.save_path, free)
        if not settings.meta_only and not _agreed(call, plan, lines, settings, progress):
            return Outcome(_nothing(plan).as_json(), ["Nothing downloaded."])
        with open_kit(loaded, progress, writing=True, command=call.command, stop=call.stop, answers=answers) as kit:
            report = _carried_out(kit, plan, settings, progress)
        told = plan.skips if asks and call.console.shows_all else ()
        return of_report(report, kept=progress.state.kept_bytes, told=told)


def _without_work(call: Call, plan: Plan, free: int | None, settings: Settings) -> Outcome | None:
    """The outcome where the plan is all that was asked for, or asks for nothing."""
    if call.has("dry_run"):
        return of_plan(plan, settings.save_path, free)
    return None if _has_work(plan, _options(settings)) else of_report(_nothing(plan))


def _agreed(call: Call, plan: Plan, lines: list[str], settings: Settings, progress: Progress) -> bool:
    if not (settings.skip_confirmation and call.console.as_json):
        for line in lines:
            call.console.tell(line)
    return settings.skip_confirmation or progress.ask(f"Download {_amount(plan)}?")


def _text_of_plan(call: Call) -> str | None:
    """What the file holds that --plan names; it goes with no REF and no filter."""
    name = call.typed.get("plan")
    if name is None:
        return None
    from civitai_kit.cli.input.files import text_of
    from civitai_kit.cli.input.selection import filters_typed

    beside = filters_typed(call)
    if beside:
        raise UsageError(f"--plan goes with no REF and no filter; there is {beside[0]}.", hint="Edit the plan instead.")
    return text_of(name, "--plan", hint="`civitai-kit scan -o` makes a plan.")


def _plan_of(call: Call, text: str, settings: Settings) -> Plan:
    from civitai_kit.cli.input.files import name_of
    from civitai_kit.core.plans.plan_file import read_plan
    from civitai_kit.kit.ground import Ground

    return read_plan(text, name_of(call.typed["plan"]), Ground(settings, call.command).places())


def _request(call: Call, settings: Settings) -> ScanRequest:
    from civitai_kit.cli.input.selection import request_of

    return request_of(call, settings)


def _scanned(kit: Kit, request: ScanRequest | None, progress: Emit) -> Plan:
    from civitai_kit.services.scan.scan import scan

    assert request is not None, "there is a plan file or a request"
    return scan(kit.scan_parts, request, progress)


def _carried_out(kit: Kit, plan: Plan, settings: Settings, progress: Emit) -> Report:
    from civitai_kit.services.download.download import download, save_metadata

    service = save_metadata if settings.meta_only else download
    return service(kit.download_parts, plan, _options(settings), progress)


def _nothing(plan: Plan) -> Report:
    """The report of a run that had nothing to do, or was told not to."""
    from civitai_kit.core.plans.report import Report

    return Report(skipped=plan.skips, errors=plan.errors, named=plan.named)


def _has_work(plan: Plan, options: DownloadOptions) -> bool:
    """Whether there is something to fetch, or something to save beside what is there."""
    from civitai_kit.core.plans.plan import Reason

    beside = (options.metadata, options.model_info, options.version_images, options.model_images, options.sidecars)
    return bool(plan.items) or (any(beside) and any(skip.reason is Reason.HAVE for skip in plan.skips))


def _amount(plan: Plan) -> str:
    from civitai_kit.core.amounts import counted, shown_bytes

    if not plan.items:
        return "what is wanted beside the files that are there"
    return f"{counted(len(plan.items), 'file')}, {shown_bytes(plan.total_size)}"


def _options(settings: Settings) -> DownloadOptions:
    from civitai_kit.kit.download_options import download_options

    options = download_options(settings)
    return replace(options, metadata=options.metadata or settings.meta_only)


COMMAND = Command(run, (*SELECTION, *DOWNLOAD), "REF", DETAILS, {**SELECTION_PANELS, "The download": DOWNLOAD})
