"""Errors as a person reads them: those of one cause together, and what to do about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.output.safe_text import shown
from civitai_kit.core.errors import BadQuery

if TYPE_CHECKING:
    from civitai_kit.core.settings.layers import Settings


# So many files of one cause are named; the others are counted.
MOST_NAMES = 3
_OWN = re.compile(r" \([^()]*\)(?=\.?$)")


@dataclass(frozen=True, slots=True)
class Cause:
    """What `rows` errors have in common, in a sentence, and the lines below it; all cleaned."""

    sentence: str
    more: tuple[str, ...]
    rows: int


def causes_of(rows: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """Errors grouped by cause, in the order of their first ones; a hint stands below the last cause that it helps."""
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
        whose = list(dict.fromkeys(subject for row in rows if (subject := _subject(row))))
        if len(rows) == 1:
            return Cause(f"{whose[0]}: {message}" if whose else message, helps, 1)
        return Cause(f"{len(rows):,} times: {message}", (*_some(whose), *helps), len(rows))
    if len(rows) == 1:
        return Cause(f"{_place(rows[0])}: {message}", helps, 1)
    return Cause(f"{len(rows):,} files: {_general(message)}", (*_names(rows), *helps), len(rows))


def _subject(row: Mapping[str, Any]) -> str:
    """The version or model that an error is of, where its sentence does not name it."""
    for thing in ("version", "model"):
        number = row.get(f"{thing}_id")
        if number is not None:
            return "" if str(number) in row["message"] else f"{thing} {number}"
    return ""


def _some(names: Sequence[str]) -> Iterator[str]:
    """A few names in a line, the others counted."""
    if names:
        more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
        yield f"{', '.join(names[:MOST_NAMES])}{more}"


def _names(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The places of a few files; of many the names of the first."""
    if len(rows) <= MOST_NAMES:
        yield from map(_place, rows)
        return
    yield from _some([_place(row).rsplit("/", 1)[-1] for row in rows])


def _place(row: Mapping[str, Any]) -> str:
    return shown(row.get("path") or row["file_id"])


# As the site's validator says it (site.md 1.4): `types.0: Invalid option: expected one of "Checkpoint"|"LORA"`.
_REFUSAL = r'(?:(\w+)(?:\.(\d+))?: )?Invalid option: expected one of ((?:"[^"]*"\|?)+)'
# Options that take any word, by the site's name: our key and a noun. Sorts and periods are checked beforehand.
_SETTINGS = {"types": ("model_types", "model type"), "baseModels": ("base_models", "base model")}
# More of the site's words than this are a wall of text.
MOST_WORDS = 8


@contextmanager
def in_our_words(settings: Settings) -> Iterator[None]:
    """Let a refusal of the site name what was typed, and what was probably meant."""
    try:
        yield
    except BadQuery as error:
        found = re.search(_REFUSAL, error.message)
        if found is None:
            raise
        raise _plain(error, found, settings) from error


def _plain(error: BadQuery, found: re.Match[str], settings: Settings) -> BadQuery:
    words = re.findall(r'"([^"]*)"', found[3])
    key, thing = _SETTINGS.get(found[1] or "", ("", ""))
    refused = next((word for word in settings.value(key) if word not in words), None) if key else None
    message = f"The site knows no {thing} {refused!r}." if refused else f"The site refused {found[1] or 'a word'}."
    return BadQuery(message, hint=_hint(refused or "", words), status=error.status, endpoint=error.endpoint)


def _hint(word: str, words: list[str]) -> str:
    from civitai_kit.core.site.vocabulary import near

    if meant := near(word, words):
        return f"Did you mean {meant!r}?"
    more = f" and {len(words) - MOST_WORDS} more" if len(words) > MOST_WORDS else ""
    return f"It takes {', '.join(words[:MOST_WORDS])}{more}."
