"""`library scan`: local files are known by what they hold, kept, and adopted where they lie."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.conftest import Ran, Run
from tests.library_world import safetensors, write_known, write_unknown

OUT = Path("downloads/library")
FAULTS = ["server_error", "rate_limited", "login_page", "broken_json", "unauthorized", "html_200"]


def rows(ran: Ran) -> dict[str, dict[str, object]]:
    return {Path(str(row["path"])).name: row for row in ran.data["files"]}


def asked(sandbox: Sandbox) -> list[str]:
    return [f"{request.method} {request.path}" for request in sandbox.requests if request.path.startswith("/api/v1")]


@pytest.fixture
def folder(empty_home: Path) -> Path:
    path = empty_home / "models"
    path.mkdir()
    return path


def test_files_are_known_whatever_their_names_are(at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path) -> None:
    [known] = write_known(civitai_sandbox.world, folder, 1)
    [own] = write_unknown(folder, 1)
    ran = at_sandbox("library", "scan", "models", "--json")
    assert (ran.code, ran.data["counts"]) == (0, {"identified": 1, "missing": 1, "unchanged": 0, "error": 0})
    row = rows(ran)[known.name]
    model = list(civitai_sandbox.world.models.values())[-1]
    assert (row["model_id"], row["version_id"], row["matched_by"]) == (model.id, model.versions[0].id, "sha256")
    assert row["file_id"] == model.versions[0].files[0].id
    assert row["path"] == str(known)
    assert "version_id" not in rows(ran)[own.name]


def test_two_hundred_files_of_which_half_are_known_take_at_most_five_requests(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    write_known(civitai_sandbox.world, folder, 100)
    write_unknown(folder, 100)
    civitai_sandbox.clear_requests()
    first = at_sandbox("library", "scan", "models", "--images", "none", "--json")
    assert first.data["counts"] == {"identified": 100, "missing": 100, "unchanged": 0, "error": 0}
    assert len(asked(civitai_sandbox)) <= 5, asked(civitai_sandbox)
    civitai_sandbox.clear_requests()
    second = at_sandbox("library", "scan", "models", "--images", "none", "--json")
    assert second.data["counts"] == {"identified": 0, "missing": 100, "unchanged": 100, "error": 0}
    assert (second.data["bytes"], second.data["saved"] <= 1) == (0, True)
    assert len(asked(civitai_sandbox)) <= 5


def test_what_is_kept_has_the_data_managers_names_and_the_answers_as_they_came(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    world = civitai_sandbox.world
    model = world.add_model("Kept", type="LORA")
    version = world.add_version(model, "v1")
    content = safetensors("kept", {"ss_output_name": "kept"})
    file = world.add_file(version, "kept.safetensors", content=content)
    world.add_image(version=version)
    (folder / "My Model v1.5 [anime].safetensors").write_bytes(content)
    assert at_sandbox("library", "scan", "models", "--json").code == 0
    stem = "My_Model_v1_5_anime"
    kept = {path.name for path in (OUT / stem).iterdir()}
    names = ("metadata.json", "hash.json", "civitai_model_version.json", "civitai_model.json", "preview_0.json")
    assert {f"{stem}_{name}" for name in names} <= kept
    assert f"{stem}_preview_0.png" in kept
    assert json.loads((OUT / stem / f"{stem}_metadata.json").read_text()) == {"ss_output_name": "kept"}
    hashes = json.loads((OUT / stem / f"{stem}_hash.json").read_text())
    assert hashes["hash_type"] == "SHA256" and hashes["hash_value"] == file.body.digests["SHA256"].lower()
    assert hashes["filename"] == "My Model v1.5 [anime].safetensors"
    answer = json.loads((OUT / stem / f"{stem}_civitai_model_version.json").read_text())
    assert (answer["id"], answer["modelId"]) == (version.id, model.id)
    whole = json.loads((OUT / stem / f"{stem}_civitai_model.json").read_text())
    assert whole["id"] == model.id and whole["modelVersions"]
    processed = json.loads((OUT / "processed_files.json").read_text())
    assert processed["files"] == [str(folder / "My Model v1.5 [anime].safetensors")]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_never_replaces_a_good_answer(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path, fault: str
) -> None:
    write_known(civitai_sandbox.world, folder, 1)
    assert at_sandbox("library", "scan", "models", "--images", "none", "--json").code == 0
    before = {path: path.read_bytes() for path in OUT.rglob("*_civitai_*.json")}
    assert len(before) == 2
    civitai_sandbox.faults.add(fault, times=None)
    ran = at_sandbox("library", "scan", "models", "--images", "none", "--refresh", "--max-retries", "0", "--json")
    assert ran.code in (3, 5, 6)
    assert {path: path.read_bytes() for path in before} == before
    assert rows(ran)["model (0).safetensors"]["status"] == "unchanged"


def test_a_removed_model_is_marked_with_when_it_was_last_alive_and_its_answers_stay(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    world = civitai_sandbox.world
    write_known(world, folder, 1)
    assert at_sandbox("library", "scan", "models", "--images", "none", "--json").code == 0
    before = {path: path.read_bytes() for path in OUT.rglob("*_civitai_*.json")}
    world.remove_model(list(world.models)[-1])
    ran = at_sandbox("library", "scan", "models", "--images", "none", "--refresh", "--json")
    assert (ran.code, rows(ran)["model (0).safetensors"]["site_state"]) == (0, "gone")
    assert {path: path.read_bytes() for path in before} == before
    listed = (OUT / "missing_from_civitai.txt").read_text().splitlines()
    assert listed[0] == "# Files not found on Civitai"
    assert listed[-1].endswith("| Status 404 | model (0).safetensors")
    removed = at_sandbox("db", "view", "--json").data["entries"][0]
    assert removed["status"] == "Downloaded"


def test_without_a_network_everything_local_is_done(at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path) -> None:
    write_known(civitai_sandbox.world, folder, 2)
    ran = at_sandbox("library", "scan", "models", "--api-url", "http://127.0.0.1:9", "--max-retries", "0", "--json")
    assert (ran.code, ran.data["counts"]["error"]) == (5, 2)
    assert all(row["sha256"] for row in ran.data["files"])
    civitai_sandbox.clear_requests()
    later = at_sandbox("library", "scan", "models", "--json")
    assert (later.code, later.data["bytes"], later.data["counts"]["identified"]) == (0, 0, 2)


def test_a_file_whose_header_was_edited_is_found_by_the_bytes_behind_it(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    world = civitai_sandbox.world
    version = world.add_version(world.add_model("Edited", type="LORA"), "v1")
    world.add_file(version, "edited.safetensors", content=safetensors("edited"))
    (folder / "x.safetensors").write_bytes(safetensors("edited", {"modelspec.title": "mine"}))
    ran = at_sandbox("library", "scan", "models", "--json")
    row = rows(ran)["x.safetensors"]
    assert (row["status"], row["version_id"], row["matched_by"]) == ("identified", version.id, "auto_v3")
    assert (
        at_sandbox("download", f"urn:air:sdxl:lora:civitai:{version.model_id}@{version.id}", "-y", "--json").data[
            "downloaded"
        ]
        == []
    )


def test_an_adopted_file_is_not_fetched_again_and_is_verified_where_it_lies(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [path] = write_known(civitai_sandbox.world, folder, 1)
    ran = at_sandbox("library", "scan", "models", "--json")
    model_id = ran.data["files"][0]["model_id"]
    again = at_sandbox("download", str(model_id), "-y", "--json")
    assert (again.code, again.data["downloaded"], again.data["skipped"][0]["reason"]) == (0, [], "have")
    assert at_sandbox("db", "stats", "--json").data["bytes"] == path.stat().st_size
    assert at_sandbox("db", "verify", "--json").data["counts"] == {"ok": 1}
    path.write_bytes(bytes(path.stat().st_size))
    assert at_sandbox("db", "verify", "--json").data["counts"] == {"hash_mismatch": 1}


def test_rings_of_links_end_and_each_file_comes_once(at_sandbox: Run, folder: Path) -> None:
    [own] = write_unknown(folder, 1)
    (folder / "ring").symlink_to(folder, target_is_directory=True)
    (folder / "again.safetensors").symlink_to(own)
    ran = at_sandbox("library", "scan", "models", "models", "--json")
    assert [row["path"] for row in ran.data["files"]] == [str(own)]


def test_what_cannot_be_read_is_a_row_and_the_others_are_done(at_sandbox: Run, folder: Path) -> None:
    write_unknown(folder, 1)
    (folder / "empty.pt").touch()
    (folder / "gone.ckpt").symlink_to(folder / "nowhere")
    ran = at_sandbox("library", "scan", "models", "--json")
    assert (ran.code, ran.data["counts"]) == (7, {"identified": 0, "missing": 1, "unchanged": 0, "error": 2})
    hints = {row["path"]: row["hint"] for row in ran.document["errors"]}
    assert set(hints) == {str(folder / "empty.pt"), str(folder / "gone.ckpt")}
    # What is read has nothing to do with where is written.
    assert not any("--save-path" in hint for hint in hints.values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Nothing says where to look"),
        (("nowhere",), "There is nothing at"),
        (("models", "--only-new", "--only-update"), "leave nothing to look at"),
        (("models", "--images", "some"), "first, all, none"),
    ],
)
def test_bad_input_is_a_sentence_with_a_hint(at_sandbox: Run, folder: Path, words: tuple[str, ...], said: str) -> None:
    ran = at_sandbox("library", "scan", *words, "--json")
    assert ran.code == 2
    assert said in ran.document["errors"][0]["message"]


def test_a_folder_without_models_is_no_error(at_sandbox: Run, folder: Path) -> None:
    ran = at_sandbox("library", "scan", "models", "--json")
    assert (ran.code, ran.data["files"]) == (0, [])


def test_two_files_of_one_stem_have_two_folders(at_sandbox: Run, folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "lora.safetensors").write_bytes(os.urandom(100))
    assert at_sandbox("library", "scan", "models", "--json").code == 0
    folders = [path for path in OUT.iterdir() if path.is_dir()]
    assert len(folders) == 2 and all((path / f"{path.name}_hash.json").is_file() for path in folders)


def test_only_new_files_are_looked_at_when_that_is_asked_for(at_sandbox: Run, folder: Path) -> None:
    write_unknown(folder, 2)
    assert len(at_sandbox("library", "scan", "models", "--json").data["files"]) == 2
    [third] = write_unknown(folder / "more", 1)
    ran = at_sandbox("library", "scan", "models", "--only-new", "--json")
    assert [row["path"] for row in ran.data["files"]] == [str(third)]
    known = at_sandbox("library", "scan", "models", "--only-update", "--json")
    assert len(known.data["files"]) == 3
