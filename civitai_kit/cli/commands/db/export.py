"""`civitai-kit db export`: everything that is remembered, as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome
from civitai_kit.cli.output.named_output import STDOUT, named_output, refuse_beside_json

if TYPE_CHECKING:
    from civitai_kit.core.collection.exchange import Exchanged

DETAILS = """The file holds everything that is remembered, one JSON object a line: entries with the site's saved
answers, then image records; - is stdout. On another machine `civitai-kit db import FILE` and then
`civitai-kit db verify --yes` rebuild the collection."""


def run(call: Call) -> Outcome:
    """Write everything to a file that appears when it is complete, or to stdout."""
    from civitai_kit.services.exchange.exchange import export

    name = call.one_file()
    refuse_beside_json(call.console, name, "the export")
    with reading(call) as kit, named_output(name) as file:
        made_at = kit.now().isoformat(timespec="seconds")
        done = export(kit.store, file.write, name=name, made_at=made_at)
    line = f"Exported {amount(done)} to {name}."
    if name == STDOUT:
        call.console.tell(line)
        return Outcome()
    return Outcome(done.as_json(), [line])


def amount(done: Exchanged) -> str:
    """How much was written or read: `3 entries and 1 image record`."""
    from civitai_kit.core.amounts import counted

    return f"{counted(done.entries, 'entry')} and {counted(done.images, 'image record')}"


COMMAND = Command(run, (), "FILE", DETAILS)
