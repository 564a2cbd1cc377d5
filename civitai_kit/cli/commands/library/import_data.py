"""`civitai-kit library import-data`: takes over what the data manager kept."""

from __future__ import annotations

from pathlib import Path

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import LIBRARY_OUT
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import writing
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import UsageError, exit_code_of

DETAILS = """DIR is the folder that the data manager wrote to, with one folder for each model, named by its older rules
or its newer ones. Answers of the site, metadata and previews are copied; errors that stand in the place of answers are
left behind. DIR stays as it is. The next `library scan` finds the models by their hashes and goes on with this."""


def run(call: Call) -> Outcome:
    """Copy what is of use."""
    from civitai_kit.core.amounts import counted
    from civitai_kit.disk.folder import Folder
    from civitai_kit.services.library.import_data import import_data

    if len(call.arguments) != 1:
        raise UsageError("import-data takes one DIR.", hint="Name the folder that the data manager wrote to.")
    loaded = call.load()
    source = Path(call.arguments[0]).expanduser().absolute()
    if not source.is_dir():
        raise UsageError(f"{source} is no folder.", hint="Name the folder that the data manager wrote to.")
    with writing(call, loaded) as (kit, progress):
        taken = import_data(kit.library_parts, Folder(source), progress)
    known = sum(file.version_id is not None for file in taken.files)
    line = f"Took over {counted(len(taken.files), 'model')}, {known:,} of them known to the site"
    passed = f"; {taken.passed:,} were here already" if taken.passed else ""
    data = {"files": [file.path for file in taken.files], "saved": taken.saved, "passed": taken.passed}
    code = exit_code_of([error.code for error in taken.errors], succeeded=bool(taken.files))
    return Outcome(data, [f"{line}{passed}."], [error.as_row() for error in taken.errors], code)


COMMAND = Command(run, (LIBRARY_OUT,), "DIR", DETAILS)
