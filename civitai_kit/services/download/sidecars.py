"""What is saved beside model files: the site's answers for version and model, and their images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, Protocol

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError, Code, NotFound, SiteError, in_our_tree
from civitai_kit.core.events import Emit, Event, FileWaits, Saved, Warned
from civitai_kit.core.paths.media_endings import CLIPS, SOUNDS, STILLS
from civitai_kit.core.paths.places import model_image_path, model_info_path, sidecar_path, version_image_path
from civitai_kit.core.plans.plan import Item
from civitai_kit.core.sidecars.merging import stem_beside
from civitai_kit.core.site.models import Model, ModelVersion, Preview
from civitai_kit.core.site.urls import media_url
from civitai_kit.services.download.answers import PlannedAnswers
from civitai_kit.services.listed import batches, listed_models
from civitai_kit.services.pictures import Pictures, SharingFolder, WantedPicture
from civitai_kit.services.ports import SavePath, Site

IMAGE_EXTENSIONS = tuple(ending.removeprefix(".") for ending in (*STILLS, *CLIPS, *SOUNDS))


class SaveFolder(SavePath, SharingFolder, Protocol):
    """The save path, where files may share their bytes."""


@dataclass
class Sidecars:
    """Saves what was asked for beside files; a failure here never undoes a model file that is right."""

    site: Site
    disk: SaveFolder
    pictures: Pictures
    answers: PlannedAnswers
    emit: Emit
    metadata: bool
    metadata_ending: str | None
    model_info: bool
    version_images: bool
    model_images: bool
    refetch_models: bool
    saved: list[str] = field(default_factory=list)
    errors: list[CivitaiKitError] = field(default_factory=list)
    received: int = 0
    has_ended: bool = False
    _models: dict[int, Model | None] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def version_of(self, item: Item) -> dict[str, Any] | None:
        """The site's answer for an item's version; None when the site refuses."""
        return self.answers.version(item)

    def model_facts(self, item: Item) -> dict[str, Any] | None:
        """The site's answer for the model, without its versions; None when it was not heard."""
        heard = self.answers.model(item.model_id)
        return None if heard is None else {name: value for name, value in heard.items() if name != "modelVersions"}

    def save_version(self, item: Item) -> None:
        """The version's answer as `<stem>.json` beside the file, when metadata is asked for.

        Where that name is A1111's it gets another ending; what plainly is not our answer is the user's, and stays.
        """
        if not self.metadata or (answer := self.version_of(item)) is None:
            return
        path = sidecar_path(item.path)
        if self.metadata_ending is not None:
            path = stem_beside(item.path) + self.metadata_ending
        elif self._is_anothers(path, item.version_id):
            hint = "With --sidecar a1111 the site's answer goes to .civitai.info."
            self.emit(Warned(f"{path} is another program's, and stays as it is.", hint))
            return
        self._write(path, answer)

    def _is_anothers(self, path: str, version_id: int) -> bool:
        """Whether a JSON file there is plainly no answer of the site about this version."""
        if not self.disk.size(path):
            return False
        try:
            held = json.loads(self.disk.read(path) or b"{}")
        except (ValueError, RecursionError):
            return False
        return isinstance(held, dict) and bool(held) and held.get("id") != version_id

    def save_versions(self, items: Iterable[Item]) -> None:
        """The same for many; one that cannot be written is an error of its own, and its file stays right."""
        for item in items:
            self.attempt(partial(self.save_version, item), item)

    def save_models(self, items: Iterable[Item]) -> None:
        """The model's whole answer, once a model, when model information is asked for."""
        if not self.model_info:
            return
        wanted = {item.model_id: item for item in items if item.model_id is not None}
        self._models.update(dict.fromkeys(wanted))
        for batch in batches(wanted):
            listed = self._listed(batch)
            for model_id in batch:
                self.attempt(partial(self._save_model, model_id, listed.get(model_id)), wanted[model_id])

    def _listed(self, model_ids: list[int]) -> dict[int, Model]:
        """Those of the models that are asked for now and listed; with one of them the answer by its id is richer."""
        unheard = [number for number in model_ids if self._heard(number) is None]
        try:
            return listed_models(self.site, unheard) if len(unheard) > 1 else {}
        except SiteError:
            return {}

    def _heard(self, model_id: int) -> dict[str, Any] | None:
        return None if self.refetch_models else self.answers.model(model_id)

    def _save_model(self, model_id: int, listed: Model | None) -> None:
        heard = self._heard(model_id)
        try:
            model = listed or (self.site.model(model_id) if heard is None else Model.model_validate(heard))
        except NotFound as error:
            self.emit(
                Warned(
                    f"Model {model_id}: {error.message}",
                    "Its page is not to be had, so no model information was saved.",
                )
            )
            return
        self._models[model_id] = model
        self._write(model_info_path(model), model.raw)

    def version_image_jobs(self, items: Iterable[Item]) -> Iterator[Callable[[], None]]:
        """A job for every image of every item's version, to `images/` beside the file."""
        if not self.version_images:
            return
        seen: set[str] = set()
        for item in items:
            answer = self.version_of(item)
            for preview in self._nameable(ModelVersion.model_validate(answer), item) if answer else ():
                stem = version_image_path(item.path, preview.image_id or 0, "")
                if stem not in seen:
                    seen.add(stem)
                    yield partial(self.attempt, partial(self._save_image, preview, stem), item)

    def model_image_jobs(self, items: Iterable[Item]) -> Iterator[Callable[[], None]]:
        """A job for every image of every version of each model whose information was saved."""
        if not self.model_images:
            return
        shown: set[int] = set()
        for item in items:
            model = self._models.get(item.model_id) if item.model_id is not None else None
            if model is None or item.model_id in shown:
                continue
            shown.add(item.model_id or 0)
            for version in model.versions:
                for preview in self._nameable(version, item):
                    stem = model_image_path(model, version, preview.image_id or 0, "")
                    yield partial(self.attempt, partial(self._save_image, preview, stem), item)

    def _nameable(self, version: ModelVersion, item: Item) -> list[Preview]:
        """The images of a version that have an id; the others are told."""
        named = [preview for preview in version.images if preview.image_id is not None]
        if lost := len(version.images) - len(named):
            what = "1 image has" if lost == 1 else f"{lost} images have"
            self.emit(Warned(f"{what} no id in the site's answer for version {item.version_id}, and cannot be saved."))
        return named

    def _save_image(self, preview: Preview, stem: str) -> None:
        stem = stem.rstrip(".")
        if preview.url is None or any(self.disk.size(f"{stem}.{ending}") for ending in IMAGE_EXTENSIONS):
            return
        urls = (media_url(preview.url, preview.type),)
        picture = WantedPicture(image_id=preview.image_id or 0, quality=Quality.HD, stem=stem, urls=urls)
        try:
            brought = self.pictures.bring(picture)
        except CivitaiKitError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            self._count(error.received)
            self.emit(Warned(f"{stem}: the site no longer has this image."))
            return
        self._count(brought.received or 0)
        self.tell(brought.path)

    def _count(self, received: int) -> None:
        with self._lock:
            self.received += received

    def _write(self, path: str, answer: dict[str, Any]) -> None:
        content = answer_as_json(answer)
        # What is there may be of any length: only what may be the same is read.
        if self.disk.size(path) != len(content) or self.disk.read(path) != content:
            self.disk.write(path, content)
            self.tell(path)

    def tell(self, path: str) -> None:
        with self._lock:
            self.saved.append(path)
        self.emit(Saved(path))

    def attempt(self, work: Callable[[], None], item: Item) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - what lies beside a file is an error of its own
            failure = in_our_tree(error)
            self._count(failure.received)
            failure.model_id = failure.model_id or item.model_id
            failure.version_id = failure.version_id or item.version_id
            with self._lock:
                self.errors.append(failure)
                self.has_ended = self.has_ended or failure.code in ENDS_RUN


def answer_as_json(answer: dict[str, Any]) -> bytes:
    """An answer as JSON that people can read; half a surrogate pair, which no UTF-8 can hold, stays escaped."""
    try:
        return json.dumps(answer, ensure_ascii=False, indent=2).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(answer, indent=2).encode() + b"\n"


def tell_pauses(emit: Emit, event: Event) -> None:
    """Tell of previews only that their host wants a pause: they are told when they are saved, not while they move."""
    if isinstance(event, FileWaits) and event.too_fast:
        emit(Warned("The image host asks to slow down, so previews take longer."))
