"""Query parameters as the site's validator reads them, with its literal messages (site.md 1.4, 2.1, 8.1)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TRUE_WORDS = ("true", "1", "yes", "on", "y", "enabled")
FALSE_WORDS = ("false", "0", "no", "off", "n", "disabled")
INT4_MAX = 2_147_483_647

Issue = dict[str, Any]
Reader = Callable[[str, Sequence[str]], Any]
"""Reads the given values of the named parameter; raises Invalid."""


class Invalid(Exception):
    """What the validator found wrong, as the issues it would list."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__(issues[0]["message"])
        self.issues = issues

    @property
    def as_json_text(self) -> str:
        """The issues as the indented JSON text that the site puts into `message`."""
        return json.dumps(self.issues, indent=2, ensure_ascii=False)

    @property
    def as_pretty_text(self) -> str:
        """The issues as the site's text for people."""
        return "\n".join(_pretty(issue) for issue in self.issues)


def _pretty(issue: Issue) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in issue["path"]).lstrip(".")
    return f"✖ {issue['message']}" + (f"\n  → at {path}" if path else "")


def read_all(query: Mapping[str, Sequence[str]], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Every known parameter that was given, read; raises Invalid with the issues of all of them."""
    values: dict[str, Any] = {}
    issues: list[Issue] = []
    for name, reader in readers.items():
        if name not in query:
            continue
        try:
            values[name] = reader(name, query[name])
        except Invalid as invalid:
            issues += invalid.issues
    if issues:
        raise Invalid(issues)
    return values


# -- issues ---------------------------------------------------------------------------------------------------


def wrong_type(path: Sequence[str | int], expected: str, received: str) -> Invalid:
    """An issue for a value of another type."""
    issue: Issue = {"expected": expected, "code": "invalid_type"}
    if received == "NaN":
        issue["received"] = received
    message = f"Invalid input: expected {expected}, received {received}"
    return Invalid([issue | {"path": list(path), "message": message}])


def wrong_option(path: Sequence[str | int], options: Sequence[str]) -> Invalid:
    """An issue for a word that is not among the options."""
    listed = "|".join(f'"{option}"' for option in options)
    return Invalid(
        [
            {
                "code": "invalid_value",
                "values": list(options),
                "path": list(path),
                "message": f"Invalid option: expected one of {listed}",
            }
        ]
    )


def out_of_bounds(name: str, limit: float, *, upper: bool) -> Invalid:
    """An issue for a number beyond a bound."""
    bound = {"maximum": limit} if upper else {"minimum": limit}
    message = f"Too big: expected number to be <={limit}" if upper else f"Too small: expected number to be >={limit}"
    return Invalid(
        [
            {
                "origin": "number",
                "code": "too_big" if upper else "too_small",
                **bound,
                "inclusive": True,
                "path": [name],
                "message": message,
            }
        ]
    )


# -- readers --------------------------------------------------------------------------------------------------


def number(low: int | None = None, high: int | None = None) -> Reader:
    """A number as JavaScript coerces it; a repeated parameter is not a number."""

    def read(name: str, given: Sequence[str]) -> float:
        value = _javascript_number(given[0]) if len(given) == 1 else math.nan
        if math.isnan(value):
            raise wrong_type([name], "number", "NaN")
        if high is not None and value > high:
            raise out_of_bounds(name, high, upper=True)
        if low is not None and value < low:
            raise out_of_bounds(name, low, upper=False)
        return int(value) if value == int(value) else value

    return read


def _javascript_number(text: str) -> float:
    stripped = text.strip()
    if not stripped:
        return 0.0
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", stripped):
        return math.nan
    return float(stripped)


def word(options: Sequence[str]) -> Reader:
    """One of the options, spelled exactly."""

    def read(name: str, given: Sequence[str]) -> str:
        if len(given) != 1 or given[0] not in options:
            raise wrong_option([name], options)
        return given[0]

    return read


def words(options: Sequence[str] | None = None, *, commas: bool = False) -> Reader:
    """One or several of the options, repeated, and comma-separated where the site allows it."""

    def read(name: str, given: Sequence[str]) -> list[str]:
        values = [part for value in given for part in (value.split(",") if commas else [value])]
        for index, value in enumerate(values):
            if options is not None and value not in options:
                raise wrong_option([name, index], options)
        return values

    return read


def text(name: str, given: Sequence[str]) -> str:
    """A string given once."""
    if len(given) != 1:
        raise wrong_type([name], "string", "array")
    return given[0]


def integers(name: str, given: Sequence[str]) -> list[int]:
    """Whole numbers, repeated or comma-separated."""
    values = [_javascript_number(part) for value in given for part in value.split(",")]
    for index, value in enumerate(values):
        if math.isnan(value):
            raise wrong_type([name, index], "number", "NaN")
    return [int(value) for value in values]


def boolean_word(name: str, given: Sequence[str]) -> bool:
    """true/1/yes/on/y/enabled or their opposites, in any case."""
    value = given[0].lower() if len(given) == 1 else ""
    if value not in TRUE_WORDS + FALSE_WORDS:
        raise wrong_option([name], TRUE_WORDS + FALSE_WORDS)
    return value in TRUE_WORDS


def truthy(name: str, given: Sequence[str]) -> bool:
    """What JavaScript's Boolean makes of it: anything that is not empty is true."""
    return len(given) > 1 or bool(given[0])


def never(expected: str) -> Reader:
    """A type that no query string can have: always refused over REST."""

    def read(name: str, given: Sequence[str]) -> None:
        raise wrong_type([name], expected, "string" if len(given) == 1 else "array")

    return read


def at_least_twice(name: str, given: Sequence[str]) -> list[str]:
    """An array, which a query has only when the parameter is repeated."""
    if len(given) < 2:
        raise wrong_type([name], "array", "string")
    return list(given)


def identifier(name: str, value: str) -> int:
    """A path id from 1 to the largest the database knows; Invalid otherwise."""
    found: float = number(1, INT4_MAX)(name, [value])
    if found != int(found):
        raise wrong_type([name], "int", "number")
    return int(found)
