"""Tables that fit the terminal: the widest columns are cut first, and where that is not enough some are left out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from textwrap import wrap

from civitai_kit.cli.output.safe_text import cut, padded, shown, width

# Wide enough for names in a file or a pipe, where nobody wraps them.
PIPE_COLUMNS = 160
# Columns of the terminal that a cut text needs to be readable; the flexible column needs more.
LEAST, LEAST_FLEXIBLE = 10, 20
GAP = 2
# How many first rows decide the widths, where a table is shown while its rows still come.
FIRST_ROWS = 500


def is_terminal() -> bool:
    """Whether results are read by a person, line by line."""
    return sys.stdout is not None and sys.stdout.isatty()


def columns() -> int:
    """Columns that a line of stdout may have."""
    return shutil.get_terminal_size().columns if is_terminal() else PIPE_COLUMNS


def wrapped(line: str, *, room: int | None = None, indent: str = "  ") -> list[str]:
    """A sentence in lines of the terminal's width, or of `room` columns, broken between words."""
    room = columns() if room is None else room
    if width(line) <= room:
        return [line]
    return wrap(line, room, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    flexible: int,
    right: Collection[int] = (),
    whole: Collection[int] = (),
    spare: Sequence[int] = (),
) -> list[str]:
    """The lines of a table: see `streamed`, whose widths here are those of all rows."""
    return list(streamed(head, rows, flexible=flexible, right=right, whole=whole, spare=spare, first=None))


def streamed(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    flexible: int,
    right: Collection[int] = (),
    whole: Collection[int] = (),
    spare: Sequence[int] = (),
    first: int | None = FIRST_ROWS,
) -> Iterator[str]:
    """Rows under their heads, cut to the line; numbers to the `right` and `whole` columns never are.

    The `flexible` column is the one that the table is about. Where all columns together would be too narrow to read,
    the `spare` ones are left out, in their order. The `first` rows (None: all) decide the widths.
    """
    clean = ([shown(cell) for cell in row] for row in chain([head], rows))
    begun = list(islice(clean, first))
    widths = {at: max(width(row[at]) for row in begun) for at in range(len(head))}
    least = {at: min(size, LEAST_FLEXIBLE if at == flexible else LEAST) for at, size in widths.items()}
    least |= {at: widths[at] for at in (*right, *whole)}
    for at in spare:
        if _total(least) > columns():
            del least[at], widths[at]
    widths = _fitted(widths, least, columns())
    for row in chain(begun, clean):
        cells = [padded(cut(row[at], size), size, right=at in right) for at, size in widths.items()]
        yield (" " * GAP).join(cells).rstrip()


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _fitted(widths: dict[int, int], least: dict[int, int], room: int) -> dict[int, int]:
    """The widths with what is too much taken from the widest columns, none below its least."""
    fitted = dict(widths)
    while _total(fitted) > room:
        giving = [at for at in fitted if fitted[at] > least[at]]
        if not giving:
            return fitted
        fitted[max(giving, key=fitted.__getitem__)] -= 1
    return fitted
