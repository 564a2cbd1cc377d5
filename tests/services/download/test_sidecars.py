"""What is saved beside files: it comes when asked for, and what fails of it never undoes a model file."""

from __future__ import annotations

from civitai_kit.core.events import Warned
from civitai_kit.core.plans.plan_file import plan_text, read_plan
from civitai_kit.testing import Known
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
