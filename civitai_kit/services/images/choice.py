"""Which images of a page are to be fetched, and to which path. Folders are named by the model that made an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from civitai_kit.core.errors import NotFound, SiteError
from civitai_kit.core.images.generation import Clue, clue_of, generation_of
from civitai_kit.core.images.placement import Subject
from civitai_kit.core.images.report import Why
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.images.targets import Target
from civitai_kit.core.site.models import Image
from civitai_kit.core.site.query import MODEL_PAGE, ModelQuery
from civitai_kit.services.images.counts import RunCounts, TargetCounts
from civitai_kit.services.images.files import WantedImage
from civitai_kit.services.images.ports import ImageSite, ImageStore
from civitai_kit.services.images.reading import ListingPage
from civitai_kit.services.images.records import FoundImage, KeptImages

_CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model: its name and type, either None where the site does not say."""

    name: str | None = None
    type: str | None = None


@dataclass(slots=True)
class ModelNames:
    """Names of the models behind versions, asked for a page at a time, each id once a run. Not for several threads."""

    site: ImageSite
    store: ImageStore
    _known: dict[int, NamedModel] = field(default_factory=dict)

    def learn(self, version_ids: Iterable[int]) -> None:
        """Find the models of these versions: in the store, else on the site, a hundred ids a request.

        An unknown id is not asked for again. When the site does not answer, its versions have no name.
        """
        fresh = [number for number in dict.fromkeys(version_ids) if number not in self._known]
        for number in fresh:
            entry = self.store.get(number)
            if entry is not None and entry.model_name:
                self._known[number] = NamedModel(entry.model_name, entry.type)
        unknown = [number for number in fresh if number not in self._known]
        for start in range(0, len(unknown), MODEL_PAGE):
            self._ask_for(unknown[start : start + MODEL_PAGE])

    def name_of(self, clue: Clue) -> str | None:
        """The model's name that a clue in the generation data leads to, or None."""
        if clue.name is not None:
            return clue.name
        sure = (self._known.get(number, NamedModel()).name for number in clue.sure)
        return next((name for name in (*sure, *self._checkpoints(clue.maybe), clue.plain) if name), None)

    def _checkpoints(self, version_ids: Iterable[int]) -> Iterator[str | None]:
        for number in version_ids:
            model = self._known.get(number, NamedModel())
            if (model.type or "").casefold() == _CHECKPOINT:
                yield model.name

    def _ask_for(self, version_ids: list[int]) -> None:
        try:
            for page in self.site.models_of(ModelQuery(model_version_ids=tuple(version_ids), nsfw=True), 1):
                for model in page.items:
                    for version in model.versions:
                        if version.id is not None:
                            self._known[version.id] = NamedModel(model.name, model.type)
            # Listings hide some models that can be had by id (site.md 2.1, 3).
            for number in version_ids:
                if number not in self._known:
                    self._known[number] = self._ask_one(number)
        except SiteError:
            for number in version_ids:
                self._known.setdefault(number, NamedModel())

    def _ask_one(self, version_id: int) -> NamedModel:
        try:
            owner = self.site.version(version_id).model
        except NotFound:
            return NamedModel()
        return NamedModel() if owner is None else NamedModel(owner.name, owner.type)


class _Candidate(NamedTuple):
    """An image of a page, its generation data, and its files that are here already."""

    image: Image
    meta: dict[str, Any] | None
    found: FoundImage

    def wanted_at(self, target: Target, page: ListingPage, stem: str, name: str | None) -> WantedImage:
        """The image to be put at `stem`; `name` is that of the model that made it."""
        return WantedImage(
            target=target,
            page=page,
            image=self.image,
            stem=stem,
            quality=self.found.quality,
            name=name,
            meta=self.meta,
            source=self.found.source,
        )


@dataclass(slots=True)
class Chooser:
    """Chooses among the images of a page; `mend` saves what is missing beside one that is there."""

    request: ImagesRequest
    kept: KeptImages
    names: ModelNames
    counts: RunCounts
    mend: Callable[[WantedImage, str], None]

    def of_page(self, target: Target, page: ListingPage, of: TargetCounts) -> Iterator[WantedImage]:
        """The images of a page to fetch; the others are counted by reason."""
        candidates = [found for image in page.images if (found := self._candidate(target, page, of, image))]
        page.wanted = len(candidates)
        clues = [clue_of(candidate.meta or {}) for candidate in candidates]
        if self.request.placing.names_makers:
            self.names.learn(number for clue in clues for number in clue.version_ids)
        for candidate, clue in zip(candidates, clues, strict=True):
            wanted = self._placed(target, page, candidate, clue)
            if wanted is None:
                self.counts.pass_over(of, Why.PATH_TOO_LONG)
            else:
                yield wanted

    def _candidate(self, target: Target, page: ListingPage, of: TargetCounts, image: Image) -> _Candidate | None:
        """An image to fetch, with its files that are here already; None for one that is passed over."""
        if image.id is None:
            self.counts.pass_over(of, Why.NO_ID)
            return None
        candidate = _Candidate(image, generation_of(image), self.kept.look(target, image.id))
        if candidate.found.own is not None:
            self.counts.pass_over(of, Why.HAVE)
            self._mend(target, page, candidate)
            return None
        page.unknown += 1
        refusal = self.request.refusal(target, image)
        if isinstance(refusal, Why) or not image.url:
            self.counts.pass_over(of, refusal if isinstance(refusal, Why) else Why.NO_URL)
            return None
        if refusal is not None:
            self.counts.match(refusal)
        return candidate

    def _mend(self, target: Target, page: ListingPage, candidate: _Candidate) -> None:
        """Save missing files beside an image that is there, when it lies in the output folder."""
        own = candidate.found.own
        path = None if own is None else self.kept.under_output(own)
        if own is not None and path is not None:
            self.mend(candidate.wanted_at(target, page, path.rpartition(".")[0], own.checkpoint), path)

    def _placed(self, target: Target, page: ListingPage, candidate: _Candidate, clue: Clue) -> WantedImage | None:
        name = self.names.name_of(clue) or candidate.image.base_model or None
        subject = Subject(
            target=target,
            image=candidate.image,
            quality=candidate.found.quality,
            has_meta=candidate.meta is not None,
            name=name,
            model_id=page.model_id,
        )
        stem = self.request.placing.stem(subject)
        return None if stem is None else candidate.wanted_at(target, page, stem, name)
