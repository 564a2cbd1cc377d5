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


def is_brief(answer: Any) -> bool:
    """A version in brief: an object that names its files' addresses."""
    return isinstance(answer, dict) and isinstance(answer.get("downloadUrls"), list)


def is_tensors(answer: Any) -> bool:
    """What a file's header says: an object that counts its tensors."""
    return isinstance(answer, dict) and integer(answer.get("tensorCount")) is not None


def is_permissions(answer: Any) -> bool:
    """Yes or no by id; an empty list where nothing was asked (site.md 9)."""
    return answer == [] or (isinstance(answer, dict) and all(isinstance(said, bool) for said in answer.values()))


def is_vault(answer: Any) -> bool:
    """An object with a vault, which may be null."""
    return isinstance(answer, dict) and "vault" in answer and isinstance(answer["vault"], dict | None)


def is_vault_page(answer: Any) -> bool:
    """A page, or a vault of null for who is no member (site.md 9.3)."""
    return is_page(answer) or (is_vault(answer) and answer["vault"] is None)
