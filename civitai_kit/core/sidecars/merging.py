"""How a sidecar is made and merged: what people and other programs wrote there stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from civitai_kit.core.errors import UsageError
from civitai_kit.core.sidecars.about import About, read_object


class Format(NamedTuple):
    """One program's sidecar: its `ending` behind the stem, what it holds of a file, and the keys `by_hand`.

    `fits` says whether what is there can be merged with what is known of the file.
    """

    name: str
    ending: str
    build: Callable[[About], dict[str, Any]]
    by_hand: frozenset[str]
    indent: int
    fits: Callable[[Mapping[str, Any], About], bool]


class NotMerged(UsageError):
    """A sidecar that is left as it is: broken, or of another model."""


def sidecar_of(path: str, form: Format) -> str:
    """Where the sidecar of a model file lies: beside it, `<stem>` and the format's ending."""
    return f"{stem_beside(path)}{form.ending}"


def stem_beside(path: str) -> str:
    """A file's path without its last extension."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"


def merged_sidecar(form: Format, about: About, old: bytes | None) -> bytes:
    """The sidecar's content with what is known of a file; raises NotMerged for one that is not to be touched."""
    try:
        held = read_object(old)
    except ValueError as error:
        raise NotMerged(f"it cannot be read: {error}") from error
    new = form.build(about)
    if held and not form.fits(held, about):
        raise NotMerged("it is of another model or version")
    whole = merge(held or {}, new, form.by_hand)
    if old is not None and whole == held:
        return old
    return json.dumps(whole, indent=form.indent, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def merge(old: Mapping[str, Any], new: Mapping[str, Any], by_hand: frozenset[str]) -> dict[str, Any]:
    """What is there with what is new: a key by hand stays unless it is empty, objects are merged key by key."""
    whole = dict(old)
    for key, value in new.items():
        held = old.get(key)
        if key in by_hand and not _is_empty(held):
            continue
        if isinstance(held, dict) and isinstance(value, dict):
            whole[key] = merge(held, value, frozenset())
        elif not _is_empty(value) or key not in old:
            whole[key] = value
    return whole


def _is_empty(value: object) -> bool:
    """Whether a value says nothing; `False` says something."""
    if isinstance(value, bool):
        return False
    return not value or value == "Unknown"
