"""Words of tags in prompts: whether an image is about what was searched, and which filter let it through."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from unicodedata import normalize


class Match(StrEnum):
    """By what a filter tag was found: a tag of the image itself, or the words of its prompt."""

    TAG = "tag"
    PROMPT = "prompt"


def words_of(tag: str) -> tuple[str, ...]:
    """The words of a tag as they are looked for: `Sci-Fi_city` → `sci-fi`, `city`."""
    return tuple(word for word in re.split(r"[\s_]+", _folded(tag)) if word)


def stands_in(tag: str, prompt: str) -> bool:
    """Whether every word of a tag stands somewhere in a prompt, in any case and order, also within longer words."""
    folded = _folded(prompt)
    words = words_of(tag)
    return bool(words) and all(word in folded for word in words)


def matches(wanted: Iterable[str], tags: Iterable[str], prompt: str | None) -> Match | None:
    """By what an image passes a filter: all of `wanted` are its tags, or stand in its prompt; None when it does not.

    `prompt` None means that prompts do not count. TAG only when no word of the prompt was needed.
    """
    own = {_spaced(tag) for tag in tags}
    by_tag = [_spaced(tag) in own for tag in wanted]
    if all(by_tag):
        return Match.TAG
    missing = (tag for tag, found in zip(wanted, by_tag, strict=True) if not found)
    if prompt is not None and all(stands_in(tag, prompt) for tag in missing):
        return Match.PROMPT
    return None


def same_tag(one: str, other: str) -> bool:
    """Whether two spellings mean one tag: case and `_` for blanks do not matter."""
    return _spaced(one) == _spaced(other)


def _spaced(tag: str) -> str:
    return " ".join(words_of(tag))


def _folded(text: str) -> str:
    return normalize("NFKC", text).casefold()
