"""`civitai-kit tags`: the site's tag names, those that begin with a text, or those that it features."""

from __future__ import annotations

import os
from pathlib import Path

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import TAGS
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome
from civitai_kit.cli.output.named_output import STDOUT
from civitai_kit.core.errors import NotWritable, UsageError

# The site has fewer than a million tags.
_LONGEST = 64 * 2**20

DETAILS = """With a QUERY the tags that begin with it; without one those that the site features. With --output only
names that are not in the file yet are appended to it."""


def run(call: Call) -> Outcome:
    """List the tags, or append the new ones to a file."""
    if len(call.arguments) > 1:
        raise UsageError("tags takes one QUERY.", hint="A tag with blanks stands in quotes.")
    loaded = call.load()

    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.core.amounts import counted
    from civitai_kit.kit.parts import open_kit

    output = call.typed.get("output")
    output = None if output == STDOUT else output
    known = _known(Path(output).expanduser()) if output is not None else frozenset()
    with (
        Progress(call.console) as progress,
        open_kit(loaded, progress, writing=False, command=call.command, stop=call.stop) as kit,
    ):
        rows = kit.site.tags(query=call.arguments[0] if call.arguments else None)
        names = list(dict.fromkeys(name for tag in rows if (name := (tag.name or "").strip())))
    if output is None:
        return Outcome({"tags": names}, [shown(name) for name in names])
    fresh = [shown(name) for name in names if shown(name) not in known]
    _append(Path(output).expanduser(), fresh)
    return Outcome(
        {"tags": names, "appended": len(fresh), "file": output},
        [f"{counted(len(names), 'tag')} listed, {len(fresh):,} new in {shown(output)}."],
    )


def _known(path: Path) -> frozenset[str]:
    """The names that a file has already, one a line; none for a pipe or a device."""
    from civitai_kit.files.input import read_input
    from civitai_kit.files.output import is_regular

    if path.is_dir():
        raise NotWritable(f"--output {path} is a folder.", hint="Name a file in a folder that exists.", path=str(path))
    if not is_regular(path):
        return frozenset()
    try:
        return frozenset(line.strip() for line in read_input(path, _LONGEST).decode("utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text in UTF-8"
        hint = "Name a file of tags, one a line, or one that is not there yet."
        raise UsageError(f"--output: {path} cannot be read: {why}.", hint=hint, path=str(path)) from error


def _append(path: Path, names: list[str]) -> None:
    """Append names, one a line, behind a last line that may lack its end."""
    if not names:
        return
    from civitai_kit.files.output import open_appending, writing_output

    text = "".join(f"{name}\n" for name in names)
    with writing_output(path), os.fdopen(open_appending(path), "ab") as file:
        file.write((text if _ends_a_line(path) else f"\n{text}").encode())


def _ends_a_line(path: Path) -> bool:
    """Whether what is appended begins a line, as it does in an empty file, a pipe or a device."""
    from civitai_kit.files.output import is_regular

    if not is_regular(path) or path.stat().st_size == 0:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


COMMAND = Command(run, TAGS, "QUERY", DETAILS)
