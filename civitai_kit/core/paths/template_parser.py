"""Reads a path template into its parts: literals and placeholders, known, balanced, and within their root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from string import Formatter
from typing import Any, TypeAlias

# A literal, and the placeholder that follows it; the last of a part may have none.
Piece: TypeAlias = tuple[str, str | None]


class TemplateProblem(ValueError):
    """What is wrong with a template: `problem` goes on from its name, `hint` says what would be right."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


def parse_template(text: str, placeholders: Mapping[str, Any], *, empty: str, relative: str) -> Sequence[list[Piece]]:
    """The pieces of each part between `/`; raises TemplateProblem.

    `empty` and `relative` are the hints for a template that is empty, and for one that is absolute.
    """
    return [list(_pieces(part, placeholders)) for part in _parts(text, empty, relative)]


def _parts(text: str, empty: str, relative: str) -> list[str]:
    if not text.strip():
        raise TemplateProblem("is empty", empty)
    if "\\" in text:
        raise TemplateProblem("has a backslash", "Put `/` between its parts, on Windows too.")
    if text.startswith(("/", "~")) or text[1:2] == ":":
        raise TemplateProblem("is absolute", relative)
    parts = text.split("/")
    if any(part.strip(" .") == "" for part in parts):
        raise TemplateProblem("has a part that is empty or only dots", "Every part needs a name.")
    return parts


def _pieces(part: str, placeholders: Mapping[str, Any]) -> Iterator[Piece]:
    try:
        parsed = list(Formatter().parse(part))
    except ValueError as error:
        hint = "Write `{{` and `}}` for braces that are meant."
        raise TemplateProblem(f"has unbalanced braces ({error})", hint) from None
    for literal, field, form, conversion in parsed:
        if field is not None and (form or conversion or field not in placeholders):
            typed = field + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            raise TemplateProblem(f"has an unknown placeholder {{{typed}}}", _nearest(field, placeholders))
        yield literal, field


def _nearest(field: str, placeholders: Mapping[str, Any]) -> str:
    close = get_close_matches(field.lower(), placeholders, n=1, cutoff=0.6)
    return f"Did you mean {{{close[0]}}}?" if close else f"Known are: {', '.join(placeholders)}."
