"""`civitai-kit db search`: entries by what is in their names, or with --images the records of images."""

from __future__ import annotations

from civitai_kit.cli.commands.db.view import filter_of, order_of, shown_entries, shown_images
from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DB_VIEW
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import reading
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import UsageError

DETAILS = """Looks for the words, as one text, in the names of models and versions; upper and lower case are the same
in every script. With --images it looks at what images were asked for by, their creators, checkpoints, tags, paths."""


def run(call: Call) -> Outcome:
    """Search, filter, sort, show."""
    text = " ".join(call.arguments).strip()
    if not text:
        raise UsageError("Nothing says what to look for.", hint="`civitai-kit db search TEXT`; `db view` lists all.")
    if call.has("images"):
        return shown_images(call, text)
    wanted, order = filter_of(call), order_of(call)
    with reading(call) as kit:
        return shown_entries(call, filter(wanted, kit.store.search(text)), order)


COMMAND = Command(run, DB_VIEW, "QUERY", DETAILS)
