"""A word that the site refuses, said in our own sentence: the site's holds the whole list of what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from civitai_kit.core.errors import BadQuery

if TYPE_CHECKING:
    from civitai_kit.core.settings import Settings

# As the site's validator says it (API facts 4): `types.0: Invalid option: expected one of "Checkpoint"|"LORA"`.
_REFUSAL = r'(?:(\w+)(?:\.(\d+))?: )?Invalid option: expected one of ((?:"[^"]*"\|?)+)'
# The site's names of what can hold a word of a person's own; sorts and periods are checked before it is asked.
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
    from civitai_kit.core.vocabulary import near

    if meant := near(word, words):
        return f"Did you mean {meant!r}?"
    more = f" and {len(words) - MOST_WORDS} more" if len(words) > MOST_WORDS else ""
    return f"It takes {', '.join(words[:MOST_WORDS])}{more}."
