"""What is saved beside files: it comes when asked for, and what fails of it never undoes a model file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from threading import Barrier
from typing import cast

import pytest

from civitai_kit.core.events import Warned
from civitai_kit.core.plans.plan_file import plan_text, read_plan
from civitai_kit.core.site.models import Model, ModelVersion, Page
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.services.download.download import DownloadOptions, download
from civitai_kit.services.ports import Site
from civitai_kit.testing import Known, World
from tests.services.collection import Collection

PLAIN = str(int(Known.PLAIN_LORA))


def models_in(collection: Collection) -> list[str]:
    return [path for path in collection.files() if path.endswith(".safetensors")]


def test_images_of_a_model_are_those_of_all_its_versions(collection: Collection) -> None:
    report = collection.download(PLAIN, options={"model_info": True, "model_images": True})
    versions = collection.sandbox.world.models[Known.PLAIN_LORA].versions
    promised = sum(len(version.images) for version in versions)
    pictures = [path for path in report.saved if not path.endswith(".json")]
    assert len(versions) > 1 and len(pictures) == promised > 0
    assert all((collection.root / path).stat().st_size for path in pictures)
    assert collection.download(PLAIN, options={"model_info": True, "model_images": True}).saved == ()


def test_an_image_that_the_site_lost_is_a_warning_and_the_rest_comes(collection: Collection) -> None:
    collection.sandbox.faults.add("storage_404", times=1, match="/original")
    report = collection.download(PLAIN, options={"version_images": True})
    assert (report.exit_code, len(models_in(collection))) == (0, 1)
    assert [event for event in collection.events if isinstance(event, Warned) and "no longer" in event.message]


def test_an_image_that_is_refused_is_an_error_of_its_own_and_the_file_stays(collection: Collection) -> None:
    collection.sandbox.faults.add("storage_503", times=None, match="/original")
    report = collection.download(PLAIN, options={"version_images": True})
    assert report.exit_code != 0
    assert {error.version_id for error in report.errors} == {100101}
    assert len(models_in(collection)) == 1
    collection.sandbox.faults.clear()
    assert collection.download(PLAIN, options={"version_images": True}).saved


def test_model_information_that_cannot_be_had_is_an_error_of_its_own_and_the_file_stays(collection: Collection) -> None:
    plan = read_plan(plan_text(collection.scan(PLAIN)), "plan.json")
    collection.sandbox.faults.add("server_error", times=None, match="/api/v1/models/1001")
    report = collection.execute(plan, model_info=True)
    assert (report.exit_code != 0, len(models_in(collection))) == (True, 1)
    assert {error.model_id for error in report.errors} == {1001}


def test_a_model_that_went_after_the_plan_was_made_is_a_warning(collection: Collection) -> None:
    plan = read_plan(plan_text(collection.scan(PLAIN)), "plan.json")
    collection.execute(plan)
    collection.sandbox.world.remove_model(Known.PLAIN_LORA)
    report = collection.execute(plan, metadata=True, model_info=True)
    assert (report.exit_code, report.saved) == (0, ())
    assert next(event.message for event in collection.events if isinstance(event, Warned)).startswith("Model 1001")


def test_any_text_of_the_site_is_saved_as_it_came(collection: Collection) -> None:
    text = "caf\u00e9 \U0001f600"
    collection.sandbox.world.models[Known.PLAIN_LORA].description = text
    report = collection.download(PLAIN, options={"model_info": True})
    info = next(path for path in report.saved if path.endswith(".json"))
    assert text.encode() in (collection.root / info).read_bytes()


@dataclass
class Meeting:
    """The site, asked for versions by so many at once: whoever asks waits until all are there."""

    site: Site
    barrier: Barrier

    def version(self, version_id: int) -> ModelVersion:
        """One version, once the others have asked as well."""
        self.barrier.wait(20)
        return self.site.version(version_id)

    def models_of(self, query: ModelQuery) -> Iterator[Page[Model]]:
        """A listing that hides them all."""
        return iter(())

    def models_by_id(self, model_ids: Iterable[int]) -> tuple[Model, ...]:
        """None of them is listed."""
        return ()


def test_the_answers_of_two_versions_are_asked_for_at_once(collection: Collection) -> None:
    plan = read_plan(plan_text(collection.scan(PLAIN, all_versions=True)), "plan.json")
    assert len({item.version_id for item in plan.items}) == len(plan.items) > 1
    with ExitStack() as stack:
        parts = collection.kit(stack, writing=True).download_parts
        site = cast("Site", Meeting(parts.site, Barrier(len(plan.items))))
        options = DownloadOptions(concurrency=len(plan.items), metadata=True)
        report = download(replace(parts, site=site), plan, options, collection.events.append)
    assert (report.exit_code, len(report.saved)) == (0, len(plan.items))
    answers = [json.loads((collection.root / path).read_text()) for path in report.saved]
    assert {answer["id"] for answer in answers} == {item.version_id for item in plan.items}


def test_a_version_of_several_files_is_asked_for_once(collection: Collection) -> None:
    plan = read_plan(plan_text(collection.scan(str(int(Known.CHECKPOINT_VARIANTS)))), "plan.json")
    assert len(plan.items) > 1
    collection.sandbox.clear_requests()
    assert collection.execute(plan, metadata=True, concurrency=len(plan.items)).exit_code == 0
    asked = [record.path for record in collection.sandbox.requests if "/model-versions/" in record.path]
    assert asked == ["/api/v1/model-versions/100201"]


def test_a_model_of_several_versions_is_asked_for_once(collection: Collection) -> None:
    plan = read_plan(plan_text(collection.scan(PLAIN, all_versions=True)), "plan.json")
    collection.sandbox.clear_requests()
    assert collection.execute(plan, model_info=True, concurrency=4).exit_code == 0
    paths = [record.path for record in collection.sandbox.requests]
    assert [path for path in paths if path.startswith("/api/v1/")] == ["/api/v1/models"]


def test_a_preview_that_is_wanted_in_two_places_is_fetched_once(collection: Collection) -> None:
    report = collection.download(PLAIN, options={"version_images": True, "model_images": True})
    pictures = [collection.root / path for path in report.saved if not path.endswith(".json")]
    assert len({path.name for path in pictures}) < len(pictures)
    fetched = [record.path for record in collection.sandbox.requests if "original=true" in record.path]
    assert len(fetched) == len(set(fetched)) == len({path.stat().st_ino for path in pictures})


def test_previews_of_a_host_that_asks_to_slow_down_come_after_its_pause(collection: Collection) -> None:
    collection.sandbox.faults.add("storage_429", times=3, match="original", retry_after=0.05)
    report = collection.download(PLAIN, options={"version_images": True})
    assert (report.exit_code, len(report.saved) > 0) == (0, True)
    assert [event for event in collection.events if isinstance(event, Warned) and "slow down" in event.message]


def questions(collection: Collection) -> list[str]:
    """What the site was asked for, downloads not among it."""
    return [record.path for record in collection.sandbox.requests if record.path.startswith("/api/v1/")]


@pytest.mark.parametrize("options", [{}, {"metadata": True, "model_info": True}])
def test_a_saved_plan_asks_once_for_a_hundred_models(collection: Collection, options: dict[str, bool]) -> None:
    collection.sandbox.world = World.large(models=110, bytes_each=1000)
    plan = read_plan(plan_text(collection.scan()), "plan.json")
    collection.sandbox.clear_requests()
    report = collection.execute(plan, concurrency=8, **options)
    assert (report.exit_code, len(report.downloaded)) == (0, 110)
    assert questions(collection) == ["/api/v1/models", "/api/v1/models"]


def test_a_plan_without_model_ids_is_asked_for_at_once_too(collection: Collection) -> None:
    found = collection.scan(PLAIN, all_versions=True)
    items = tuple(replace(item, model_id=None) for item in found.items)
    collection.sandbox.clear_requests()
    assert collection.execute(replace(found, items=items), metadata=True).exit_code == 0
    assert questions(collection) == ["/api/v1/models"]


def test_what_the_listing_does_not_show_of_a_saved_plan_is_asked_for_by_id(collection: Collection) -> None:
    plan = collection.scan(PLAIN, "https://civitai.com/model-versions/101501")
    collection.sandbox.clear_requests()
    report = collection.execute(plan, metadata=True)
    assert (report.exit_code, len(report.saved)) == (0, 2)
    assert questions(collection) == ["/api/v1/models", "/api/v1/model-versions/101501"]


WAYS = {
    "listing": lambda collection: collection.scan(query=ModelQuery(query="Plain Line")),
    "model": lambda collection: collection.scan(PLAIN),
    "models": lambda collection: collection.scan(PLAIN, str(int(Known.FLUX))),
    "version": lambda collection: collection.scan("https://civitai.com/models/1001?modelVersionId=100101"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("saved", [False, True])
def test_a_sidecar_says_whose_version_it_is_whichever_way_it_was_found(
    collection: Collection, way: str, *, saved: bool
) -> None:
    plan = WAYS[way](collection)
    if saved:
        plan = read_plan(plan_text(plan), "plan.json")
    path = next(item.path for item in plan.items if item.version_id == 100101)
    assert collection.execute(plan, metadata=True).exit_code == 0
    written = json.loads((collection.root / path).with_suffix(".json").read_text())
    owner = {"name": "Plain Line Art", "type": "LORA", "nsfw": False, "poi": False}
    assert (written["id"], written["modelId"], written["model"]) == (100101, 1001, owner)
    entry = collection.entry(100101)
    assert entry is not None
    assert entry.version == written


def test_an_image_without_an_id_is_told_and_the_others_come(collection: Collection) -> None:
    version = collection.sandbox.world.models[Known.PLAIN_LORA].versions[0]
    collection.sandbox.world.add_image(version=version)
    version.images[0].extra = {"id": None, "url": "https://image.civitai.com/x/y/original=true/z.jpeg"}
    report = collection.download(PLAIN, options={"version_images": True})
    assert (report.exit_code, len(report.saved)) == (0, 1)
    said = [event.message for event in collection.events if isinstance(event, Warned)]
    assert said == ["1 image has no id in the site's answer for version 100101, and cannot be saved."]
