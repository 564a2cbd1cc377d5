"""Where words go: results to stdout, as text or as one JSON object; everything else that is said to stderr."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from civitai_kit.cli.output.safe_text import shown
from civitai_kit.core.errors import CivitaiKitError, Code, Exit, UsageError
from civitai_kit.core.overlong import cut_in_the_middle
from civitai_kit.core.url_keys import without_keys

if TYPE_CHECKING:
    from civitai_kit.core.plans.plan import Plan, Skip
    from civitai_kit.core.plans.report import Report

SCHEMA = 1
SHOW_CURSOR = "\x1b[?25h"
# Errors that a person is shown one by one; a program gets all.
MOST_ERRORS = 20
# So many rows are written at once while they come.
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command comes to: `data` and `errors` for a program, `lines` (cleaned already) for a person.

    `untold` are the errors that the lines do not tell a person already; None for all.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    errors: Sequence[Mapping[str, Any]] = ()
    exit_code: int = Exit.DONE
    untold: Sequence[Mapping[str, Any]] | None = None


class Display(Protocol):
    """Something live at the bottom of the terminal, above which lines are printed."""

    def above(self, line: str) -> None:
        """Print a line above it."""


class Console:
    """Says everything once and in the right place; goes on working when its reader has gone away."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, color: bool | None = None) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.color = _wants_color() if color is None else color
        self.display: Display | None = None
        self.asking = False
        self._answered = False
        self._streaming = False
        self._lost: OSError | None = None
        self._lock = threading.RLock()
        _let_any_letter_through()

    @property
    def is_terminal(self) -> bool:
        """Whether what is said is read live, by a person."""
        return _is_terminal(sys.stderr)

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer a question."""
        return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)

    @property
    def shows_all(self) -> bool:
        """Whether one person reads live both what is said and what comes of it."""
        return self.is_terminal and _is_terminal(sys.stdout) and not self.quiet

    def tell(self, line: str) -> None:
        """Say one line on stderr, unless we are to be quiet; the line is cleaned already."""
        if not self.quiet:
            self._say(line)

    def warn(self, message: str, hint: str | None = None) -> None:
        """Say that something is not as it should be."""
        said = without_keys(message if hint is None else f"{message} {hint}")
        first, *rest = self._lines("warning: " + shown(said))
        self.tell(self.paint("warning: ", "33") + first.removeprefix("warning: "))
        for line in rest:
            self.tell(line)

    def show(self, command: str, outcome: Outcome) -> None:
        """Print what a command came to: once, whatever happens; errors for people go to stderr."""
        with self._lock:
            if self._answered:
                return
            self._answered = True
        if self._streaming:
            rest = {"exit_code": outcome.exit_code, "errors": _helped(outcome.errors)}
            self._print(f"]}}, {_dumped(rest)[1:]}\n")
            return
        if self.as_json:
            self._print(_envelope(command, outcome, _helped(outcome.errors)))
            return
        if outcome.lines:
            self._print("".join(f"{line}\n" for line in outcome.lines))
        self._complain_of(_helped(outcome.errors if outcome.untold is None else outcome.untold))

    def exit_code(self, outcome: Outcome) -> int:
        """The code to end with: results that could not be written are no success, unless a reader has left.

        To be asked when all is shown; says on stderr what was in the way.
        """
        if self._lost is None:
            return outcome.exit_code
        from civitai_kit.files.output import not_written

        error = not_written(self._lost, "standard output", hint="Make room, or send it elsewhere.")
        self.complain(error.as_row())
        return outcome.exit_code if outcome.exit_code == Exit.INTERRUPTED else error.exit_code

    def stream(self, command: str, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Print `data[name]` row by row for a program; `show` ends the object, whatever became of the command."""
        rest = iter(rows)
        while batch := list(islice(rest, _BATCH)):
            head = f'{{"schema": {SCHEMA}, "command": {_dumped(command)}, "data": {{{_dumped(name)}: ['
            before = ", " if self._streaming else head
            self._streaming = True
            if not self._print(before + _dumped(batch)[1:-1]):
                return

    def stream_lines(self, lines: Iterable[str]) -> None:
        """Print lines for a person as they come; they are cleaned already."""
        rest = iter(lines)
        while batch := list(islice(rest, _BATCH)):
            if not self._print("".join(f"{line}\n" for line in batch)):
                return

    def last_words(self, command: str, outcome: Outcome) -> None:
        """Answer before the process ends at once, and give back the cursor that a live display had hidden."""
        if self.display is not None:
            self.display = None
            _write(sys.stderr, f"\n{SHOW_CURSOR}")
        self.show(command, outcome)

    def complain(self, row: Mapping[str, Any]) -> None:
        """Say one error on stderr, and how to help."""
        self._complain_of([row])

    def _complain_of(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Say errors, those of one cause together and each remedy once; not more than a person reads."""
        if not rows:
            return
        from civitai_kit.cli.output.errors import causes_of

        causes = causes_of(rows)
        for cause in causes[:MOST_ERRORS]:
            first, *rest = self._lines(f"error: {cause.sentence}")
            self._say(self.paint("error: ", "31;1") + first.removeprefix("error: "))
            for line in [*rest, *(each for more in cause.more for each in self._lines(f"       {more}"))]:
                self._say(line)
        left = sum(cause.rows for cause in causes[MOST_ERRORS:])
        if left:
            self._say(f"       … and {left:,} more; --json lists them all.")

    def _lines(self, sentence: str) -> list[str]:
        """A sentence broken between words where a person reads it, on one line elsewhere; cut where it is too long."""
        sentence = cut_in_the_middle(sentence)
        if not self.is_terminal:
            return [sentence]
        from civitai_kit.cli.output.tables import wrapped

        return wrapped(sentence, room=shutil.get_terminal_size().columns, indent="       ")

    def ask(self, question: str, *, flag: str) -> bool:
        """A question with yes or no, no by default; `flag` is what to type instead where nobody can answer."""
        if not self.can_ask:
            raise UsageError(f"{question} Nobody is here to say yes.", hint=f"Add {flag} to say it beforehand.")
        self.asking = True
        try:
            _write(sys.stderr, f"{question} [y/N] ")
            return sys.stdin.readline().strip().casefold() in ("y", "yes")
        except KeyboardInterrupt:
            _write(sys.stderr, "\n")
            raise
        finally:
            self.asking = False

    def paint(self, text: str, style: str) -> str:
        """The text in a style of the terminal's, or plain."""
        return f"\x1b[{style}m{text}\x1b[0m" if self.color else text

    def _print(self, text: str) -> bool:
        """Write results; says whether somebody reads on."""
        error = _write(sys.stdout, text)
        if error is not None and not _reader_left(error):
            self._lost = self._lost or error
        return error is None

    def _say(self, line: str) -> None:
        display = self.display
        if display is not None:
            display.above(line)
        else:
            _write(sys.stderr, f"{line}\n")


def of_error(error: CivitaiKitError) -> Outcome:
    """The outcome of a command that failed as a whole."""
    return Outcome(errors=[error.as_row()], exit_code=error.exit_code)


def of_plan(plan: Plan, save_path: str, free: int | None) -> Outcome:
    """The outcome of a scan; `free` are the bytes free for the save path, None when unknown."""
    from civitai_kit.cli.output.plan_view import plan_lines

    errors = [error.as_row() for error in plan.errors]
    return Outcome({**plan.as_json(), "free": free}, plan_lines(plan, save_path, free), errors, plan.exit_code)


def of_report(report: Report, *, kept: int = 0, told: Iterable[Skip] = ()) -> Outcome:
    """The outcome of a download; `kept` and `told` are those of `report_lines`."""
    from civitai_kit.cli.output.plan_view import report_lines

    rows = report.error_rows()
    is_said = report.was_stopped and report.exit_code == Exit.INTERRUPTED
    untold = [row for row in rows if row["code"] != Code.INTERRUPTED] if is_said else None
    return Outcome(report.as_json(), list(report_lines(report, kept=kept, told=told)), rows, report.exit_code, untold)


def _helped(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The errors' rows, each with what to do about it."""
    if not errors:
        return []
    from civitai_kit.core.remedies import with_remedy

    return [with_remedy(row) for row in errors]


def _envelope(command: str, outcome: Outcome, rows: Sequence[Mapping[str, Any]]) -> str:
    document = {
        "schema": SCHEMA,
        "command": command,
        "exit_code": outcome.exit_code,
        "data": dict(outcome.data),
        "errors": [*rows],
    }
    return _dumped(document) + "\n"


def _dumped(content: object) -> str:
    import json

    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    return json.dumps(content, ensure_ascii=not utf8, allow_nan=False, default=str)


def _write(stream: TextIO | None, text: str) -> OSError | None:
    """Write and flush; gives what was in the way. A stream that fails is closed for good."""
    if stream is None:
        return OSError(errno.EBADF, "it is closed")
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError) as error:
        abandon(stream)
        return error if isinstance(error, OSError) else OSError(errno.EBADF, "it is closed")
    return None


def _let_any_letter_through() -> None:
    """What an encoding has no letter for is written as an escape: nothing fails for how a model is called."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What could not be written is tried again here; whoever writes next is told.
            with suppress(OSError):
                stream.reconfigure(errors="backslashreplace")


def _reader_left(error: OSError) -> bool:
    """Whether the other end of a pipe was closed (Windows says EINVAL)."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def abandon(stream: TextIO | None) -> None:
    """Send what may still come to nowhere, so that the interpreter does not trip over it at its end."""
    if stream is None:
        return
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream is not None and stream.isatty())
    except ValueError:
        return False


def _wants_color() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and _is_terminal(sys.stderr)
