"""Names of the models that made images: asked for by version id, a page's at once, each id once a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from civitai_kit.core.collection.entry import ImageRecord, Quality
from civitai_kit.core.errors import NotFound, SiteError, UsageError
from civitai_kit.core.images.generation import Clue, clue_of, generation_of
from civitai_kit.core.images.placement import Subject
from civitai_kit.core.images.report import Why
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.images.targets import Target
from civitai_kit.core.site.models import Image
from civitai_kit.core.site.query import MODEL_PAGE, ModelQuery
from civitai_kit.services.images.files import Work
from civitai_kit.services.images.ports import Album, Gallery, PictureFolder
from civitai_kit.services.images.reading import Leaf
from civitai_kit.services.images.records import Tally, TargetTally
from civitai_kit.services.ports import Disk

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
            # Listings hide some models that can be had by id (site.md 2.1, 3).
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


@dataclass(frozen=True, slots=True)
class Found:
    """What is here of an image: `own` is its record for this target, else `source` a file of another with its bytes.

    `quality` is that of the file to be had.
    """

    quality: Quality
    own: ImageRecord | None = None
    source: Path | None = None


class Shelf:
    """Looks at store and disk; a record whose file is gone, or has another size, counts for nothing."""

    def __init__(self, disk: Disk, out: PictureFolder, album: Album, request: ImagesRequest) -> None:
        self._disk = disk
        self._out = out
        self._album = album
        self._request = request
        relative = out.relative_to(disk.root, out.root)
        # The output folder may be the save path itself.
        self._prefix = f"{out.root.absolute().as_posix()}/" if relative is None else f"{relative}/".removeprefix("./")

    def look(self, target: Target, image_id: int) -> Found:
        """What is here of an image of a target; nothing where all is to be fetched anew."""
        nothing = Found(self._request.quality)
        if self._request.redownload:
            return nothing
        other: Found | None = None
        for record in self._album.images_by_id(image_id):
            if not self._request.accepts(record) or (place := self._place(record)) is None:
                continue
            if target.holds(record):
                return Found(record.quality, own=record)
            if other is None or record.quality is self._request.quality:
                other = Found(record.quality, source=place)
        return other or nothing

    def remembered(self, path: str) -> str:
        """A path under the output folder as it is remembered: relative to the save path, absolute when outside."""
        return f"{self._prefix}{path}"

    def under_output(self, record: ImageRecord) -> str | None:
        """Where a recorded file lies under the output folder, None when it lies elsewhere."""
        if record.path is None or record.path.startswith(self._prefix):
            return record.path and record.path.removeprefix(self._prefix)
        return self._out.relative(self._absolute(record.path))

    def _place(self, record: ImageRecord) -> Path | None:
        """The recorded file, when it is there as it was left."""
        if record.path is None:
            return None
        try:
            place = self._absolute(record.path)
        except UsageError:  # It would lead out of the save path.
            return None
        size = self._out.size_at(place)
        return place if size and (record.size is None or record.size == size) else None

    def _absolute(self, path: str) -> Path:
        if self._prefix and path.startswith(self._prefix):
            return self._out.locate(path.removeprefix(self._prefix))
        return Path(path) if Path(path).is_absolute() else self._disk.locate(path)


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
