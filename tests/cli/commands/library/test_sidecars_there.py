"""Sidecars and pictures that are there already: each is somebody's, whoever comes to write beside it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.commands.library.test_sidecars import EVERY, held, known_with_picture
from tests.cli.conftest import Run
from tests.library_world import safetensors, write_known, write_unknown

pytestmark = pytest.mark.usefixtures("empty_home")


@pytest.fixture
def folder(empty_home: Path) -> Path:
    path = empty_home / "models"
    path.mkdir()
    return path


def scan(run: Run, formats: str = EVERY) -> Any:
    return run("library", "scan", "models", "--sidecar", formats, "--json")


@pytest.mark.parametrize("leads_to", ["settings.json", "nowhere.json"])
def test_a_link_in_a_sidecars_place_is_left_and_so_is_where_it_leads(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path, leads_to: str
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    Path("settings.json").write_text('{"mine": 1}')
    path.with_suffix(".json").symlink_to(Path(leads_to).absolute())
    ran = scan(at_sandbox, "a1111,swarm")
    assert ran.code != 0
    assert [Path(each["path"]).name for each in ran.document["errors"]] == [path.with_suffix(".json").name]
    assert Path("settings.json").read_text() == '{"mine": 1}' and not Path("nowhere.json").exists()
    assert path.with_suffix(".json").is_symlink() and path.with_suffix(".swarm.json").exists()


@pytest.mark.parametrize("linked", ["folder", "model"])
def test_sidecars_lie_beside_models_that_a_link_leads_to(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path, linked: str
) -> None:
    elsewhere = known_with_picture(civitai_sandbox, folder.with_name("disk"))
    link = folder if linked == "folder" else folder / "model.safetensors"
    if linked == "folder":
        folder.rmdir()
    link.symlink_to(elsewhere.parent if linked == "folder" else elsewhere)
    ran = scan(at_sandbox)
    assert (ran.code, ran.document["errors"]) == (0, [])
    names = {"info", "png", "json"}
    assert names <= {each.name.rpartition(".")[2] for each in folder.iterdir() if not each.is_symlink()}


@pytest.mark.parametrize("odd", ["folder", "pipe", "unreadable", "long"])
def test_what_is_no_small_file_in_a_sidecars_place_is_a_row(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path, odd: str
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    place = path.with_suffix(".cm-info.json")
    if odd == "folder":
        place.mkdir()
    elif odd == "pipe":
        os.mkfifo(place)
    elif odd == "long":
        with place.open("wb") as file:
            file.truncate(2**30)
    else:
        place.write_bytes(b"\xff\xfe{\x00")
    ran = scan(at_sandbox)
    assert ran.code != 0 and [each["path"] for each in ran.document["errors"]] == [str(place)]
    assert path.with_suffix(".metadata.json").exists()
    ran = at_sandbox("library", "sidecars", "models", "--from", "stability-matrix", "--to", "a1111", "--yes", "--json")
    assert ran.code != 0 and [each["path"] for each in ran.document["errors"]] == [str(place)]


@pytest.mark.parametrize("name", ["{}.png", "{}.preview.webp", "{}.jpg", "{}.thumb.jpg"])
def test_a_picture_that_programs_show_already_stays_the_only_one(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path, name: str
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    mine = folder / name.format(path.stem)
    mine.write_bytes(b"mine")
    assert scan(at_sandbox, "lora-manager").code == 0
    assert mine.read_bytes() == b"mine"
    assert {each.suffix for each in folder.iterdir()} == {".safetensors", ".json", mine.suffix}
    assert held(path.with_suffix(".metadata.json"))["preview_url"] == mine.as_posix()


def test_a_program_that_writes_into_its_picture_does_not_change_the_librarys(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    assert scan(at_sandbox, "a1111").code == 0
    [kept] = list(Path("downloads/library").rglob("*_preview_0.png"))
    before = kept.read_bytes()
    with path.with_suffix(".preview.png").open("r+b") as file:
        file.write(b"replaced")
    assert kept.read_bytes() == before


def test_a_folder_that_takes_no_files_is_rows_and_the_library_is_whole(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    longer = path.rename(folder / f"{'x' * 243}.safetensors")
    ran = scan(at_sandbox)
    assert ran.code != 0 and ran.data["files"][0]["status"] == "identified"
    assert {each["code"] for each in ran.document["errors"]} == {"not_writable"}
    # `.json` alone is short enough.
    assert held(longer.with_suffix(".json"))["sd version"] == "SDXL"


def test_sidecars_stay_a_files_own_after_a_program_rewrote_its_header(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    version = civitai_sandbox.world.add_version(civitai_sandbox.world.add_model("Edited", type="LORA"), "v1")
    civitai_sandbox.world.add_file(version, "edited.safetensors", content=safetensors("edited"))
    path = folder / "x.safetensors"
    path.write_bytes(safetensors("edited"))
    assert scan(at_sandbox).code == 0
    path.write_bytes(safetensors("edited", {"modelspec.title": "mine"}))
    ran = scan(at_sandbox)
    assert (ran.code, ran.document["errors"]) == (0, [])
    now = hashlib.sha256(path.read_bytes()).hexdigest()
    assert held(path.with_suffix(".metadata.json"))["sha256"] == now
    assert held(path.with_suffix(".cm-info.json"))["Hashes"]["SHA256"] == now.upper()


def test_formats_that_are_added_later_are_written_for_what_is_known_already(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    assert at_sandbox("library", "scan", "models", "--json").code == 0
    assert scan(at_sandbox, "swarm,a1111").code == 0
    assert path.with_suffix(".swarm.json").exists() and path.with_suffix(".preview.png").exists()


def test_two_files_of_one_stem_do_not_take_each_others_sidecars(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    first, second = write_known(civitai_sandbox.world, folder, 2, type="LORA")
    second.rename(first.with_suffix(".ckpt"))
    scan(at_sandbox)
    before = {each: each.read_bytes() for each in folder.iterdir()}
    ran = scan(at_sandbox)
    assert (ran.code, ran.document["errors"]) == (0, [])
    assert f"{first.with_suffix('.ckpt')}: the sidecars of that name are those of {first}." in ran.err
    assert {each: each.read_bytes() for each in folder.iterdir() if "metadata" not in each.name} == {
        each: content for each, content in before.items() if "metadata" not in each.name
    }
    ids = {
        held(first.with_suffix(".civitai.info"))["id"],
        held(first.with_suffix(".cm-info.json"))["VersionId"],
        held(first.with_suffix(".json"))["modelVersionId"],
        held(first.with_suffix(".metadata.json"))["civitai"]["id"],
    }
    assert len(ids) == 1
    words = ("library", "sidecars", "models", "--from", "civitai.info", "--to", "swarm", "--dry-run", "--json")
    first.with_suffix(".swarm.json").unlink()
    assert len(at_sandbox(*words).data["sidecars"]) == 1


def test_what_was_known_by_a_wrong_sidecar_is_not_known_any_more_once_that_is_gone(
    at_sandbox: Run, folder: Path
) -> None:
    [own] = write_unknown(folder, 1)
    info = own.with_suffix(".civitai.info")
    info.write_text(json.dumps({"id": 555, "modelId": 44, "name": "v1"}))
    assert at_sandbox("library", "scan", "models", "--json").data["files"][0]["version_id"] == 555
    info.unlink()
    row = at_sandbox("library", "scan", "models", "--json").data["files"][0]
    assert (row["status"], row.get("version_id"), row.get("matched_by")) == ("missing", None, None)


def test_a_sidecar_that_names_pictures_sends_us_nowhere(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [own] = write_unknown(folder, 1)
    url = f"{civitai_sandbox.url}/api/v1/models"
    body = {"id": 555, "modelId": 44, "files": [], "images": [{"id": 1, "url": url}]}
    own.with_suffix(".civitai.info").write_text(json.dumps(body))
    ran = at_sandbox("library", "scan", "models", "--json")
    assert (ran.code, ran.document["errors"]) == (0, [])


@pytest.mark.parametrize(
    "content",
    [
        {"id": True, "modelId": 1},
        {"id": 10**400, "modelId": 1},
        {"id": -5, "files": "x", "images": {"a": 1}, "trainedWords": "a, b"},
        {"id": 5, "model": "x", "creator": "{}", "files": [None, 1, {"hashes": []}]},
        {"id": 5, "name": "\ud800", "files": []},
        {"modelVersions": [1, None, {"id": 3}]},
        {"modelVersions": {}},
    ],
)
def test_a_damaged_sidecar_of_an_unknown_file_ends_nothing(
    at_sandbox: Run, folder: Path, content: dict[str, Any]
) -> None:
    [own] = write_unknown(folder, 1)
    own.with_suffix(".civitai.info").write_text(json.dumps(content))
    ran = scan(at_sandbox)
    assert [each["status"] for each in ran.data["files"]] in (["missing"], ["identified"])
    assert at_sandbox("library", "scan", "models", "--json").code in (0, 4)
    for target in EVERY.split(",")[1:]:
        words = ("library", "sidecars", "models", "--from", "civitai.info", "--to", target, "--yes", "--json")
        assert at_sandbox(*words).document


def test_a_sidecar_takes_no_kept_answers_place(at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path) -> None:
    [own] = write_unknown(folder, 1)
    info = own.with_suffix(".civitai.info")
    info.write_text(json.dumps({"id": 555, "modelId": 44, "name": "kept", "files": []}))
    assert at_sandbox("library", "scan", "models", "--json").code == 0
    info.write_text(json.dumps({"id": 555, "modelId": 44, "name": "other", "files": []}))
    assert at_sandbox("library", "scan", "models", "--json").code == 0
    [kept] = Path("downloads/library").rglob("*_civitai_model_version.json")
    assert held(kept)["name"] == "kept"


def test_a_form_is_not_converted_into_itself(at_sandbox: Run, folder: Path) -> None:
    ran = at_sandbox("library", "sidecars", "models", "--from", "a1111", "--to", "a1111", "--json")
    assert (ran.code, bool(ran.document["errors"][0]["hint"])) == (2, True)


def test_a_conversion_says_nothing_that_only_the_site_can_say(at_sandbox: Run, folder: Path) -> None:
    [own] = write_unknown(folder, 1)
    body = {"id": 5, "modelId": 4, "name": "v1", "model": {"name": "M", "type": "LORA"}}
    own.with_suffix(".civitai.info").write_text(json.dumps(body))
    lm = own.with_suffix(".metadata.json")
    lm.write_text(json.dumps({"civitai_deleted": True, "metadata_source": "civarchive", "last_checked_at": 7}))
    own.with_suffix(".preview.png").write_bytes(b"p")
    words = ("library", "sidecars", "models", "--from", "civitai.info", "--to", "lora-manager", "--yes", "--json")
    assert at_sandbox(*words).code == 0
    found = held(lm)
    assert (found["civitai_deleted"], found["metadata_source"], found["last_checked_at"]) == (True, "civarchive", 7)
    assert found["civitai"]["id"] == 5 and found["preview_url"] == own.with_suffix(".preview.png").as_posix()
    assert at_sandbox(*words).data["sidecars"] == []


def test_a_download_whose_picture_does_not_come_has_its_sidecars_all_the_same(
    at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    world = civitai_sandbox.world
    model = world.add_model("Fetched", type="LORA")
    version = world.add_version(model)
    world.add_file(version, "fetched.safetensors")
    world.add_image(version=version, broken=True)
    ran = at_sandbox("download", str(model.id), "--sidecar", "lora-manager,swarm", "-y", "--json", "--retries", "0")
    place = Path("downloads", ran.data["downloaded"][0]["path"])
    assert place.with_suffix(".swarm.json").exists()
    assert held(place.with_suffix(".metadata.json"))["preview_url"] == ""


def test_a_download_leaves_what_somebody_has_made_of_its_sidecars(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    model = civitai_sandbox.world.add_simple("Fetched", type="LORA")
    civitai_sandbox.world.add_image(version=model.versions[0])
    words = ("download", str(model.id), "--sidecar", EVERY, "-y", "--json")
    place = Path("downloads", at_sandbox(*words).data["downloaded"][0]["path"])
    place.with_suffix(".preview.png").rename(place.with_suffix(".png"))
    mine = {**held(place.with_suffix(".json")), "activation text": "mine", "vae": "x"}
    place.with_suffix(".json").write_text(json.dumps(mine))
    before = place.with_suffix(".json").read_bytes()
    assert at_sandbox(*words).code == 0
    assert place.with_suffix(".json").read_bytes() == before
    assert not place.with_suffix(".preview.png").exists()
    place.with_suffix(".metadata.json").write_text("{broken")
    ran = at_sandbox(*words)
    assert ran.code != 0 and place.with_suffix(".metadata.json").read_text() == "{broken"


def test_a_file_that_is_itself_json_is_no_sidecar_of_its_neighbour(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    world = civitai_sandbox.world
    model = world.add_model("Fetched", type="LORA")
    version = world.add_version(model)
    world.add_file(version, "same.safetensors")
    world.add_file(version, "same.json", content=b'{"nodes": []}', type="Config")
    words = ("download", str(model.id), "--sidecar", EVERY, "-y", "--json")
    ran = at_sandbox(*words)
    places = [Path("downloads", each["path"]) for each in ran.data["downloaded"]]
    assert len(places) == 2, ran.out
    [config] = [each for each in places if each.suffix == ".json"]
    assert config.read_bytes() == b'{"nodes": []}'
    at_sandbox(*words)
    assert config.read_bytes() == b'{"nodes": []}'
    assert at_sandbox("db", "verify", "--json").code == 0


def test_sidecars_alone_can_be_had(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    model = civitai_sandbox.world.add_simple("Fetched", type="LORA")
    ran = at_sandbox("download", str(model.id), "--meta-only", "--sidecar", "lora-manager", "-y", "--json")
    assert (ran.code, ran.document["errors"]) == (0, [])
    [place] = list(Path("downloads").rglob("*.metadata.json"))
    assert held(place)["civitai"]["id"] == model.versions[0].id


def test_what_somebody_noted_in_our_sidecar_outlives_metadata_and_delete(
    at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    model = civitai_sandbox.world.add_simple("Fetched", type="LORA")
    words = ("download", str(model.id), "--metadata", "-y", "--json")
    place = Path("downloads", at_sandbox(*words).data["downloaded"][0]["path"]).with_suffix(".json")
    noted = json.dumps({**held(place), "activation text": "mine", "preferred weight": 0.7})
    place.write_text(noted)
    assert at_sandbox(*words).code == 0
    assert place.read_text() == noted
    assert at_sandbox("db", "delete", "--model-id", str(model.id), "--yes", "--json").code == 0
    assert place.read_text() == noted


def test_the_answer_that_makes_room_for_a1111_is_merged_too(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    model = civitai_sandbox.world.add_simple("Fetched", type="LORA")
    words = ("download", str(model.id), "--metadata", "--sidecar", "a1111", "-y", "--json")
    place = Path("downloads", at_sandbox(*words).data["downloaded"][0]["path"]).with_suffix(".civitai.info")
    theirs = {**held(place), "extensions": {"sd_civitai_helper": {"version": "1"}}}
    place.write_text(json.dumps(theirs))
    assert at_sandbox(*words).code == 0
    assert held(place) == theirs


def test_a_model_whose_name_is_no_utf8_has_sidecars_that_are(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    path = known_with_picture(civitai_sandbox, folder)
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.safetensors"))
    path.rename(odd)
    assert scan(at_sandbox).code == 0
    assert held(odd.with_suffix(".metadata.json"))["file_name"] == odd.stem
    assert odd.with_suffix(".preview.png").exists()
    words = ("library", "sidecars", "models", "--from", "lora-manager", "--to", "civitai.info", "--yes", "--json")
    assert at_sandbox(*words).code == 0


def test_of_two_downloads_with_one_stem_the_same_has_the_sidecars_each_time(
    at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    world = civitai_sandbox.world
    model = world.add_model("Fetched", type="LORA")
    version = world.add_version(model)
    world.add_file(version, "same.sft")
    world.add_file(version, "same.safetensors")
    words = ("download", str(model.id), "--sidecar", EVERY, "-y", "--json")
    rows = at_sandbox(*words).data["downloaded"]
    [(place, sha256)] = [
        (Path("downloads", row["path"]), row["sha256"]) for row in rows if row["path"].endswith(".safetensors")
    ]
    again = at_sandbox(*words)
    assert (len(rows), again.code, again.document["errors"]) == (2, 0, [])
    assert held(place.with_suffix(".metadata.json"))["sha256"] == sha256
    assert held(place.with_suffix(".cm-info.json"))["Hashes"]["SHA256"] == sha256.upper()
