"""Questions with answers in words: each asked until the answer is good, nothing where nobody can answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from civitai_kit.cli.output.console import Console
from civitai_kit.core.errors import Interrupted, UsageError

T = TypeVar("T")


class Dialogue:
    """Asks on stderr and reads from stdin, both of a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def is_open(self) -> bool:
        """Whether somebody is there to answer."""
        return self._console.can_ask

    def ask(self, question: str, default: str | None, check: Callable[[str], T]) -> T:
        """The answer to a question as `check` reads it; asked again while that raises UsageError.

        Enter is the default, where there is one. Raises Interrupted when the input ends.
        """
        shown = question if default is None else f"{question} [default: {default or 'none'}]"
        while True:
            answer = self._line(f"{shown}: ").strip()
            if not answer and default is None:
                continue
            try:
                return check(answer or default or "")
            except UsageError as error:
                self._console.complain({"message": error.message, "hint": error.hint})

    def _line(self, prompt: str) -> str:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        self._console.asking = True
        try:
            line = sys.stdin.readline()
        finally:
            self._console.asking = False
        if not line:
            raise Interrupted("The input ended in the middle of the questions.", hint="Nothing was fetched.")
        return line
