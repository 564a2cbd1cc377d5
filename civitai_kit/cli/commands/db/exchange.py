"""`civitai-kit db export` and `db import`: a collection as a file, out and in."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from civitai_kit.cli.commands.db.opening import reading, writing
from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import DiskFull, NotWritable, UsageError

if TYPE_CHECKING:
    from civitai_kit.core.collection.exchange import Exchanged
    from civitai_kit.services.exchange.exchange import ImportedFile

EXPORT_DETAILS = """The file holds everything that is remembered, one JSON object a line: entries with the site's saved
answers, then image records; - is stdout. On another machine `civitai-kit db import FILE` and then
`civitai-kit db verify --yes` rebuild the collection."""

# A line has some kilobytes: of Python's own buffer it takes several.
_BUFFER = 1 << 20

IMPORT_DETAILS = """What the file is, is told by its content; - is stdin. What is remembered already is kept where the
file says nothing newer; a line that is broken or unsafe is told and passed over. No file is fetched:
`civitai-kit db verify --yes` does that."""


def export(call: Call) -> Outcome:
    """Write everything to a file that appears when it is complete, or to stdout."""
    from civitai_kit.services.exchange import exchange

    name = _file(call)
    if name == "-" and call.console.as_json:
        raise UsageError("--json has stdout for itself.", hint="Name a file for the export.")
    with reading(call) as kit, _stdout() if name == "-" else _complete_file(Path(name).expanduser()) as file:
        made_at = kit.now().isoformat(timespec="seconds")
        done = exchange.export(kit.store, file.write, name=name, made_at=made_at)
    line = f"Exported {_amount(done)} to {name}."
    if name == "-":
        call.console.tell(line)
        return Outcome()
    return Outcome(done.as_json(), [line])


def import_(call: Call) -> Outcome:
    """Read a file into the database."""
    from civitai_kit.services.exchange.import_collection import import_file

    name = _file(call)
    with _source(name) as source:
        loaded = call.load()
        with writing(call, loaded) as (kit, _):
            done = import_file(kit.import_parts, source)
    return Outcome(done.as_json(), list(_lines(done)), done.rows, done.exit_code)


def _file(call: Call) -> str:
    if len(call.arguments) != 1:
        raise UsageError("One FILE is needed.", hint=f"`civitai-kit {call.command} FILE`, or - for a pipe.")
    return call.arguments[0]


def _lines(done: Exchanged) -> Iterator[str]:
    yield f"Imported {_amount(done)} from {done.file}."
    if done.reasons:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in done.reasons.items())
        yield f"Passed over {done.skipped:,}: {reasons}."
    if done.entries:
        yield "`civitai-kit db verify --yes` fetches the files that are not here yet."


def _amount(done: Exchanged) -> str:
    from civitai_kit.core.amounts import counted

    return f"{counted(done.entries, 'entry')} and {counted(done.images, 'image record')}"


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


@contextmanager
def _complete_file(target: Path) -> Iterator[BinaryIO]:
    """A file written beside its place and moved there when it is whole and synced, so that an old one is never lost."""
    beside = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        kind = DiskFull if error.errno == errno.ENOSPC else NotWritable
        hint = "Name a file in a folder that exists and can be written."
        raise kind(f"{target} cannot be written: {error.strerror}.", hint=hint, path=str(target)) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def _source(name: str) -> Iterator[ImportedFile]:
    from civitai_kit.services.exchange.exchange import HEAD_BYTES, ImportedFile

    path = None if name == "-" else Path(name).expanduser()
    with _opened(path, name) as stream:
        yield ImportedFile(name, stream.peek(HEAD_BYTES)[:HEAD_BYTES], cast(BinaryIO, stream), path)


def _opened(path: Path | None, name: str) -> io.BufferedReader:
    try:
        # A second descriptor: closing ours leaves stdin alone.
        file = path.open("rb", 0) if path is not None else os.fdopen(os.dup(sys.stdin.fileno()), "rb", 0)
        stream: io.BufferedReader = io.BufferedReader(file, _BUFFER)
        stream.peek(1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is closed"
        raise UsageError(f"{name}: it cannot be read: {why}.", hint="Name a file that is there.", path=name) from error
    return stream


EXPORT = Command(export, (), "FILE", EXPORT_DETAILS)
IMPORT = Command(import_, (), "FILE", IMPORT_DETAILS)
