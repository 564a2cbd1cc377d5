"""Many errors as a person reads them: those of one cause together, each remedy once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from civitai_kit.cli.cleaning import shown

# Files of one cause that are named; how many there are beyond them is said.
MOST_NAMES = 3
_OWN = re.compile(r" \([^()]*\)(?=\.?$)")


@dataclass(frozen=True, slots=True)
class Cause:
    """What `rows` errors have in common, in a sentence, and the lines below it; all cleaned."""

    sentence: str
    more: tuple[str, ...]
    rows: int


def causes_of(rows: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """The causes of errors in the order of their first; a remedy stands below the last of those that it helps."""
    alike: dict[tuple[str, str, bool], list[Mapping[str, Any]]] = {}
    for row in rows:
        alike.setdefault((_general(row["message"]), row.get("hint") or "", "file_id" in row), []).append(row)
    groups = list(alike.values())
    hints = [shown(group[0].get("hint") or "") for group in groups]
    last = {hint: at for at, hint in enumerate(hints)}
    return [
        _cause(group, hint if last[hint] == at else "")
        for at, (group, hint) in enumerate(zip(groups, hints, strict=True))
    ]


def _general(message: str) -> str:
    """The message without what it says in brackets at its end, which is each file's own: a digest, a length."""
    return _OWN.sub("", message)


def _cause(rows: Sequence[Mapping[str, Any]], hint: str) -> Cause:
    message = shown(rows[0]["message"])
    helps = (hint,) if hint else ()
    if "file_id" not in rows[0]:
        return Cause(message if len(rows) == 1 else f"{len(rows):,} times: {message}", helps, len(rows))
    if len(rows) == 1:
        return Cause(f"{_place(rows[0])}: {message}", helps, 1)
    return Cause(f"{len(rows):,} files: {_general(message)}", (*_names(rows), *helps), len(rows))


def _names(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The places of a few files; of many the names of the first."""
    if len(rows) <= MOST_NAMES:
        yield from map(_place, rows)
        return
    names = [_place(row).rsplit("/", 1)[-1] for row in rows[:MOST_NAMES]]
    yield f"{', '.join(names)} and {len(rows) - MOST_NAMES:,} more"


def _place(row: Mapping[str, Any]) -> str:
    return shown(row.get("path") or row["file_id"])
