"""What the data manager did wrong in this place, once each, and that it is not done here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from civitai_kit.core.library.model_file import MODEL_ENDINGS
from civitai_kit.testing import Sandbox
from tests.cli.conftest import Ran, Run
from tests.library_world import safetensors, write_known, write_unknown

OUT = Path("downloads/library")
ODD = ("My Model v1.5 [anime]", "a.b.c", "(x) {y} 'z' #1", "모델 v2")


def scan(run: Run, *words: str) -> Ran:
    ran = run("library", "scan", "models", "--images", "none", *words, "--json")
    assert ran.code == 0, ran.out
    return ran


@pytest.fixture
def folder(empty_home: Path) -> Path:
    path = empty_home / "models"
    path.mkdir()
    return path


def test_a_second_run_asks_nothing_and_fetches_nothing(at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path) -> None:
    write_known(civitai_sandbox.world, folder, 3)
    write_unknown(folder, 3)
    assert at_sandbox("library", "scan", "models", "--json").code == 0
    civitai_sandbox.clear_requests()
    assert at_sandbox("library", "scan", "models", "--json").data["saved"] <= 1
    assert list(civitai_sandbox.requests) == []


def test_clean_leaves_models_with_spaces_dots_and_brackets_in_their_names_alone(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    for name, path in zip(ODD, write_known(civitai_sandbox.world, folder, len(ODD)), strict=True):
        path.rename(folder / f"{name}.safetensors")
    scan(at_sandbox)
    before = sorted(OUT.rglob("*"))
    ran = at_sandbox("library", "clean", "--yes", "--json")
    assert (ran.code, ran.data["removed"], ran.data["forgotten"]) == (0, [], [])
    assert sorted(OUT.rglob("*")) == before


def test_an_update_reaches_models_with_spaces_dots_and_brackets_in_their_names(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    for name, path in zip(ODD, write_known(civitai_sandbox.world, folder, len(ODD)), strict=True):
        path.rename(folder / f"{name}.safetensors")
    scan(at_sandbox)
    civitai_sandbox.clear_requests()
    assert len(scan(at_sandbox, "--only-update").data["files"]) == len(ODD)
    [request] = [one for one in civitai_sandbox.requests if one.path.startswith("/api/v1/models")]
    assert len(civitai_sandbox.requests) == 1 and request.method == "GET"


def test_files_of_one_name_and_names_of_symbols_alone_have_folders_of_their_own(at_sandbox: Run, folder: Path) -> None:
    for inner in ("sub", "sub2", "sub3"):
        [path] = write_unknown(folder / inner, 1)
        path.rename(folder / inner / "lora.safetensors")
    for name in ("()[]", "...", "#"):
        [path] = write_unknown(folder, 1)
        path.rename(folder / f"{name}.safetensors")
    scan(at_sandbox)
    assert len(list(OUT.glob("*/*_hash.json"))) == 6
    assert list(OUT.glob("*_hash.json")) == []
    assert (OUT / "missing_from_civitai.txt").read_text().count("| lora.safetensors") == 3


def test_a_file_that_the_site_does_not_know_is_neither_read_nor_asked_about_again(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    write_unknown(folder, 5)
    scan(at_sandbox)
    civitai_sandbox.clear_requests()
    ran = scan(at_sandbox)
    assert (ran.data["bytes"], ran.data["counts"]["missing"], list(civitai_sandbox.requests)) == (0, 5, [])


def test_errors_of_the_site_put_nothing_on_the_list_of_missing_models(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    write_known(civitai_sandbox.world, folder, 2)
    for fault in ("rate_limited", "server_error", "bad_gateway"):
        civitai_sandbox.faults.clear()
        civitai_sandbox.faults.add(fault, times=None)
        ran = at_sandbox("library", "scan", "models", "--max-retries", "0", "--json")
        assert ran.code in (5, 6) and ran.data["counts"]["error"] == 2
        assert not (OUT / "missing_from_civitai.txt").exists()
        assert at_sandbox("library", "missing", "--json").data["files"] == []


def test_every_format_is_looked_at(at_sandbox: Run, folder: Path) -> None:
    for number, ending in enumerate(MODEL_ENDINGS):
        (folder / f"model {number}{ending.upper() if number % 2 else ending}").write_bytes(bytes([number]) * 50)
    (folder / "notes.txt").write_text("no model")
    (folder / "x.safetensors.part").write_bytes(b"half")
    assert len(scan(at_sandbox).data["files"]) == len(MODEL_ENDINGS)
    assert {".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx", ".zip"} <= set(MODEL_ENDINGS)


def test_a_model_that_comes_back_leaves_the_list_and_the_list_goes_when_it_is_empty(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    content = safetensors("later")
    (folder / "later.safetensors").write_bytes(content)
    scan(at_sandbox)
    assert (OUT / "missing_from_civitai.txt").exists()
    world = civitai_sandbox.world
    world.add_file(world.add_version(world.add_model("Later", type="LORA"), "v1"), "l.safetensors", content=content)
    assert scan(at_sandbox, "--refresh").data["counts"]["identified"] == 1
    assert not (OUT / "missing_from_civitai.txt").exists()


def manager_folder(root: Path, folder: str, filename: str, sha256: str, previews: tuple[str, ...]) -> None:
    inner = root / folder
    inner.mkdir(parents=True)
    hashes = {"hash_type": "SHA256", "hash_value": sha256, "filename": filename, "timestamp": "2024-11-06T15:53:56.1"}
    (inner / f"{folder}_hash.json").write_text(json.dumps(hashes))
    answer = {"id": int(sha256[:4], 16), "modelId": 5, "name": folder, "files": []}
    (inner / f"{folder}_civitai_model_version.json").write_text(json.dumps(answer))
    for name in previews:
        (inner / f"{folder}_preview_{name}").write_bytes(
            b'{"url": "u"}' if name.endswith("json") else b"picture " + name.encode()
        )


def test_an_import_passes_over_gaps_in_the_numbers_of_previews(at_sandbox: Run, folder: Path) -> None:
    previews = ("0.jpeg", "2.png", "10.webp", "11.mp4", "12.webm", "0.json", "10.json")
    manager_folder(Path("old"), "my model", "my model.safetensors", "ab" * 32, previews)
    assert at_sandbox("library", "import-data", "old", "--json").code == 0
    kept = {path.name.removeprefix("my_model_preview_") for path in (OUT / "my_model").glob("*_preview_*")}
    assert kept == set(previews)


def test_an_import_never_puts_two_models_into_one_folder(at_sandbox: Run, folder: Path) -> None:
    old = Path("old")
    manager_folder(old, "lora (1)", "lora.safetensors", "ab" * 32, ("0.jpeg",))
    manager_folder(old, "lora_1", "lora.safetensors", "cd" * 32, ("0.jpeg",))
    (old / "processed_files.json").write_text(json.dumps({"files": [str(folder / "lora.safetensors")]}))
    ran = at_sandbox("library", "import-data", "old", "--json")
    assert (ran.code, len(ran.data["files"]), len(set(ran.data["files"]))) == (0, 2, 2)
    hashes = {json.loads(path.read_text())["hash_value"] for path in OUT.glob("*/*_hash.json")}
    assert hashes == {"ab" * 32, "cd" * 32}
    again = at_sandbox("library", "import-data", "old", "--json")
    assert (again.code, again.data["files"], again.data["passed"]) == (0, [], 2)


def test_what_was_taken_over_stays_when_the_site_answers_with_errors_and_the_file_is_found(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [path] = write_known(civitai_sandbox.world, folder, 1)
    version = list(civitai_sandbox.world.models.values())[-1].versions[0]
    sha256 = version.files[0].body.digests["SHA256"].lower()
    manager_folder(Path("old"), "model (0)", path.name, sha256, ())
    assert at_sandbox("library", "import-data", "old", "--json").code == 0
    before = (OUT / "model_0" / "model_0_civitai_model_version.json").read_bytes()
    civitai_sandbox.faults.add("server_error", times=None)
    ran = at_sandbox("library", "scan", "models", "--max-retries", "0", "--json")
    assert ran.code == 5 and ran.data["files"][0]["version_id"]
    assert (OUT / "model_0" / "model_0_civitai_model_version.json").read_bytes() == before


def test_a_moved_models_folder_is_safe_from_clean_even_when_its_old_place_is_still_remembered(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [path] = write_known(civitai_sandbox.world, folder, 1)
    write_unknown(folder, 1)
    scan(at_sandbox)
    path.rename(folder / "new name.safetensors")
    scan(at_sandbox)
    assert at_sandbox("library", "clean", "--yes", "--json").data["removed"] == []
    assert (OUT / "model_0" / "model_0_civitai_model.json").exists()
    processed = json.loads((OUT / "processed_files.json").read_text())["files"]
    assert sorted(processed) == sorted(map(str, folder.iterdir()))
