"""`library missing`, `where`, `duplicates`, `clean`, `update`, `import-data`: what is done with a scanned library."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.conftest import Ran, Run
from tests.library_world import safetensors, write_known, write_unknown

OUT = Path("downloads/library")


@pytest.fixture
def folder(empty_home: Path) -> Path:
    path = empty_home / "models"
    path.mkdir()
    return path


def scanned(run: Run, *words: str) -> Ran:
    ran = run("library", "scan", "models", "--images", "none", *words, "--json")
    assert ran.code == 0, ran.out
    return ran


def test_what_the_site_does_not_have_is_listed_and_where_its_file_is(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    write_known(civitai_sandbox.world, folder, 1)
    [own] = write_unknown(folder, 1)
    scanned(at_sandbox)
    [row] = at_sandbox("library", "missing", "--json").data["files"]
    assert (row["path"], row["status"], row["site_state"]) == (str(own), "here", "unknown")
    own.unlink()
    assert at_sandbox("library", "missing", "--json").data["files"][0]["status"] == "gone"


@pytest.mark.parametrize("way", ["missing", "empty"])
def test_the_files_of_a_drive_that_is_offline_are_unreachable_and_nothing_of_them_is_lost(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path, way: str
) -> None:
    write_known(civitai_sandbox.world, folder, 2)
    write_unknown(folder, 1)
    scanned(at_sandbox)
    kept = sorted(OUT.rglob("*.json"))
    folder.rename("unplugged")
    if way == "empty":
        folder.mkdir()
    at_sandbox("library", "scan", "models", "--json")
    assert at_sandbox("library", "missing", "--json").data["files"][0]["status"] == "unreachable"
    ran = at_sandbox("library", "clean", "--yes", "--json")
    assert (ran.code, ran.data["removed"], sorted(OUT.rglob("*.json"))) == (0, [], kept)
    if way == "empty":
        folder.rmdir()
    Path("unplugged").rename(folder)
    assert scanned(at_sandbox).data["counts"]["unchanged"] == 2


def test_a_model_is_found_by_the_beginning_of_a_hash_or_a_part_of_a_name(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [path] = write_known(civitai_sandbox.world, folder, 1)
    row = scanned(at_sandbox).data["files"][0]
    for text in (row["sha256"][:10], row["sha256"].upper(), "library model 0", "model (0)"):
        found = at_sandbox("library", "where", text, "--json")
        assert [one["path"] for one in found.data["files"]] == [str(path)], text
    nothing = at_sandbox("library", "where", "nowhere at all", "--json")
    assert (nothing.code, nothing.document["errors"][0]["code"]) == (4, "not_found")
    assert at_sandbox("library", "where", "--json").code == 2


def test_equal_files_are_found_and_linked_after_a_yes(at_sandbox: Run, folder: Path) -> None:
    [one] = write_unknown(folder, 1, size=5000)
    copy, linked = folder / "copy.safetensors", folder / "linked.safetensors"
    shutil.copy(one, copy)
    os.link(one, linked)
    scanned(at_sandbox)
    ran = at_sandbox("library", "duplicates", "--json")
    [group] = ran.data["groups"]
    assert (ran.code, ran.data["saved"]) == (0, 5000)
    assert {group["kept"], *group["others"]} <= {str(one), str(copy), str(linked)} and len(group["others"]) == 1
    assert (OUT / "duplicate_models.txt").read_text().startswith("# Duplicate models found in input directory\n")
    assert at_sandbox("library", "duplicates", "--link", "--json").code == 2
    done = at_sandbox("library", "duplicates", "--link", "--yes", "--json")
    assert (done.code, done.data["bytes"], len(done.data["linked"])) == (0, 5000, 1)
    assert copy.read_bytes() == one.read_bytes()
    again = scanned(at_sandbox)
    assert again.data["bytes"] == 0
    if copy.stat().st_ino == one.stat().st_ino:
        assert at_sandbox("library", "duplicates", "--json").data["groups"] == []
        assert not (OUT / "duplicate_models.txt").exists()


def test_a_file_that_was_changed_since_the_scan_is_never_replaced(at_sandbox: Run, folder: Path) -> None:
    [one] = write_unknown(folder, 1)
    copy = folder / "copy.safetensors"
    shutil.copy(one, copy)
    scanned(at_sandbox)
    copy.write_bytes(b"mine" * 1024)
    ran = at_sandbox("library", "duplicates", "--link", "--yes", "--json")
    assert (ran.data["groups"], copy.read_bytes()) == ([], b"mine" * 1024)


def test_clean_removes_what_was_made_for_a_file_that_is_gone_and_nothing_else(at_sandbox: Run, folder: Path) -> None:
    gone, stays = write_unknown(folder, 2)
    scanned(at_sandbox)
    mine = OUT / "own_0" / "notes.txt"
    mine.write_text("mine")
    (OUT / "my private notes").mkdir()
    gone.unlink()
    plan = at_sandbox("library", "clean", "--dry-run", "--json")
    assert plan.data["removed"] == ["own_0/own_0_hash.json"] and (OUT / "own_0/own_0_hash.json").exists()
    ran = at_sandbox("library", "clean", "--yes", "--json")
    assert (ran.code, ran.data["removed"], ran.data["forgotten"]) == (0, ["own_0/own_0_hash.json"], [str(gone)])
    assert mine.read_text() == "mine" and (OUT / "my private notes").is_dir()
    assert (OUT / "own_1/own_1_hash.json").exists() and stays.exists()
    assert json.loads((OUT / "processed_files.json").read_text())["files"] == [str(stays)]


def test_a_renamed_file_keeps_its_folder_and_what_is_known_of_it(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [path] = write_known(civitai_sandbox.world, folder, 1)
    scanned(at_sandbox)
    path.rename(folder / "better name.safetensors")
    civitai_sandbox.clear_requests()
    ran = scanned(at_sandbox)
    assert [row["status"] for row in ran.data["files"]] == ["unchanged"]
    assert [one.name for one in OUT.iterdir() if one.is_dir()] == ["model_0"]
    assert at_sandbox("db", "verify", "--json").data["counts"] == {"ok": 1}


def test_newer_versions_of_the_same_base_model_become_a_plan(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    world = civitai_sandbox.world
    model = world.add_model("Growing", type="LORA")
    owned = world.add_version(model, "v1", base_model="SDXL 1.0")
    world.add_file(owned, "v1.safetensors", content=safetensors("v1"))
    (folder / "v1.safetensors").write_bytes(safetensors("v1"))
    scanned(at_sandbox)
    assert at_sandbox("library", "update", "--json").data["updates"] == []
    other = world.add_version(model, "v3 Pony", base_model="Pony")
    world.add_file(other, "v3.safetensors", content=safetensors("v3"))
    newer = world.add_version(model, "v2", base_model="SDXL 1.0")
    world.add_file(newer, "v2.safetensors", content=safetensors("v2"))
    newer.index, other.index = -2, -1
    ran = at_sandbox("library", "update", "--plan", "new.json", "--json")
    assert [(row["version_id"], row["owned_version_id"]) for row in ran.data["updates"]] == [(newer.id, owned.id)]
    done = at_sandbox("download", "--plan", "new.json", "-y", "--json")
    assert [row["version_id"] for row in done.data["downloaded"]] == [newer.id]
    assert at_sandbox("library", "update", "--json").data["updates"] == []


def manager_tree(root: Path, folder: str, name: str, sha256: str, answer: dict[str, object]) -> Path:
    """A folder as the data manager leaves it."""
    inner = root / folder
    inner.mkdir(parents=True)
    hashes = {"hash_type": "SHA256", "hash_value": sha256, "filename": name, "timestamp": "2024-11-06T15:53:56.1"}
    (inner / f"{folder}_hash.json").write_text(json.dumps(hashes))
    (inner / f"{folder}_civitai_model_version.json").write_text(json.dumps(answer))
    (inner / f"{folder}_preview_0.jpeg").write_bytes(b"\xff\xd8\xff\xe0picture")
    (inner / f"{folder}_preview_0.jpeg.json").write_text('{"url": "u"}')
    return inner


@pytest.mark.parametrize("old_name", ["model (0)", "model_0"])
def test_a_tree_of_the_data_manager_is_taken_over_in_both_namings_but_not_its_errors(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path, old_name: str
) -> None:
    [path] = write_known(civitai_sandbox.world, folder, 1)
    model = list(civitai_sandbox.world.models.values())[-1]
    version = model.versions[0]
    sha256 = version.files[0].body.digests["SHA256"].lower()
    answer = {"id": version.id, "modelId": model.id, "name": "kept", "files": []}
    old = Path("old")
    manager_tree(old, old_name, path.name, sha256, answer)
    manager_tree(old, "broken", "b.safetensors", "ab" * 32, {"error": "Failed", "status_code": 429})
    ran = at_sandbox("library", "import-data", "old", "--json")
    assert (ran.code, len(ran.data["files"])) == (0, 2)
    kept = OUT / "model_0"
    assert json.loads((kept / "model_0_civitai_model_version.json").read_text()) == answer
    assert (kept / "model_0_preview_0.jpeg").exists() and (kept / "model_0_preview_0.json").exists()
    assert not list(OUT.glob("broken/*civitai_model_version.json"))
    assert sorted(old.rglob("*.json")), "the old tree stays"
    again = at_sandbox("library", "import-data", "old", "--json")
    assert (again.data["files"], again.data["passed"]) == ([], 2)
    row = scanned(at_sandbox).data["files"][0]
    assert (row["version_id"], row["path"]) == (version.id, str(path))
    assert sorted(one.name for one in OUT.iterdir() if one.is_dir()) == ["b", "model_0"]


def test_a_folder_that_is_no_tree_of_the_manager_is_refused(at_sandbox: Run, folder: Path) -> None:
    assert at_sandbox("library", "import-data", "models", "--json").code == 2
    assert at_sandbox("library", "import-data", "nowhere", "--json").code == 2


@pytest.mark.parametrize(
    ("words", "code"), [(("duplicates", "--link", "--yes"), 0), (("clean", "--yes"), 0), (("scan", "nowhere"), 2)]
)
def test_where_no_library_is_nothing_is_made(
    at_sandbox: Run, empty_home: Path, words: tuple[str, ...], code: int
) -> None:
    assert at_sandbox("library", *words, "--json").code == code
    assert list(empty_home.iterdir()) == []
