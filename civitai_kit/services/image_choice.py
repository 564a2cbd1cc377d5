"""Which images of a page are to be fetched, and where each goes: store, filters and names are asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from civitai_kit.core.gallery import Subject
from civitai_kit.core.generation import Clue, clue_of, generation_of
from civitai_kit.core.image_report import Why
from civitai_kit.core.image_request import ImagesRequest
from civitai_kit.core.image_targets import Target
from civitai_kit.core.models import Image
from civitai_kit.services.image_files import Work
from civitai_kit.services.image_names import Makers
from civitai_kit.services.image_reading import Leaf
from civitai_kit.services.image_shelf import Found, Shelf
from civitai_kit.services.image_tally import Tally, TargetTally


class _Candidate(NamedTuple):
    """An image of a page, its generation data, and what is here of it."""

    image: Image
    meta: dict[str, Any] | None
    found: Found

    def work(self, target: Target, leaf: Leaf, stem: str, name: str | None) -> Work:
        """The image to be put at `stem`; `name` is that of what made it."""
        return Work(
            target=target,
            leaf=leaf,
            image=self.image,
            stem=stem,
            quality=self.found.quality,
            name=name,
            meta=self.meta,
            source=self.found.source,
        )


@dataclass(slots=True)
class Choice:
    """Chooses among the images of a page; `mend` saves what is missing beside one that is there."""

    request: ImagesRequest
    shelf: Shelf
    makers: Makers
    tally: Tally
    mend: Callable[[Work, str], None]

    def of_page(self, target: Target, leaf: Leaf, of: TargetTally) -> Iterator[Work]:
        """What is to be fetched of a page; what is not is counted, with its reason."""
        wanted = [found for image in leaf.images if (found := self._wanted(target, leaf, of, image))]
        leaf.wanted = len(wanted)
        clues = [clue_of(candidate.meta or {}) for candidate in wanted]
        if self.request.placing.names_makers:
            self.makers.learn(number for clue in clues for number in clue.version_ids)
        for candidate, clue in zip(wanted, clues, strict=True):
            work = self._placed(target, leaf, candidate, clue)
            if work is None:
                self.tally.pass_over(of, Why.PATH_TOO_LONG)
            else:
                yield work

    def _wanted(self, target: Target, leaf: Leaf, of: TargetTally, image: Image) -> _Candidate | None:
        """An image that is to be had, with what is here of it; None for one that is not."""
        candidate = _Candidate(image, generation_of(image), self.shelf.look(target, image.id or 0))
        if candidate.found.own is not None:
            self.tally.pass_over(of, Why.HAVE)
            self._mend(target, leaf, candidate)
            return None
        leaf.unknown += 1
        refusal = self.request.refusal(target, image)
        if isinstance(refusal, Why) or not image.url:
            self.tally.pass_over(of, refusal if isinstance(refusal, Why) else Why.NO_URL)
            return None
        if refusal is not None:
            self.tally.match(refusal)
        return candidate

    def _mend(self, target: Target, leaf: Leaf, candidate: _Candidate) -> None:
        """Save what is missing beside an image that is there, where that lies in the output folder."""
        own = candidate.found.own
        path = None if own is None else self.shelf.under_output(own)
        if own is not None and path is not None:
            self.mend(candidate.work(target, leaf, path.rpartition(".")[0], own.checkpoint), path)

    def _placed(self, target: Target, leaf: Leaf, candidate: _Candidate, clue: Clue) -> Work | None:
        name = self.makers.name_of(clue) or candidate.image.base_model or None
        subject = Subject(
            target=target,
            image=candidate.image,
            quality=candidate.found.quality,
            has_meta=candidate.meta is not None,
            name=name,
            model_id=leaf.model_id,
        )
        stem = self.request.placing.stem(subject)
        return None if stem is None else candidate.work(target, leaf, stem, name)
