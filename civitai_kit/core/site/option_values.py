"""How the value of one option is read: brought into its form, corrected in case, or refused."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

from civitai_kit.core.site.enums import BadOption, folded, nearest, number_of

E = TypeVar("E", bound=StrEnum)

_TRUTHS = {
    **dict.fromkeys(("true", "1", "yes", "on", "y", "enabled"), True),
    **dict.fromkeys(("false", "0", "no", "off", "n", "disabled"), False),
}

# Options of the site's web pages and older documents that its API refuses or ignores (site.md 2.1, 8.1).
_NEVER = {
    "page": "The site ignores page numbers here; take the next page by its cursor.",
    "cursor": "It is taken by the methods for pages and items, not by a query.",
    "token": "The key belongs to the client: Client(api_key=…).",
    "allow_no_credit": "The site's API refuses it; look at allow_no_credit of the answers.",
    "allow_derivatives": "The site's API refuses it; look at allow_derivatives of the answers.",
    "allow_different_license": "The site's API refuses it; look at allow_different_license of the answers.",
    "rating": "The site ignores it; look at the stats of the answers.",
    "collection_id": "The site's API does not take it.",
}


def unknown_option(options: Iterable[str], names: list[str]) -> None:
    """Raise BadOption for the first name that is no option, with the nearest right one."""
    for name in options:
        if name not in names:
            raise BadOption(f"{name!r} is no option here.", hint=_NEVER.get(name) or nearest(name, names))


def known(name: str, kind: type[E], value: Any) -> E | None:
    """One of an enum's words, in any case and with `_`, `-` or nothing for a space; None stays None."""
    if value is None or isinstance(value, kind):
        return value
    found = _spellings(kind).get(folded(value)) if isinstance(value, str) else None
    if found is None:
        raise BadOption(f"{value!r} is no {name}.", hint=nearest(str(value), kind))
    return found


def known_or_as_given(kind: type[StrEnum], values: Iterable[str]) -> tuple[str, ...]:
    """Words with the case of the enum's where they are among them, the others as they are."""
    spellings = _spellings(kind)
    return tuple(dict.fromkeys(str(spellings.get(folded(value), value)) for value in values))


def listed(name: str, value: Any) -> tuple[str, ...]:
    """One text or many as a tuple without doubles."""
    texts = [value] if isinstance(value, str) else _items(name, value)
    return tuple(dict.fromkeys(_word(name, each) for each in texts))


def numbers(name: str, value: Any) -> tuple[int, ...]:
    """One id or many as a tuple without doubles."""
    items = [value] if isinstance(value, int | str) else _items(name, value)
    return tuple(dict.fromkeys(number for each in items if (number := positive(name, each)) is not None))


def positive(name: str, value: Any) -> int | None:
    """An id: a whole number from 1 to 2147483647 (as text too); None stays None."""
    if value is None:
        return None
    number = number_of(value)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 2**31 - 1:
        raise BadOption(f"{name} takes ids, not {value!r}.", hint="Ids are whole numbers from 1.")
    return number


def required_id(name: str, value: Any) -> int:
    """An id that must be there."""
    number = positive(name, value)
    if number is None:
        raise BadOption(f"{name} is missing.")
    return number


def bookmark(value: Any) -> str | int | None:
    """Where a page begins, as another page said it; None and blank text are the beginning."""
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise BadOption(f"{value!r} is no cursor.", hint="It is the next_cursor of a page.")
    return (_sendable("cursor", value.strip()) or None) if isinstance(value, str) else value


def page_size(value: Any, most: int) -> int:
    """A page's size, from 1 to the most that the site gives."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadOption(f"limit {value!r} is no page size.", hint=f"The site gives 1 to {most} a page.")
    return value


def text(name: str, value: Any, *, blank: bool = False) -> str | None:
    """A text without white space around it; a blank one is refused, or with `blank` the same as none.

    A blank filter would be no filter to the site.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadOption(f"{name} takes a text, not {value!r}.")
    stripped = _sendable(name, str(value).strip())
    if not stripped and not blank:
        raise BadOption(f"{name} is blank.", hint="Leave it out for no filter.")
    return stripped or None


def _sendable(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadOption(f"{name} holds half a letter, which cannot be sent: {value!r}.") from None
    return value


def truth(name: str, value: Any) -> bool:
    """True or False, or one of the words that the site takes for them."""
    found = _TRUTHS.get(value.strip().casefold()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise BadOption(f"{name} is True or False, not {value!r}.")
    return found


def _items(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise BadOption(f"{name} takes one value or a list, not {value!r}.")
    return list(value)


def _word(name: str, value: Any) -> str:
    if (word := text(name, value)) is None:
        raise BadOption(f"{name} holds nothing where a text should be.")
    return word


def _spellings(kind: type[E]) -> dict[str, E]:
    return {folded(member.value): member for member in kind}
