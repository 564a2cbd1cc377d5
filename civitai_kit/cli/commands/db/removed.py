"""`civitai-kit db removed`: which recorded versions the site no longer has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import is_empty, writing
from civitai_kit.cli.output.console import Outcome

if TYPE_CHECKING:
    from civitai_kit.core.collection.absence import Absence

DETAILS = """A version is `gone` when the site no longer knows it, `archived` when its files are no longer given, and
`taken_down` when the site removed it. When it was last seen alive is remembered; files and saved answers stay."""


def run(call: Call) -> Outcome:
    """Ask about every recorded version and remember the answers."""
    from civitai_kit.core.collection.absence import Absence
    from civitai_kit.services.upkeep.removed import find_removed

    loaded = call.load()
    if is_empty(call, loaded):
        return _outcome(Absence())
    with writing(call, loaded) as (kit, progress):
        return _outcome(find_removed(kit.removed_parts, progress))


def _outcome(absence: Absence) -> Outcome:
    return Outcome(absence.as_json(), list(_lines(absence)))


def _lines(absence: Absence) -> Iterator[str]:
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import counted

    if absence.removed:
        rows = [
            [each.key, each.state, each.model_name, each.version_name, each.last_seen or "never"]
            for each in absence.removed
        ]
        yield from table(["KEY", "STATE", "MODEL", "VERSION", "LAST SEEN"], rows, flexible=2)
        yield ""
    yield f"Asked about {counted(absence.checked, 'version')}; the site no longer has {len(absence.removed):,}."


COMMAND = Command(run, details=DETAILS)
