"""Names of the models that made images: asked for by version id, a page's at once, each id once a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from civitai_kit.core.errors import NotFound, SiteError
from civitai_kit.core.generation import Clue
from civitai_kit.core.query import MODEL_PAGE, ModelQuery
from civitai_kit.services.image_ports import Album, Gallery

_CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Maker:
    """A model: its name and type, either None where the site does not say."""

    name: str | None = None
    type: str | None = None


@dataclass(slots=True)
class Makers:
    """What is known of versions' models; not safe for several threads."""

    site: Gallery
    album: Album
    _known: dict[int, Maker] = field(default_factory=dict)

    def learn(self, version_ids: Iterable[int]) -> None:
        """Find out whose versions these are: from the store, else the site, a hundred ids a question.

        An id that nobody knows is not asked for again; a site that does not answer leaves them nameless.
        """
        fresh = [number for number in dict.fromkeys(version_ids) if number not in self._known]
        for number in fresh:
            entry = self.album.get(number)
            if entry is not None and entry.model_name:
                self._known[number] = Maker(entry.model_name, entry.type)
        unknown = [number for number in fresh if number not in self._known]
        for start in range(0, len(unknown), MODEL_PAGE):
            self._ask_for(unknown[start : start + MODEL_PAGE])

    def name_of(self, clue: Clue) -> str | None:
        """The name that a clue leads to, None where it leads to none."""
        if clue.name is not None:
            return clue.name
        sure = (self._known.get(number, Maker()).name for number in clue.sure)
        return next((name for name in (*sure, *self._checkpoints(clue.maybe), clue.plain) if name), None)

    def _checkpoints(self, version_ids: Iterable[int]) -> Iterator[str | None]:
        for number in version_ids:
            maker = self._known.get(number, Maker())
            if (maker.type or "").casefold() == _CHECKPOINT:
                yield maker.name

    def _ask_for(self, version_ids: list[int]) -> None:
        try:
            for page in self.site.models_of(ModelQuery(model_version_ids=tuple(version_ids), nsfw=True), 1):
                for model in page.items:
                    for version in model.versions:
                        if version.id is not None:
                            self._known[version.id] = Maker(model.name, model.type)
            # Listings hide some models that can be had by id (API facts 2.2, 12).
            for number in version_ids:
                if number not in self._known:
                    self._known[number] = self._ask_one(number)
        except SiteError:
            for number in version_ids:
                self._known.setdefault(number, Maker())

    def _ask_one(self, version_id: int) -> Maker:
        try:
            owner = self.site.version(version_id).model
        except NotFound:
            return Maker()
        return Maker() if owner is None else Maker(owner.name, owner.type)
