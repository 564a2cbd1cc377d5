"""How one field of an answer is read whatever came: the right form, or nothing (site.md 12.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from types import GenericAlias
from typing import Annotated, Any, Generic, TypeVar, get_args, overload

from pydantic import BaseModel, BeforeValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


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


def digest(value: Any) -> str | None:
    """A digest in lower case; None for what is blank."""
    return value.strip().lower() or None if isinstance(value, str) else None


def lowered(value: Any) -> str | None:
    """A text in lower case."""
    return value.lower() if isinstance(value, str) else None


def camel(name: str) -> str:
    """The site's spelling of a field: `base_model` → `baseModel`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


class ElseRead:
    """Takes what has the field's own type as it is, which costs no Python, and has `read` make something of the rest.

    `exact` says which type that is, where the field's own would take too much.
    """

    def __init__(self, read: Callable[[Any], Any], exact: CoreSchema | None = None) -> None:
        self._read = read
        self._exact = exact

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The two ways, in this order."""
        own = handler(source)
        rest = core_schema.no_info_before_validator_function(self._read, own)
        return core_schema.union_schema([self._exact or own, rest], mode="left_to_right")


# A length is asked for so that half a surrogate pair is noticed.
_TEXT = core_schema.str_schema(strict=True, min_length=0)
_DIGEST = core_schema.str_schema(strict=True, min_length=1, strip_whitespace=True, to_lower=True)
_INTEGER, _TRUTH = core_schema.int_schema(strict=True), core_schema.bool_schema(strict=True)
_NUMBER = core_schema.float_schema(strict=True, allow_inf_nan=False)
_TEXTS = core_schema.tuple_variable_schema(_TEXT)

Text = Annotated[str | None, ElseRead(text, core_schema.nullable_schema(_TEXT))]
Integer = Annotated[int | None, ElseRead(integer, core_schema.nullable_schema(_INTEGER))]
Number = Annotated[float | None, ElseRead(number, core_schema.nullable_schema(_NUMBER))]
Truth = Annotated[bool | None, ElseRead(truth, core_schema.nullable_schema(_TRUTH))]
Flag = Annotated[bool, ElseRead(flag, _TRUTH)]
Texts = Annotated[tuple[str, ...], ElseRead(texts, _TEXTS)]
Integers = Annotated[tuple[int, ...], ElseRead(integers, core_schema.tuple_variable_schema(_INTEGER))]
Mapped = Annotated[dict[str, Any], ElseRead(mapping)]
Uses = Annotated[tuple[str, ...], ElseRead(commercial_uses, _TEXTS)]
Meta = Annotated[dict[str, Any] | None, BeforeValidator(unwrapped_meta)]
Digest = Annotated[str | None, ElseRead(digest, core_schema.nullable_schema(_DIGEST))]
Hex = Annotated[str | None, BeforeValidator(lowered)]


T = TypeVar("T", bound=BaseModel)


class Rows(Sequence[T], Generic[T]):
    """A sequence over received objects, which are read as values of a kind once one of them is looked at."""

    __slots__ = ("_kind", "_rows", "_values")

    def __init__(self, rows: Sequence[dict[str, Any]], kind: type[T]) -> None:
        self._rows = rows
        self._kind = kind
        self._values: tuple[T, ...] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self._all()[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Rows) else self._all() == other

    def __hash__(self) -> int:
        return hash(len(self._rows))

    def __repr__(self) -> str:
        return repr(self._all())

    def _all(self) -> tuple[T, ...]:
        if self._values is None:
            # What `model_validate` does, less what it does in Python.
            self._values = tuple(map(self._kind.__pydantic_validator__.validate_python, self._rows))
        return self._values


class ReadWhenTouched:
    """Keeps received objects as Rows of the field's kind; values that were made here are taken as they are."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Written out as a list of the kind is."""
        (kind,) = get_args(source)
        whole = handler(GenericAlias(tuple, (kind, ...)))

        def read(value: Any) -> Any:
            if isinstance(value, Rows):
                return value
            rows = objects(value)
            if isinstance(value, list | tuple) and len(rows) < len(value):
                return tuple(kind.model_validate(each) for each in value if isinstance(each, dict | kind))
            return Rows(rows, kind)

        written = core_schema.plain_serializer_function_ser_schema(tuple, return_schema=whole)
        return core_schema.no_info_plain_validator_function(read, json_schema_input_schema=whole, serialization=written)
