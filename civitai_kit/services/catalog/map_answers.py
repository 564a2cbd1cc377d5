"""The catalogs' map as an answer that lies ready: made anew only when a catalog or a folder of models has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Protocol

from civitai_kit.services.catalog.catalogs import LORAS, MODELS, CatalogParts, civitai_map


class Watched(Protocol):
    """A folder of which the changes are seen; `path` is relative to it with `/`."""

    def changed_at(self, path: str) -> int | None:
        """When a file or folder there was last changed, in nanoseconds; None where there is none."""


class MapAnswers:
    """Gives the map's JSON; a folder's time changes when a file comes, goes or is replaced by a finished one."""

    def __init__(self, parts: CatalogParts, catalogs: Watched, models: Watched) -> None:
        self._parts = parts
        self._catalogs = catalogs
        self._models = models
        self._lock = Lock()
        self._seen: tuple[object, ...] | None = None
        self._dests: tuple[str, ...] = ()
        self._body = b""

    def ready(self) -> bytes | None:
        """The answer where nothing has changed since it was made; None where it is to be made."""
        moving = self._parts.moving()
        return self._body if not moving and self._seen == self._state(self._dests) else None

    def make(self) -> bytes:
        """The answer, made now where that is needed; raises BrokenCatalog."""
        with self._lock:
            ready = self.ready()
            if ready is not None:
                return ready
            before = self._state(self._dests)
            found = civitai_map(self._parts)
            dests = tuple(sorted({row["dest"] for row in found["by_version"].values()}))
            body = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
            if self._parts.moving():
                return body
            # What changed while it was made is seen at the next question.
            self._seen = before if dests == self._dests else self._state(dests)
            self._dests, self._body = dests, body
            return body

    def _state(self, dests: Iterable[str]) -> tuple[object, ...]:
        look: Callable[[str], int | None] = self._models.changed_at
        return (self._catalogs.changed_at(MODELS), self._catalogs.changed_at(LORAS), *map(look, dests))
