"""Files that are named on the command line, - for standard input: their text, and what each of their lines names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from civitai_kit.core.errors import UsageError
from civitai_kit.core.site.references import read_references
from civitai_kit.core.text_encoding import decoded
from civitai_kit.files.errors import OddFile
from civitai_kit.files.input import read_input
from civitai_kit.files.opening import read_bounded

T = TypeVar("T")
# A plan of a hundred thousand items has some 100 MB.
_LONGEST = 256 * 2**20


def text_of(file: str, flag: str, *, hint: str) -> str:
    """The text of the file that a flag names; raises UsageError with the hint where it cannot be read."""
    try:
        return _of_stdin() if file == "-" else decoded(read_input(file, _LONGEST))
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
        helps = error.hint if isinstance(error, OddFile) else hint
        raise UsageError(f"{flag}: {name_of(file)} {why}.", hint=helps, path=file) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{flag}: {name_of(file)} is not text in UTF-8 or UTF-16.", hint=hint, path=file) from error


def _of_stdin() -> str:
    """Standard input in whatever encoding it comes; a text stream in its place has only its text."""
    piped = getattr(sys.stdin, "buffer", None)
    return sys.stdin.read() if piped is None else decoded(read_bounded(os.dup(piped.fileno()), "-", _LONGEST))


def read_lines(file: str, read: Callable[[str], T], *, wanted: str, hint: str) -> Iterator[T]:
    """What `read` makes of each line of the file that --from-file names; its UsageError gets the line's number.

    `wanted` and `hint` say what is missing where there is no line: `names nothing to scan`.
    """
    lines = read_references(text_of(file, "--from-file", hint=f"Name a text file that is there. {hint}").splitlines())
    if not lines:
        raise UsageError(f"{name_of(file)} {wanted}.", hint=hint)
    for number, text in lines:
        try:
            yield read(text)
        except UsageError as error:
            raise UsageError(f"{name_of(file)}, line {number}: {error.message}", hint=error.hint) from error


def name_of(file: str) -> str:
    """How a file is named to people."""
    return "standard input" if file == "-" else file
