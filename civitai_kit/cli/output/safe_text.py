"""Text from strangers made fit for a terminal: nothing in it moves the cursor, recolours, or reverses what follows."""

from __future__ import annotations

import re
import unicodedata

# Escape sequences go whole, so that "\x1b[31m" does not leave "[31m" behind.
_SEQUENCES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|[\x1b\x9b]\[?[0-?]*[ -/]*[@-~]?"
)
# Bytes of a file's name that the locale could not read.
_BYTES = re.compile("[\udc80-\udcff]+")
# Cc controls, Cf invisible marks (bidi overrides, zero widths), Cs lone surrogates, Zl and Zp line ends.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Joiners that whole scripts and emoji need, and that can do no harm.
_HARMLESS = frozenset("\u200c\u200d")


def shown(text: object) -> str:
    """The text on one line, without escape sequences, control characters and bidirectional overrides."""
    line = str(text)
    if line.isascii() and line.isprintable():
        return line
    line = _SEQUENCES.sub("", _BYTES.sub(_read, line))
    return "".join(_fit(sign) for sign in line)


def _read(found: re.Match[str]) -> str:
    return found[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _fit(sign: str) -> str:
    if sign in "\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029":
        return " "
    return "" if unicodedata.category(sign) in _UNFIT and sign not in _HARMLESS else sign


def width(text: str) -> int:
    """Columns that a cleaned text takes in a terminal: two for wide characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(_columns(sign) for sign in text)


def cut(text: str, columns: int) -> str:
    """A cleaned text of at most so many columns, an ellipsis in place of its middle so that its ending stays."""
    if width(text) <= columns:
        return text
    if columns <= 1:
        return "…"[:columns]
    tail = _from_end(text, (columns - 1) // 3)
    head = _from_start(text, columns - 1 - width(tail))
    return f"{head}…{tail}"


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """A cleaned text filled up with spaces."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def _columns(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _from_start(text: str, columns: int) -> str:
    taken = 0
    for at, sign in enumerate(text):
        taken += _columns(sign)
        if taken > columns:
            return text[:at]
    return text


def _from_end(text: str, columns: int) -> str:
    taken = 0
    for at in range(len(text) - 1, -1, -1):
        taken += _columns(text[at])
        if taken > columns:
            return text[at + 1 :]
    return text
