"""Where a listing of images broke off, kept under the save path until a later run has gone on from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from civitai_kit.core.images.targets import Target
from civitai_kit.services.ports import SavePath

PLACE = ".civitai-kit.bookmarks.json"
_SCHEMA = 1

Cursor = str | int


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a target got: listings read to their end, and where the others broke off."""

    done: frozenset[str] = frozenset()
    broken: Mapping[str, Cursor] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.done or self.broken)


class Bookmarks:
    """The bookmarks of a save path, each of a target and the question asked of it; written whole or not at all.

    A file that cannot be read counts as empty: listings then begin at their start, which loses nothing.
    """

    def __init__(self, disk: SavePath) -> None:
        self._disk = disk
        self._rows = _rows_of(disk.read(PLACE))

    def find(self, target: Target, question: str) -> Bookmark:
        """Where to go on; an empty bookmark means from the start."""
        row = self._rows.get(_name(target))
        if not isinstance(row, dict) or row.get("question") != question:
            return Bookmark()
        return Bookmark(frozenset(_texts(row.get("done"))), _cursors(row.get("broken")))

    def keep(self, target: Target, question: str, bookmark: Bookmark) -> None:
        """Remember how far a target got; an empty bookmark takes the old one away."""
        before = self._rows.get(_name(target))
        if bookmark:
            row = {"question": question, "done": sorted(bookmark.done), "broken": dict(bookmark.broken)}
            self._rows[_name(target)] = row
        else:
            self._rows.pop(_name(target), None)
        if self._rows.get(_name(target)) != before:
            document = {"schema": _SCHEMA, "targets": self._rows}
            self._disk.write(PLACE, json.dumps(document, indent=1).encode() + b"\n")


def _name(target: Target) -> str:
    kind, value = target.identity
    return f"{kind}:{value}"


def _rows_of(content: bytes | None) -> dict[str, Any]:
    try:
        document = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    rows = document.get("targets") if isinstance(document, dict) and document.get("schema") == _SCHEMA else None
    return rows if isinstance(rows, dict) else {}


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _cursors(value: Any) -> dict[str, Cursor]:
    if not isinstance(value, dict):
        return {}
    return {
        name: cursor for name, cursor in value.items() if isinstance(cursor, str | int) and not isinstance(cursor, bool)
    }
