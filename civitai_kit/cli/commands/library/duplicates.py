"""`civitai-kit library duplicates`: equal model files, what they cost, and links in their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import DB_YES, LIBRARY_OUT, Flag
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import has_no_library, writing
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import exit_code_of

if TYPE_CHECKING:
    from civitai_kit.core.library.duplicates import Group
    from civitai_kit.services.library.duplicates import Linked

DETAILS = """Files count as they were last scanned; one that was touched since is left out until the next scan. The
file that was known first stays as it is. With --link the plan is shown and a yes is asked for; then each other file is
compared byte by byte and becomes a clone (where the file system makes them) or a hard link: whoever edits one hard
link edits both. duplicate_models.txt in the library lists them."""


def run(call: Call) -> Outcome:
    """Find, and with --link replace."""
    from civitai_kit.core.amounts import counted, shown_bytes
    from civitai_kit.services.library.duplicates import Linked, find_duplicates, link_duplicates, write_list

    linked = Linked((), 0, ())
    closing: list[str] = []
    loaded = call.load()
    if has_no_library(call, loaded):
        return _outcome([], linked, list(_lines([])))
    with writing(call, loaded) as (kit, progress):
        parts = kit.library_parts
        groups = find_duplicates(parts)
        if groups and call.has("link"):
            for line in _lines(groups):
                call.console.tell(line)
            saved = sum(group.saved for group in groups)
            others = sum(len(group.others) for group in groups)
            if call.has("yes") or progress.ask(f"Link {counted(others, 'file')}, to save {shown_bytes(saved)}?"):
                linked = link_duplicates(parts, groups)
                closing = [f"Linked {counted(len(linked.paths), 'file')}; {shown_bytes(linked.bytes)} are free."]
            else:
                closing = ["Nothing linked."]
        write_list(parts, find_duplicates(parts) if linked.paths else groups, progress)
    return _outcome(groups, linked, closing or list(_lines(groups)))


def _outcome(groups: list[Group], linked: Linked, lines: list[str]) -> Outcome:
    data = {
        "groups": [group.as_row() for group in groups],
        "linked": list(linked.paths),
        "bytes": linked.bytes,
        "saved": sum(group.saved for group in groups),
    }
    code = exit_code_of([error.code for error in linked.errors], succeeded=bool(linked.paths))
    return Outcome(data, lines, [error.as_row() for error in linked.errors], code)


def _lines(groups: list[Group]) -> Iterator[str]:
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.core.amounts import counted, shown_bytes

    for group in groups:
        yield f"{group.sha256[:12]}  {shown_bytes(group.size)} each"
        yield f"  stays  {shown(group.kept)}"
        yield from (f"  equal  {shown(path)}" for path in group.others)
    saved = sum(group.saved for group in groups)
    if not groups:
        yield "No model is here twice."
        return
    yield f"{counted(len(groups), 'model')} twice or more; links in their place would save {shown_bytes(saved)}."


COMMAND = Command(
    run,
    (LIBRARY_OUT, Flag(("--link",), meaning="put links in the place of the others, after a question"), DB_YES),
    details=DETAILS,
)
