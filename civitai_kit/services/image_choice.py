"""Which images of a page are to be fetched, and where each goes: store, filters and names are asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

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


class Spot(NamedTuple):
    """Where an image goes: its path without extension, and the name of what made it."""

    stem: str
    name: str | None


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
        wanted = [(image, found) for image in leaf.images if (found := self._wanted(target, leaf, of, image))]
        leaf.wanted = len(wanted)
        clues = [clue_of(generation_of(image) or {}) for image, _ in wanted]
        if self.request.placing.names_makers:
            self.makers.learn(number for clue in clues for number in clue.version_ids)
        for (image, found), clue in zip(wanted, clues, strict=True):
            work = self._placed(target, leaf, image, found, clue)
            if work is None:
                self.tally.pass_over(of, Why.PATH_TOO_LONG)
            else:
                yield work

    def _wanted(self, target: Target, leaf: Leaf, of: TargetTally, image: Image) -> Found | None:
        """What is here of an image that is to be had, None for one that is not."""
        found = self.shelf.look(target, image.id or 0)
        if found.own is not None:
            self.tally.pass_over(of, Why.HAVE)
            self._mend(target, leaf, image, found)
            return None
        leaf.unknown += 1
        refusal = self.request.refusal(target, image)
        if isinstance(refusal, Why) or not image.url:
            self.tally.pass_over(of, refusal if isinstance(refusal, Why) else Why.NO_URL)
            return None
        if refusal is not None:
            self.tally.match(refusal)
        return found

    def _mend(self, target: Target, leaf: Leaf, image: Image, found: Found) -> None:
        """Save what is asked for beside an image that is there, where that lies in the output folder."""
        if found.own is None or not (self.request.metadata or self.request.save_workflow):
            return
        path = self.shelf.under_output(found.own)
        if path is not None:
            stem = path.rpartition(".")[0]
            self.mend(_work(target, leaf, image, found, Spot(stem, found.own.checkpoint)), path)

    def _placed(self, target: Target, leaf: Leaf, image: Image, found: Found, clue: Clue) -> Work | None:
        name = self.makers.name_of(clue) or image.base_model or None
        subject = Subject(
            target=target,
            image=image,
            quality=found.quality,
            has_meta=generation_of(image) is not None,
            name=name,
            model_id=leaf.model_id,
        )
        stem = self.request.placing.stem(subject)
        return None if stem is None else _work(target, leaf, image, found, Spot(stem, name))


def _work(target: Target, leaf: Leaf, image: Image, found: Found, spot: Spot) -> Work:
    return Work(
        target=target,
        leaf=leaf,
        image=image,
        stem=spot.stem,
        quality=found.quality,
        name=spot.name,
        meta=generation_of(image),
        source=found.source,
    )
