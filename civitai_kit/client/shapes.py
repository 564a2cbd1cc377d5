"""Whether JSON has the shape of an endpoint's answer; what has not is asked for again."""

from __future__ import annotations

from typing import Any

from civitai_kit.core.site.reading import integer


def is_value(answer: Any) -> bool:
    """An object with an id."""
    return isinstance(answer, dict) and integer(answer.get("id")) is not None


def is_table(answer: Any) -> bool:
    """An object of lists."""
    return isinstance(answer, dict) and all(isinstance(words, list) for words in answer.values())


def is_list(answer: Any) -> bool:
    """A list."""
    return isinstance(answer, list)


def is_page(answer: Any) -> bool:
    """An object with a list of items."""
    return isinstance(answer, dict) and isinstance(answer.get("items"), list)
