"""The catalogs' map as an answer that lies ready: made anew only when a catalog or a folder of models has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Protocol

from civitai_kit.services.catalog.catalogs import (
    LORAS,
    MODELS,
    CatalogParts,
    UnderWay,
    by_model,
    known_versions,
    moving_row,
    rows_of,
)
from civitai_kit.services.catalog.files_there import FilesThere, folder_of

# File systems tell times some milliseconds apart.
_TELLS_APART_NS = 100_000_000
# A file that another program is still writing grows without its folder changing: what changed lately is watched too.
_LATELY_NS = 3_600_000_000_000
_MOST_WATCHED_FILES = 32

Look = Callable[[], int | None]


class Watched(Protocol):
    """A folder of which the changes are seen; `path` is relative to it with `/`."""

    def watch(self, path: str) -> Look:
        """Tells, each time, when a file or folder there was last changed, in nanoseconds; None where there is none."""


class MapAnswers:
    """Gives the map's JSON; a folder's time changes when a file comes, goes or is replaced by a finished one.

    The rows are kept as JSON, as they are while nothing is on its way; what is, is put in for each answer.
    """

    def __init__(self, parts: CatalogParts, catalogs: Watched, models: Watched) -> None:
        self._parts = parts
        self._catalogs = catalogs
        self._models = models
        self._lock = Lock()
        self._seen: list[tuple[Look, int | None]] | None = None
        self._rows: dict[int, str] = {}
        self._by_model = "{}"
        self._body = b""

    def ready(self) -> bytes | None:
        """The answer where nothing moves, and nothing has changed since it was made; None where it is to be made."""
        body = self._body
        return body if not self._parts.moving() and self._is_as_seen() else None

    def make(self) -> bytes:
        """The answer, made now where that is needed; raises BrokenCatalog."""
        with self._lock:
            if not self._is_as_seen():
                self._look()
            moving = self._parts.moving()
            return self._answer(moving) if moving else self._body

    def _is_as_seen(self) -> bool:
        seen = self._seen
        return seen is not None and all(look() == changed for look, changed in seen)

    def _look(self) -> None:
        """Make the rows, and note what they were made of."""
        self._seen = None
        now_ns = round(self._parts.now().timestamp() * 1e9)
        seen = [(look, look()) for look in map(self._catalogs.watch, (MODELS, LORAS))]
        known = known_versions(self._parts)
        folders = sorted({folder_of(entry) for _, _, entry in known})
        seen += [(look, look()) for look in map(self._models.watch, folders)]
        files = FilesThere(self._parts.models)
        rows = rows_of(known, files)
        self._rows = {version_id: _json(row) for version_id, row in rows.items()}
        self._by_model = _json(by_model(rows))
        self._body = self._answer({})
        growing = files.changed_since(now_ns - _LATELY_NS, _MOST_WATCHED_FILES)
        seen += [(self._models.watch(path), changed) for path, changed in growing.items()]
        # What changed too lately for a time to tell is looked at again the next time.
        if not any(_is_fresh(changed, now_ns) for _, changed in seen):
            self._seen = seen

    def _answer(self, moving: Mapping[int, UnderWay]) -> bytes:
        changed = {
            version_id: _json(moving_row(json.loads(self._rows[version_id]), transfer))
            for version_id, transfer in moving.items()
            if version_id in self._rows
        }
        rows = ",".join(f'"{number}":{row}' for number, row in {**self._rows, **changed}.items())
        return f'{{"by_version":{{{rows}}},"by_model":{self._by_model}}}'.encode()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _is_fresh(changed: int | None, now_ns: int) -> bool:
    """Whether it changed so lately that another change could have the same time."""
    return changed is not None and now_ns - changed < _TELLS_APART_NS
