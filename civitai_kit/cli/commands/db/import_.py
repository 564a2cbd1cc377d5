"""`civitai-kit db import`: what a file remembers, read into the database."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from civitai_kit.cli.commands.db.export import amount
from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.opening import writing
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import UsageError
from civitai_kit.files.errors import OddFile
from civitai_kit.files.input import open_input
from civitai_kit.files.output import is_regular

if TYPE_CHECKING:
    from civitai_kit.core.collection.exchange import Exchanged
    from civitai_kit.services.exchange.exchange import ImportedFile

# A line has some kilobytes; Python's own buffer would have to be filled several times for one.
_BUFFER = 1 << 20

DETAILS = """What the file is, is told by its content; - is stdin. What is remembered already is kept where the
file says nothing newer; a line that is broken or unsafe is told and passed over. No file is fetched:
`civitai-kit db verify --yes` does that."""


def run(call: Call) -> Outcome:
    """Read a file into the database."""
    from civitai_kit.services.exchange.import_collection import import_file

    name = call.one_file()
    with _source(name) as source:
        loaded = call.load()
        with writing(call, loaded) as (kit, _):
            done = import_file(kit.import_parts, source)
    return Outcome(done.as_json(), list(_lines(done)), done.rows, done.exit_code)


def _lines(done: Exchanged) -> Iterator[str]:
    yield f"Imported {amount(done)} from {done.file}."
    if done.reasons:
        reasons = ", ".join(f"{number:,} {reason.replace('_', ' ')}" for reason, number in done.reasons.items())
        yield f"Passed over {done.skipped:,}: {reasons}."
    if done.entries:
        yield "`civitai-kit db verify --yes` fetches the files that are not here yet."


@contextmanager
def _source(name: str) -> Iterator[ImportedFile]:
    from civitai_kit.services.exchange.exchange import HEAD_BYTES, ImportedFile

    with _opened(name) as stream:
        path = Path(name).expanduser() if name != "-" and is_regular(name) else None
        yield ImportedFile(name, stream.peek(HEAD_BYTES)[:HEAD_BYTES], cast(BinaryIO, stream), path)


def _opened(name: str) -> io.BufferedReader:
    try:
        # A second descriptor: closing ours leaves stdin alone.
        descriptor = open_input(name) if name != "-" else os.dup(sys.stdin.fileno())
        stream: io.BufferedReader = io.BufferedReader(io.FileIO(descriptor), _BUFFER)
        stream.peek(1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is closed"
        hint = error.hint if isinstance(error, OddFile) else "Name a file that is there."
        raise UsageError(f"{name}: it cannot be read: {why}.", hint=hint, path=name) from error
    return stream


COMMAND = Command(run, (), "FILE", DETAILS)
