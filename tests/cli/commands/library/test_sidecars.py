"""`--sidecar` of scan and download, and `library sidecars`: what other programs find beside the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.conftest import Run
from tests.library_world import write_known, write_unknown

EVERY = "civitai.info,a1111,lora-manager,stability-matrix,swarm"


@pytest.fixture
def folder(empty_home: Path) -> Path:
    path = empty_home / "models"
    path.mkdir()
    return path


def held(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def known_with_picture(sandbox: Sandbox, folder: Path) -> Path:
    [path] = write_known(sandbox.world, folder, 1, type="LORA")
    sandbox.world.add_image(version=list(sandbox.world.models.values())[-1].versions[0])
    return path


def test_a_scan_writes_what_each_program_reads_and_a_second_changes_nothing(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    model = list(civitai_sandbox.world.models.values())[-1]
    ran = at_sandbox("library", "scan", "models", "--sidecar", EVERY, "--json")
    stem = path.with_suffix("")
    assert ran.code == 0 and set(ran.data["sidecars"]) == {str(each) for each in folder.iterdir()} - {str(path)}
    assert held(Path(f"{stem}.civitai.info"))["id"] == model.versions[0].id
    assert held(Path(f"{stem}.metadata.json"))["file_path"] == path.as_posix()
    assert held(Path(f"{stem}.cm-info.json"))["ModelId"] == model.id
    assert held(Path(f"{stem}.json"))["sd version"] == "SDXL"
    assert Path(f"{stem}.swarm.json").exists() and Path(f"{stem}.preview.png").exists()
    before = {each: each.read_bytes() for each in folder.iterdir()}
    assert at_sandbox("library", "scan", "models", "--sidecar", EVERY, "--json").code == 0
    changed = {each.name for each in folder.iterdir() if before.get(each) != each.read_bytes()}
    assert changed <= {f"{stem.name}.metadata.json"}


def test_a_download_writes_the_same_and_the_answer_makes_room_for_a1111(
    at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    model = civitai_sandbox.world.add_simple("Fetched", type="LORA")
    civitai_sandbox.world.add_image(version=model.versions[0])
    ran = at_sandbox("download", str(model.id), "--metadata", "--sidecar", "a1111,lora-manager", "-y", "--json")
    assert ran.code == 0, ran.out
    path = Path("downloads", ran.data["downloaded"][0]["path"])
    stem = path.with_suffix("")
    assert "activation text" in held(Path(f"{stem}.json"))
    assert held(Path(f"{stem}.civitai.info"))["id"] == model.versions[0].id
    assert held(Path(f"{stem}.metadata.json"))["sha256"] == ran.data["downloaded"][0]["sha256"]
    assert Path(f"{stem}.preview.png").exists()


def test_metadata_never_takes_the_place_of_another_programs_file(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    model = civitai_sandbox.world.add_simple("Fetched", type="LORA")
    ran = at_sandbox("download", str(model.id), "-y", "--json")
    place = Path("downloads", ran.data["downloaded"][0]["path"]).with_suffix(".json")
    place.write_text('{"activation text": "mine", "preferred weight": 0.7}', encoding="utf-8")
    assert at_sandbox("download", str(model.id), "--metadata", "-y", "--json").code == 0
    assert held(place) == {"activation text": "mine", "preferred weight": 0.7}


def test_a_broken_sidecar_is_a_row_and_stays_as_it_is(at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    broken = Path(f"{path.with_suffix('')}.metadata.json")
    broken.write_text("{mine", encoding="utf-8")
    ran = at_sandbox("library", "scan", "models", "--sidecar", "lora-manager,swarm", "--json")
    assert (ran.code, ran.document["errors"][0]["path"]) == (2, str(broken))
    assert broken.read_text(encoding="utf-8") == "{mine"
    assert Path(f"{path.with_suffix('')}.swarm.json").exists()


def test_a_file_that_the_site_does_not_know_is_known_by_its_sidecar_but_not_proved(
    at_sandbox: Run, folder: Path
) -> None:
    [own] = write_unknown(folder, 1)
    info = own.with_suffix(".civitai.info")
    info.write_text(json.dumps({"id": 555, "modelId": 44, "name": "v1", "files": [], "model": {"name": "Old"}}))
    row = at_sandbox("library", "scan", "models", "--json").data["files"][0]
    assert (row["version_id"], row["model_id"], row["matched_by"]) == (555, 44, "sidecar")
    assert row["site_state"] == "gone"
    assert at_sandbox("db", "view", "--json").data["entries"] == []
    kept = held(Path("downloads/library/own_0/own_0_civitai_model_version.json"))
    assert kept["id"] == 555


def test_sidecars_are_converted_after_a_yes_and_shown_before(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    at_sandbox("library", "scan", "models", "--sidecar", "civitai.info", "--json")
    words = ("library", "sidecars", "models", "--from", "civitai.info", "--to", "stability-matrix")
    target = Path(f"{path.with_suffix('')}.cm-info.json")
    plan = at_sandbox(*words, "--dry-run", "--json")
    assert plan.data["sidecars"] == [{"path": str(target), "model": str(path), "status": "created"}]
    assert not target.exists()
    assert at_sandbox(*words, "--json").code == 2
    assert at_sandbox(*words, "--yes", "--json").code == 0
    assert held(target)["VersionId"] == held(path.with_suffix(".civitai.info"))["id"]
    assert at_sandbox(*words, "--dry-run", "--json").data["sidecars"] == []


@pytest.mark.parametrize(
    "words",
    [
        ("library", "scan", "models", "--sidecar", "lora-manger"),
        ("library", "sidecars", "models", "--from", "a1111"),
        ("library", "sidecars", "--from", "a1111", "--to", "swarm"),
        ("library", "sidecars", "models", "--from", "nothing", "--to", "swarm"),
        ("library", "sidecars", "nowhere", "--from", "a1111", "--to", "swarm"),
    ],
)
def test_bad_input_is_refused_with_a_hint(at_sandbox: Run, folder: Path, words: tuple[str, ...]) -> None:
    ran = at_sandbox(*words, "--json")
    assert (ran.code, bool(ran.document["errors"][0]["hint"])) == (2, True)
