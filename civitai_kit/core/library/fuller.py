"""An answer about a version that says all that was ever said: no endpoint of the site says everything (site.md 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LISTS = {"images": "url", "files": "id"}


def fuller(kept: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    """A fresh answer with what only the kept one says; the fresh one alone where they are of two versions.

    Pictures are the same by their URL, files by their id; those that the fresh answer does not list are left out.
    What is known of a picture stays where the fresh answer has null, since listings leave out how it was made.
    """
    if kept.get("id") != fresh.get("id"):
        return dict(fresh)
    lists = {name: _joined(kept.get(name), fresh[name], by) for name, by in _LISTS.items() if name in fresh}
    return {**kept, **fresh, **lists}


def _joined(kept: Any, fresh: Any, by: str) -> Any:
    """The fresh rows, each with what only its kept one says; anything but lists of objects as it came."""
    if not isinstance(kept, list) or not isinstance(fresh, list):
        return fresh
    known = {row[by]: row for row in kept if isinstance(row, dict) and isinstance(row.get(by), str | int)}
    return [_row(known.get(_name(row, by), {}), row) for row in fresh]


def _name(row: Any, by: str) -> str | int | None:
    value = row.get(by) if isinstance(row, dict) else None
    return value if isinstance(value, str | int) else None


def _row(kept: Mapping[str, Any], fresh: Any) -> Any:
    if not kept or not isinstance(fresh, dict):
        return fresh
    return {**kept, **{name: value for name, value in fresh.items() if value is not None or name not in kept}}
