"""What is kept of a model, and the reason for everything that is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from civitai_kit.core.plans.plan import Reason, Skip
from civitai_kit.core.plans.selection import Selection, account_name, choose
from civitai_kit.core.site.models import Model

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def file(file_id: int = 1, **parts: Any) -> dict[str, Any]:
    return {"id": file_id, "name": f"f{file_id}.safetensors", "type": "Model", "sizeKB": 4, "primary": True, **parts}


def version(version_id: int = 10, base_model: str = "SDXL 1.0", **parts: Any) -> dict[str, Any]:
    return {"id": version_id, "name": "v", "baseModel": base_model, "files": [file()], **parts}


def model(*versions: dict[str, Any], **parts: Any) -> Model:
    body = {"id": 5, "name": "M", "type": "LORA", "tags": ["anime"], "creator": {"username": "Ann B"}, **parts}
    return Model.model_validate({**body, "modelVersions": list(versions) or [version()]})


def outcome(subject: Model, wanted: int | None = None, **wishes: Any) -> list[Reason | int]:
    """File ids of what is kept and reasons of what is not, in order."""
    found: list[Reason | int] = []
    for one in choose(subject, Selection(**wishes), NOW, wanted):
        found.append(one.reason if isinstance(one, Skip) else one.file.id or 0)
    return found


def test_without_wishes_every_file_of_the_newest_version_is_kept_whatever_its_format() -> None:
    newest = version(11, files=[file(1), file(2, metadata={"format": "GGUF"}), file(3, name="a.zip", primary=False)])
    assert outcome(model(newest, version(10))) == [1, 2, 3]


def test_all_versions_keeps_the_files_of_every_version() -> None:
    assert outcome(model(version(11, files=[file(2)]), version(10)), all_versions=True) == [2, 1]


def test_a_base_model_finds_the_newest_version_with_it_behind_a_newer_one_with_another() -> None:
    subject = model(version(12, "Pony", files=[file(3)]), version(11, files=[file(2)]), version(10))
    assert outcome(subject, base_models=("sdxl 1.0",)) == [2]


def test_a_model_without_the_base_model_is_one_skip() -> None:
    assert outcome(model(version(11, "Pony"), version(10, "Pony")), base_models=("SDXL 1.0",)) == [Reason.BASE_MODEL]


def test_an_ignored_base_model_matches_by_part_and_leads_to_the_next_version() -> None:
    assert outcome(model(version(11, "Flux.1 D", files=[file(2)]), version(10)), ignore_base_models=("flux",)) == [1]


def test_a_version_asked_for_by_id_is_found_behind_newer_ones() -> None:
    assert outcome(model(version(11, files=[file(2)]), version(10)), wanted=10) == [1]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"mode": "Archived"}, Reason.ARCHIVED),
        ({"mode": "TakenDown"}, Reason.TAKEN_DOWN),
        ({"availability": "Private"}, Reason.PRIVATE),
        ({"modelVersions": []}, Reason.NO_FILES),
    ],
)
def test_a_model_out_of_reach_is_one_skip_with_its_reason(parts: dict[str, Any], reason: Reason) -> None:
    body = {"id": 5, "name": "M", "type": "LORA", "modelVersions": [version()], **parts}
    assert outcome(Model.model_validate(body)) == [reason]


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"types": ("Checkpoint",)}, Reason.TYPE),
        ({"tags": ("cars",)}, Reason.TAG),
        ({"ignore_tags": ("ANIME",)}, Reason.TAG),
        ({"creator_exclude": ("ann b",)}, Reason.CREATOR),
        ({"usernames": ("somebody",)}, Reason.CREATOR),
    ],
)
def test_a_model_that_is_not_wished_for_is_one_skip_with_its_reason(wishes: dict[str, Any], reason: Reason) -> None:
    assert outcome(model(), **wishes) == [reason]


def test_an_ignored_tag_matches_whole_tags_only() -> None:
    assert outcome(model(), ignore_tags=("ani",)) == [1]


def test_a_username_is_compared_as_the_site_does() -> None:
    assert outcome(model(), usernames=("ann_B",)) == [1]
    assert account_name(" Ann B. C ") == "ann_bc"


@pytest.mark.parametrize(
    ("parts", "wishes", "reason"),
    [
        ({"type": "Training Data"}, {}, Reason.FILE_TYPE),
        ({"type": "VAE"}, {"file_types": ("model",)}, Reason.FILE_TYPE),
        ({}, {"ignore_filenames": ("F1.SAFE",)}, Reason.FILE_NAME),
        ({"primary": False}, {"primary_only": True}, Reason.NOT_PRIMARY),
        ({"metadata": {"format": "PickleTensor"}}, {"formats": ("safetensor",)}, Reason.FORMAT),
        ({}, {"min_size": 4097}, Reason.SIZE),
        ({}, {"max_size": 4095}, Reason.SIZE),
        ({"pickleScanResult": "Danger"}, {}, Reason.UNSAFE),
        ({"virusScanResult": "Danger"}, {}, Reason.UNSAFE),
    ],
)
def test_a_file_that_is_not_wanted_has_its_reason(
    parts: dict[str, Any], wishes: dict[str, Any], reason: Reason
) -> None:
    assert outcome(model(version(files=[file(**parts)])), **wishes) == [reason]


@pytest.mark.parametrize(
    ("parts", "wishes"),
    [
        ({"type": "Training Data"}, {"file_types": ("training data",)}),
        ({"pickleScanResult": "Danger"}, {"allow_unsafe": True}),
        ({}, {"min_size": 4096, "max_size": 4096}),
        ({"sizeKB": 0}, {"min_size": 9000}),
    ],
)
def test_a_file_is_kept_when_it_was_asked_for(parts: dict[str, Any], wishes: dict[str, Any]) -> None:
    assert outcome(model(version(files=[file(**parts)])), **wishes) == [1]


def test_pruned_and_fp16_concern_checkpoints_only() -> None:
    full = version(files=[file(1, metadata={"size": "full", "fp": "fp32"})])
    pruned = version(files=[file(1, metadata={"size": "pruned", "fp": "fp16"})])
    assert outcome(model(full, type="Checkpoint"), pruned=True) == [Reason.NOT_PRUNED]
    assert outcome(model(full, type="Checkpoint"), fp16=True) == [Reason.NOT_FP16]
    assert outcome(model(pruned, type="Checkpoint"), pruned=True, fp16=True) == [1]
    assert outcome(model(full, type="LORA"), pruned=True, fp16=True) == [1]


@pytest.mark.parametrize(
    "gate",
    [
        {"paidAccess": {"permanent": True, "endsAt": None}},
        {"paidAccess": {"permanent": False, "endsAt": "2026-12-01T00:00:00.000Z"}},
        {"earlyAccessDeadline": "2026-12-01T00:00:00.000Z"},
        {"earlyAccessEndsAt": "2026-12-01T00:00:00"},
        {"earlyAccessTimeFrame": 5, "publishedAt": "2026-11-20T00:00:00.000Z"},
        {"availability": "EarlyAccess"},
    ],
)
def test_a_version_behind_a_gate_is_skipped_unless_it_shall_be_tried(gate: dict[str, Any]) -> None:
    assert outcome(model(version(**gate))) == [Reason.EARLY_ACCESS]
    assert outcome(model(version(**gate)), early_access=True) == [1]


@pytest.mark.parametrize(
    "gate",
    [
        {"paidAccess": None},
        {"paidAccess": {"permanent": False, "endsAt": "2026-11-01T00:00:00.000Z"}},
        {"earlyAccessDeadline": "2026-11-01T00:00:00.000Z"},
        {"earlyAccessTimeFrame": 5, "publishedAt": "2023-01-20T00:00:00.000Z"},
        {"earlyAccessTimeFrame": 0},
    ],
)
def test_a_gate_that_has_opened_is_none(gate: dict[str, Any]) -> None:
    assert outcome(model(version(**gate))) == [1]


def test_the_time_a_gate_opens_is_told() -> None:
    ends = "2026-12-01T00:00:00.000Z"
    skip = next(choose(model(version(paidAccess={"permanent": False, "endsAt": ends})), Selection(), NOW))
    assert isinstance(skip, Skip)
    assert skip.until == ends


def test_a_version_for_use_on_the_site_only_is_not_downloadable() -> None:
    assert outcome(model(version(usageControl="Generation"))) == [Reason.NOT_DOWNLOADABLE]


def test_a_model_of_which_the_site_says_nothing_is_survived() -> None:
    assert outcome(Model.model_validate({})) == [Reason.NO_FILES]
    assert outcome(Model.model_validate({"modelVersions": [{}]})) == [Reason.NO_FILES]
    kept = list(choose(Model.model_validate({"modelVersions": [{"files": [{}]}]}), Selection(), NOW))
    assert [skip.reason for skip in kept if isinstance(skip, Skip)] == [Reason.NO_FILES]
