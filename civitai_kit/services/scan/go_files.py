"""Files that the Go downloader left under the save path: each is entered where it lies, and not fetched again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civitai_kit.core.errors import UsageError
from civitai_kit.core.paths.former_names import former_version
from civitai_kit.core.paths.places import Template
from civitai_kit.core.plans.selection import Choice
from civitai_kit.core.site.models import ModelVersion

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
        """Where a chosen file lies, unless it is where it is planned; whether it is the right one, its hash tells.

        The site has given files other names since they were fetched, so former names are tried too.
        """
        if not self.templates or self._is_there(planned):
            return None
        placed = self._places(choice, choice.version)
        found = next((path for path in placed if path != planned and self._is_there(path)), None)
        return self._renamed(choice) if found is None else found

    def _places(self, choice: Choice, version: ModelVersion) -> Iterator[str]:
        """Where the chosen file would lie with the names that its version's files have in `version`."""
        file = next((one for one in version.files if one.id == choice.file.id), choice.file)
        return (template.place(model=choice.model, version=version, file=file) for template in self.templates)

    def _renamed(self, choice: Choice) -> str | None:
        """The file under its former name, alone or among its twins; as others had that name too, by its hash."""
        version, sha256 = former_version(choice.version), choice.file.hashes.sha256
        if version is None or sha256 is None:
            return None
        own = tuple(file for file in version.files if file.id == choice.file.id)
        alone = version.model_copy(update={"files": own})
        places = dict.fromkeys([*self._places(choice, alone), *self._places(choice, version)])
        return next((path for path in places if self._is_it(path, choice.file.size, sha256)), None)

    def _is_it(self, path: str, size: int | None, sha256: str) -> bool:
        return self._is_there(path) and self.disk.size(path) == size and self.disk.digests(path).sha256 == sha256

    def _is_there(self, path: str) -> bool:
        try:
            return path.partition("/")[0] in self.folders and self.disk.size(path) is not None
        except UsageError:  # A link there leads out of the save path.
            return False
