"""`civitai-kit library missing`: the files of a library that the site does not have, or no longer has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import LIBRARY_OUT
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome

if TYPE_CHECKING:
    from civitai_kit.core.library.model_file import LibraryFile, Whereabouts
    from civitai_kit.services.library.ports import LibraryParts

DETAILS = """As the last scan heard it; `library scan --only-update` asks again. What was kept of a removed model stays.
`unreachable` files lie at a place that is missing or empty now, such as a drive that is not plugged in."""


def run(call: Call) -> Outcome:
    """List what is missing."""
    from civitai_kit.core.library.lists import is_missing

    call.load()
    with reading(call) as kit:
        parts = kit.library_parts
        found = [(file, parts.whereabouts(file)) for file in parts.files() if is_missing(file)]
        rows = [_row(parts, file, where) for file, where in found]
    return Outcome({"files": rows}, list(_lines(rows)))


def _row(parts: LibraryParts, file: LibraryFile, where: Whereabouts) -> dict[str, Any]:
    return {
        "path": parts.relative(file.path) or file.path,
        "sha256": file.sha256,
        "status": str(where),
        "model_id": file.model_id,
        "version_id": file.version_id,
        "site_state": file.site_state or "unknown",
        "last_seen": file.last_seen,
        "missing_since": file.missing_since,
    }


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import counted

    if rows:
        cells = [
            [row["site_state"], (row["last_seen"] or "never")[:10], row["status"], shown(row["path"])] for row in rows
        ]
        yield from table(["SITE", "LAST SEEN", "FILE IS", "FILE"], cells, flexible=3)
        yield ""
    yield f"The site does not have {counted(len(rows), 'file')} of this library."


COMMAND = Command(run, (LIBRARY_OUT,), details=DETAILS)
