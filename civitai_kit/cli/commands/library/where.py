"""`civitai-kit library where`: where on the disks a model lies, by a hash or a part of a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import Exit, UsageError

DETAILS = """A hash is the beginning of any of a file's, six digits or more. A name is a part of the file's, the model's
or the version's. Looks through every library and through what was downloaded; nothing is read but the database."""


def run(call: Call) -> Outcome:
    """Look it up; exit code 4 when nothing is found."""
    from civitai_kit.services.library.look_up import places_of

    text = " ".join(call.arguments).strip()
    if not text:
        raise UsageError("Nothing says what to look for.", hint="`civitai-kit library where NAME`, or a hash.")
    call.load()
    with reading(call) as kit:
        rows = [place.as_row() for place in places_of(kit.library_parts, text)]
    if rows:
        return Outcome({"files": rows}, list(_lines(rows)))
    message = f"No file is known by {text!r}."
    errors = [
        {"code": "not_found", "message": message, "hint": "`civitai-kit library scan FOLDER` gets to know files."}
    ]
    return Outcome({"files": []}, [], errors, Exit.NOT_FOUND)


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.cli.output.tables import table

    cells = [
        [row["status"], str(row["version_id"] or ""), shown(row["model_name"] or "?"), shown(row["path"])]
        for row in rows
    ]
    yield from table(["FILE IS", "VERSION", "MODEL", "FILE"], cells, flexible=3)


COMMAND = Command(run, (), "HASH|NAME", DETAILS)
