"""The catalogs' map as an answer that lies ready: made anew only when a catalog or a folder of models has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from threading import Lock
from typing import Any, Protocol

from civitai_kit.services.catalog.catalogs import LORAS, MODELS, CatalogParts, civitai_map

# File systems tell times some milliseconds apart.
_TELLS_APART_NS = 100_000_000


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
        self._seen: tuple[int | None, ...] | None = None
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
            found, before = self._looked()
            if before is None:  # Folders of models were seen for the first time: now they are watched.
                found, before = self._looked()
            self._body = json.dumps(found, separators=(",", ":")).encode()
            # What changed too lately for a time to tell is looked at again the next time.
            is_settled = before is not None and not self._parts.moving() and not self._is_fresh(before)
            self._seen = before if is_settled else None
            return self._body

    def _looked(self) -> tuple[dict[str, Any], tuple[int | None, ...] | None]:
        """The map, and the state of what it was made of; None where that was not watched."""
        before = self._state(self._dests)
        found = civitai_map(self._parts)
        dests = tuple(sorted({row["dest"] for row in found["by_version"].values()}))
        was_watched, self._dests = dests == self._dests, dests
        return found, before if was_watched else None

    def _is_fresh(self, state: tuple[int | None, ...]) -> bool:
        """Whether anything changed so lately that another change could have the same time."""
        now = self._parts.now().timestamp() * 1e9
        return any(changed is not None and now - changed < _TELLS_APART_NS for changed in state)

    def _state(self, dests: Iterable[str]) -> tuple[int | None, ...]:
        catalogs = (self._catalogs.changed_at(name) for name in (MODELS, LORAS))
        return (*catalogs, *(self._models.changed_at(dest) for dest in dests))
