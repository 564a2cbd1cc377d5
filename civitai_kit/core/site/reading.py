"""How one field of an answer is read whatever came: the right form, or nothing (site.md 12.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Annotated, Any, Generic, TypeVar, overload

from pydantic import BeforeValidator, ConfigDict


def text(value: Any) -> str | None:
    """A text that can be written as UTF-8: half a surrogate pair becomes U+FFFD."""
    if not isinstance(value, str):
        return None
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def integer(value: Any) -> int | None:
    """A whole number, also as a float without a fraction or as digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return None


def number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def truth(value: Any) -> bool | None:
    """True, False, or not said."""
    return value if isinstance(value, bool) else None


def flag(value: Any) -> bool:
    """True, or not."""
    return value is True


def texts(value: Any) -> list[str]:
    """A list of texts; objects with a name (tags of early 2023) give their name."""
    if not isinstance(value, list):
        return []
    named = (item.get("name") if isinstance(item, dict) else item for item in value)
    return [read for item in named if (read := text(item)) is not None]


def integers(value: Any) -> list[int]:
    """The whole numbers of a list."""
    if not isinstance(value, list):
        return []
    return [read for item in value if (read := integer(item)) is not None]


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nulls and what else is none are passed over."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def an_object(value: Any) -> dict[str, Any] | None:
    """An object, or None."""
    return value if isinstance(value, dict) else None


def mapping(value: Any) -> dict[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def commercial_uses(value: Any) -> list[str]:
    """The three forms of `allowCommercialUse` (a text, a list, a Postgres literal) as a list of names."""
    if isinstance(value, str):
        inner = value[1:-1] if value.startswith("{") and value.endswith("}") else value
        return [part.strip().strip('"') for part in inner.split(",") if part.strip()]
    return texts(value)


def unwrapped_meta(value: Any) -> dict[str, Any] | None:
    """The flat generation data out of either form, `{…}` or `{"id": …, "meta": {…}}` (site.md 8.2)."""
    if not isinstance(value, dict):
        return None
    if set(value) <= {"id", "meta"} and "meta" in value:
        return an_object(value["meta"])
    return value


def lowered(value: Any) -> str | None:
    """A text in lower case."""
    return value.lower() if isinstance(value, str) else None


def camel(name: str) -> str:
    """The site's spelling of a field: `base_model` → `baseModel`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


Text = Annotated[str | None, BeforeValidator(text)]
Integer = Annotated[int | None, BeforeValidator(integer)]
Number = Annotated[float | None, BeforeValidator(number)]
Truth = Annotated[bool | None, BeforeValidator(truth)]
Flag = Annotated[bool, BeforeValidator(flag)]
Texts = Annotated[tuple[str, ...], BeforeValidator(texts)]
Integers = Annotated[tuple[int, ...], BeforeValidator(integers)]
Mapped = Annotated[dict[str, Any], BeforeValidator(mapping)]
Uses = Annotated[tuple[str, ...], BeforeValidator(commercial_uses)]
Meta = Annotated[dict[str, Any] | None, BeforeValidator(unwrapped_meta)]
Hex = Annotated[str | None, BeforeValidator(lowered)]


# Schemas are built when they are first used: a command meets few of these.
SITE_CONFIG = ConfigDict(
    frozen=True,
    extra="ignore",
    alias_generator=camel,
    populate_by_name=True,
    protected_namespaces=(),
    defer_build=True,
)


T = TypeVar("T")


class Rows(Sequence[T], Generic[T]):
    """A sequence over received objects; `make` makes the value of one, once."""

    __slots__ = ("_made", "_make", "_rows")

    def __init__(self, rows: Sequence[dict[str, Any]], make: Callable[[Any], T]) -> None:
        self._rows = rows
        self._make = make
        self._made: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        places = range(len(self._rows))[index]
        return self._at(places) if isinstance(places, int) else tuple(self._at(place) for place in places)

    def __iter__(self) -> Iterator[T]:
        return (self._at(place) for place in range(len(self._rows)))

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Rows) else tuple(self) == other

    def __hash__(self) -> int:
        return hash(len(self._rows))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _at(self, place: int) -> T:
        if place not in self._made:
            self._made[place] = self._make(self._rows[place])
        return self._made[place]
