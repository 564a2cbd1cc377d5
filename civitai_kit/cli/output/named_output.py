"""What a person names as output on the command line: a file, or - for stdout."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from civitai_kit.core.errors import DiskError, UsageError

if TYPE_CHECKING:
    from civitai_kit.cli.output.console import Console
    from civitai_kit.core.plans.plan import Plan

STDOUT = "-"


def refuse_beside_json(console: Console, name: str, what: str) -> None:
    """Raise UsageError where two answers would be mixed on stdout."""
    if name == STDOUT and console.as_json:
        raise UsageError("--json has stdout for itself.", hint=f"Name a file for {what}.")


def save_plan(console: Console, plan: Plan, name: str) -> None:
    """Write a plan to what was named, and say how it is carried out."""
    from civitai_kit.cli.output.safe_text import shown
    from civitai_kit.core.plans.plan_file import plan_text

    with named_output(name) as file:
        file.write(plan_text(plan).encode())
    if name != STDOUT:
        console.tell(f"The plan is in {shown(name)}; `civitai-kit download --plan {shown(name)}` carries it out.")


@contextmanager
def named_output(name: str) -> Iterator[BinaryIO]:
    """The file, which gets its content when that is whole, or stdout. Raises DiskError."""
    from civitai_kit.files.output import output_file

    with _stdout() if name == STDOUT else output_file(name) as file:
        yield file


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    from civitai_kit.cli.output.console import abandon
    from civitai_kit.files.output import writing_output

    try:
        with writing_output("standard output"):
            if sys.stdout is None:
                raise OSError(errno.EBADF, "it is closed")
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
    except (BrokenPipeError, DiskError):
        abandon(sys.stdout)
        raise
