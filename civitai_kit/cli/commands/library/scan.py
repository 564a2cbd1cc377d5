"""`civitai-kit library scan`: what the model files at some places are, and what the site says of them, kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import LIBRARY_OUT, LIBRARY_SCAN, SIDECARS
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import writing
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.core.library.report import LibraryReport, ScannedFile
    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.services.library.scan import LibraryOptions

# More threads than that wait for the disk.
_MOST_THREADS = 8
_PREVIEWS = {"first": 1, "all": None, "none": 0}
# As many rows as a person reads; --json has them all.
_MOST_ROWS = 40

DETAILS = """PATH is a file or folder, as many as you like: .safetensors, .sft, .ckpt, .pt, .pth, .bin, .gguf, .onnx and
.zip files are read once and looked up on the site by their hashes, whatever their names are. What the site and the
files themselves say is kept in the library's folder, also when a model is removed later. The files stay where they
are; the database remembers them, so that no download fetches them again. A file found by a weaker hash says so.
Without a network everything that needs none is done (exit code 5)."""


def run(call: Call) -> Outcome:
    """Identify, keep, adopt."""
    if not call.arguments:
        raise UsageError(
            "Nothing says where to look.", hint="`civitai-kit library scan FOLDER` looks through a folder."
        )
    loaded = call.load()
    options = _options(call, loaded.settings)

    from civitai_kit.files.spelling import plain_path
    from civitai_kit.services.library.roots import refuse_where_nothing_is
    from civitai_kit.services.library.scan import scan_library

    roots = [plain_path(path) for path in call.arguments]
    refuse_where_nothing_is(roots)
    with writing(call, loaded) as (kit, progress):
        report = scan_library(kit.library_parts, roots, options, progress)
        output = kit.library_parts.output
    return Outcome(report.as_json(), list(_lines(report, output)), _rows(call, report), report.exit_code)


def _options(call: Call, settings: Settings) -> LibraryOptions:
    from civitai_kit.core.sidecars.formats import format_named
    from civitai_kit.machine import cores
    from civitai_kit.services.library.asking import Asking
    from civitai_kit.services.library.scan import LibraryOptions

    ours = settings.library
    if ours.only_new and ours.only_update:
        raise UsageError("--only-new and --only-update leave nothing to look at.", hint="Type one of them.")
    asking = Asking(
        refresh=call.has("refresh") or ours.only_update,
        skip_missing=ours.skip_missing,
        thorough=call.has("thorough"),
    )
    return LibraryOptions(
        asking=asking,
        previews=_PREVIEWS[ours.images],
        sidecars=tuple(format_named(name) for name in ours.sidecars),
        only_new=ours.only_new,
        only_update=ours.only_update,
        threads=min(_MOST_THREADS, cores()),
        slots=settings.concurrency,
    )


def _rows(call: Call, report: LibraryReport) -> list[dict[str, object]]:
    """All errors for a program; for a person those of files stand in the table, and one sentence tells of them."""
    if call.console.as_json or len(report.error_rows()) <= 3:
        return report.error_rows()
    alone = report.files_alone()
    rows: list[dict[str, object]] = [error.as_row() for error in (*report.errors, *report.previews[:1])]
    if alone:
        code = str(alone[0][1].code)
        rows.append({"code": code, "message": f"{len(alone):,} files have an error; each stands above."})
    return rows


def _lines(report: LibraryReport, output: Path) -> Iterator[str]:
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import counted
    from civitai_kit.core.library.report import FileStatus

    news = [file for file in report.files if file.status is not FileStatus.UNCHANGED]
    if news:
        yield from table(
            ["STATUS", "VERSION", "FOUND BY", "FILE"], [_cells(file) for file in news[:_MOST_ROWS]], flexible=3
        )
        if len(news) > _MOST_ROWS:
            yield f"… and {len(news) - _MOST_ROWS:,} more; --json has them all."
        yield ""
    counts = ", ".join(_counted(status, number) for status, number in report.counts.items() if number)
    yield f"Looked at {counted(len(report.files), 'file')}{f': {counts}' if counts else ''}."
    if report.sidecars:
        yield f"Saved {counted(len(report.sidecars), 'file')} beside them."
    if report.files:
        yield f"The library is in {output}."


def _counted(status: str, number: int) -> str:
    from civitai_kit.core.amounts import counted
    from civitai_kit.core.library.report import FileStatus

    return counted(number, "error") if status == FileStatus.ERROR else f"{number:,} {status}"


def _cells(file: ScannedFile) -> list[str]:
    from civitai_kit.cli.output.safe_text import shown

    known = file.file if file.file is not None and file.file.version_id is not None else None
    by = str(known.matched_by) if known is not None and known.matched_by else ""
    gone = f" ({known.site_state})" if known is not None and known.site_state else ""
    return [f"{file.status}{gone}", str(known.version_id) if known is not None else "", by, shown(file.path)]


COMMAND = Command(run, (LIBRARY_OUT, *LIBRARY_SCAN, SIDECARS), "PATH", DETAILS)
