"""Which remembered versions the site no longer has: their states, and a row for each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.site.models import Model


class SiteState(StrEnum):
    """What became of a version on the site. `Entry.site_state` holds it, or None while the version is there."""

    GONE = "gone"
    ARCHIVED = "archived"
    TAKEN_DOWN = "taken_down"


_MODES = {"Archived": SiteState.ARCHIVED, "TakenDown": SiteState.TAKEN_DOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A remembered version that the site no longer gives; `last_seen` is ISO 8601, None if it never was seen."""

    key: str
    model_id: int | None
    version_id: int
    state: str
    last_seen: str | None
    model_name: str = ""
    version_name: str = ""

    def as_row(self) -> dict[str, Any]:
        """The version as one row of `removed[]`."""
        return {
            "key": self.key,
            "model_id": self.model_id,
            "version_id": self.version_id,
            "model_name": self.model_name,
            "version_name": self.version_name,
            "state": self.state,
            "last_seen": self.last_seen,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What came of asking: how many versions were `checked`, and those that are gone by rising version id."""

    checked: int = 0
    removed: tuple[Absent, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The `data` of `db removed --json`."""
        return {"checked": self.checked, "removed": [absent.as_row() for absent in self.removed]}


def state_of_mode(mode: str | None) -> SiteState | None:
    """What a model's `mode` says (site.md 2.2); None for a healthy model, and for modes nobody knows."""
    return _MODES.get(mode or "")


def lists_version(model: Model, version_id: int) -> bool:
    """Whether a listed model shows that version; the site leaves out versions without files."""
    return any(version.id == version_id for version in model.versions)


def absent_of(entry: Entry) -> Absent:
    """The row of an entry whose `site_state` says that it is gone."""
    return Absent(
        key=entry.key,
        model_id=entry.model_id,
        version_id=entry.version_id,
        model_name=entry.model_name,
        version_name=entry.version_name,
        state=entry.site_state or SiteState.GONE,
        last_seen=entry.last_seen,
    )
