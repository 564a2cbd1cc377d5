"""The Go downloader's config.toml, read with the same meaning: its PascalCase keys, flat or in its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.settings.keys import KEYS, TABLES

# Its reader takes table names in any case; ours of the same name hold ours and its keys alike.
GO_TABLES = ("download", "images", "torrent", "db")
_GO_LEVELS = {"trace": "debug", "fatal": "error", "panic": "error"}


@dataclass(frozen=True, slots=True)
class Translated:
    """A document in our names: dotted key → value, and the Go keys that have no counterpart here.

    `go_names` tells by what Go key a value was set, for those that were.
    """

    values: dict[str, Any]
    without_counterpart: tuple[str, ...]
    go_names: dict[str, str]


def translate(document: Mapping[str, Any]) -> Translated:
    """A settings document of either tool, or a mixture; where it says a thing twice, our own name counts."""
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    go_names: dict[str, str] = {}
    unknown: list[str] = []
    for table, name, value in _leaves(document):
        spoken = f"{table}.{name}" if table else name
        counterpart = _counterpart(table, name)
        if counterpart is not None:
            theirs[counterpart], go_names[counterpart] = _same_meaning(counterpart, value), spoken
        elif _looks_like_go(table, name):
            unknown.append(spoken)
        else:
            ours[_our_name(table, name)] = value
    said = {name: value for name, value in theirs.items() if value is not None}
    return Translated({**said, **ours}, tuple(unknown), {name: go for name, go in go_names.items() if name not in ours})


def _leaves(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Table, key and value of everything; flat keys first, so that a key in [Download] overrules its flat twin."""
    flat = {name: value for name, value in document.items() if not _is_table(name, value)}
    yield from (("", name, value) for name, value in flat.items())
    for name, value in document.items():
        if name not in flat:
            yield from ((name, key, held) for key, held in value.items())


def _is_table(name: str, value: Any) -> bool:
    return isinstance(value, Mapping) and name.casefold() in (*GO_TABLES, *TABLES)


def _counterpart(table: str, name: str) -> str | None:
    """Our name for a Go key; None where it is ours already or has none."""
    if not _is_pascal(name) and table.casefold() != "download":
        return None
    within = f"{table}.{name}".casefold()
    if within in _GO_NAMES:
        return _GO_NAMES[within]
    return _GO_NAMES.get(name.casefold()) if table.casefold() in ("", "download") else None


def _looks_like_go(table: str, name: str) -> bool:
    return _is_pascal(name) or table.casefold() == "db"


def _is_pascal(name: str) -> bool:
    return name[:1].isupper()


def _our_name(table: str, name: str) -> str:
    flat = not table or (table.casefold() == "download" and name in KEYS)
    return name if flat else f"{table.casefold()}.{name}"


def _same_meaning(name: str, value: Any) -> Any:
    """A Go key's value as ours has it, None where it says nothing."""
    if name == "log_level" and isinstance(value, str):
        return _GO_LEVELS.get(value, value)
    if name == "path_template" and isinstance(value, str):
        # Here, because few files have one, and templates take long to load.
        from civitai_kit.core.paths.go_layout import template_of_pattern

        return template_of_pattern(value)
    return value


_GO_NAMES = {go.casefold(): key.name for key in KEYS.values() for go in key.go}
