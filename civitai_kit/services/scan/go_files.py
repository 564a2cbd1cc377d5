"""Files that the Go downloader left under the save path: each is entered where it lies, and not fetched again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civitai_kit.core.errors import UsageError
from civitai_kit.core.paths.places import Template
from civitai_kit.core.plans.selection import Choice

if TYPE_CHECKING:
    from civitai_kit.services.ports import SavePath


@dataclass(frozen=True, slots=True)
class GoFiles:
    """Looks for files in the layouts of `templates`; `folders` are those that lie under the save path."""

    disk: SavePath
    templates: tuple[Template, ...]
    folders: frozenset[str]

    @classmethod
    def under(cls, disk: SavePath, templates: Iterable[Template]) -> GoFiles:
        """The files under a save path; a new one has none, and costs no look at any."""
        try:
            folders = frozenset(place.name for place in disk.root.iterdir() if place.is_dir())
        except OSError:
            folders = frozenset()
        return cls(disk, tuple(templates) if folders else (), folders)

    def find(self, choice: Choice, planned: str) -> str | None:
        """Where a chosen file lies, unless it is where it is planned; whether it is the right one, its hash tells."""
        if not self.templates or self._is_there(planned):
            return None
        placed = (
            template.place(model=choice.model, version=choice.version, file=choice.file) for template in self.templates
        )
        return next((path for path in placed if path != planned and self._is_there(path)), None)

    def _is_there(self, path: str) -> bool:
        try:
            return path.partition("/")[0] in self.folders and self.disk.size(path) is not None
        except UsageError:  # A link there leads out of the save path.
            return False
