"""How a sidecar is made and merged: what people and other programs wrote there stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from civitai_kit.core.errors import UsageError
from civitai_kit.core.sidecars.about import About, read_object

# What programs write for want of knowledge.
_SAY_NOTHING = ("Unknown", "Other")


class Format(NamedTuple):
    """One program's sidecar: its `ending` behind the stem, what it holds of a file, and the keys `by_hand`.

    `to_merge` gives what stays of one that is there, None where that is of another file. `defaults` stand where
    nothing is known.
    """

    name: str
    ending: str
    build: Callable[[About], dict[str, Any]]
    by_hand: frozenset[str]
    indent: int
    to_merge: Callable[[Mapping[str, Any], About], Mapping[str, Any] | None]
    defaults: Mapping[str, Any] = MappingProxyType({})


class NotMerged(UsageError):
    """A sidecar that is left as it is: broken, or of another model."""


def sidecar_of(path: str, form: Format) -> str:
    """Where the sidecar of a model file lies: beside it, `<stem>` and the format's ending."""
    return f"{stem_beside(path)}{form.ending}"


def stem_beside(path: str) -> str:
    """A file's path without its last extension."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"


def merged_sidecar(form: Format, about: About, old: bytes | None) -> bytes | None:
    """The sidecar's content with what is known of a file; what is there, or None, where nothing is.

    Raises NotMerged for one that is not to be touched.
    """
    try:
        held = read_object(old) or {}
        new = form.build(about)
        stays = form.to_merge(held, about)
        if stays is None:
            raise NotMerged("it is of another model or version")
        whole = merge(stays, new, form.by_hand, about.stem) if new else held
        for key, value in form.defaults.items():
            whole[key] = value if whole.get(key) is None else whole[key]
        return old if whole == held else _as_json(whole, form.indent)
    except ValueError as error:
        raise NotMerged(f"it cannot be read: {error}") from error
    except RecursionError as error:
        raise NotMerged("it is nested too deeply") from error


def merge(
    old: Mapping[str, Any], new: Mapping[str, Any], by_hand: frozenset[str] = frozenset(), stem: str = ""
) -> dict[str, Any]:
    """What is there with what is new: a key by hand stays unless it is empty, or the file's `stem` for want of a name.

    Objects are merged key by key, lists of them by their ids; to a list of texts are added those that it lacks.
    """
    whole = dict(old)
    for key, value in new.items():
        held = old.get(key)
        if key in by_hand and not _is_empty(held) and held != stem:
            continue
        if isinstance(held, dict) and isinstance(value, dict):
            whole[key] = merge(held, value)
        elif isinstance(held, list) and isinstance(value, list) and value:
            whole[key] = _merge_lists(held, value)
        elif not _is_empty(value) or key not in old:
            whole[key] = value
    return whole


def _merge_lists(held: list[Any], new: list[Any]) -> list[Any]:
    if all(isinstance(one, str) for one in (*held, *new)):
        return list(dict.fromkeys((*held, *new)))
    # A program notes in a row where it put the picture.
    rows: dict[tuple[str, object], list[dict[str, Any]]] = {}
    for row in held:
        for name in _names_of(row):
            rows.setdefault(name, []).append(row)
    used: set[int] = set()
    return [_merge_row(rows, used, row) for row in new]


def _merge_row(rows: Mapping[tuple[str, object], list[dict[str, Any]]], used: set[int], row: object) -> object:
    """A row with what is there of the same; each of those is `used` once."""
    for name in _names_of(row):
        same = rows.get(name, [])
        while same and id(same[0]) in used:
            same.pop(0)
        if same:
            used.add(id(same[0]))
            return merge(same[0], row)  # type: ignore[arg-type]  # only objects have names
    return row


def _names_of(row: object) -> Iterator[tuple[str, object]]:
    """What tells a row of a list from the others, the surest first."""
    if not isinstance(row, dict):
        return
    for key in ("id", "url"):
        value = row.get(key)
        if isinstance(value, int | str) and value:
            yield key, value


def _is_empty(value: object) -> bool:
    """Whether a value says nothing; `False` says something."""
    if isinstance(value, bool):
        return False
    return not value or value in _SAY_NOTHING


def _as_json(whole: Mapping[str, Any], indent: int) -> bytes:
    """Raises ValueError for a number that JSON has not."""
    said = json.dumps(whole, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        return said.encode()
    except UnicodeEncodeError:  # Half a character, or a name that is no UTF-8: as escapes they are JSON.
        return json.dumps(whole, indent=indent, allow_nan=False).encode() + b"\n"
