"""`library scan` of what nobody would scan on purpose, and under what nobody would wish for."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.conftest import Ran, Run
from tests.library_world import safetensors, write_known, write_unknown

OUT = Path("downloads/library")
NO_SITE = ("--api-url", "http://127.0.0.1:9", "--max-retries", "0")


def scan(run: Run, *words: str) -> Ran:
    return run("library", "scan", *words, "--json")


def names(ran: Ran) -> list[str]:
    return [Path(row["path"]).name for row in ran.data["files"]]


@pytest.fixture
def folder(empty_home: Path) -> Path:
    path = empty_home / "models"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    "places",
    [
        ("models/own (0).safetensors", "models/own (0).safetensors"),
        ("models", "models/own (0).safetensors"),
        ("models/own (0).safetensors", "models"),
        ("models", "models/inner"),
        ("models/inner", "models"),
        ("models", "models/inner/../../models"),
        ("models", "./models/"),
    ],
)
def test_places_named_twice_or_within_each_other_give_each_file_once(
    at_sandbox: Run, folder: Path, places: tuple[str, ...]
) -> None:
    write_unknown(folder, 1)
    write_unknown(folder / "inner", 1)
    ran = scan(at_sandbox, *places)
    paths = [row["path"] for row in ran.data["files"]]
    wanted = {str(folder / "own (0).safetensors")}
    if any(place in ("models", "./models/") for place in places):
        wanted.add(str(folder / "inner" / "own (0).safetensors"))
    assert (ran.code, len(paths), set(paths)) == (0, len(wanted), wanted)
    scan(at_sandbox, "models")
    assert len(list(OUT.glob("*/*_hash.json"))) == 2


def test_a_place_that_is_not_there_is_a_row_and_the_others_are_done(at_sandbox: Run, folder: Path) -> None:
    write_unknown(folder, 1)
    ran = scan(at_sandbox, "models", "nowhere")
    assert (ran.code, ran.data["counts"]["missing"], ran.data["counts"]["error"]) == (7, 1, 1)


def test_files_that_are_no_safetensors_are_told_of_in_one_line(at_sandbox: Run, folder: Path) -> None:
    write_unknown(folder, 30)
    (folder / "short.safetensors").write_bytes(b"abc")
    (folder / "giant.safetensors").write_bytes(b"\xff" * 7 + b"\x7f" + b"{}")
    (folder / "broken.safetensors").write_bytes((10).to_bytes(8, "little") + b'{"a":"b"]]' + b"x")
    ran = scan(at_sandbox, "models")
    lines = [line for line in ran.err.splitlines() if "header" in line]
    assert (ran.code, len(lines)) == (0, 1), ran.err
    assert "33 files" in lines[0]
    assert "header" not in scan(at_sandbox, "models").err


@pytest.mark.parametrize("name", ["m" * 243, "模" * 81, "a\nb", "ü\u202egpj", "-rf", "$(id) `x`", "CON", " .x"])
def test_names_of_every_kind_are_kept_and_known_again(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path, name: str
) -> None:
    [known] = write_known(civitai_sandbox.world, folder, 1)
    path = known.rename(folder / f"{name}.safetensors")
    first = scan(at_sandbox, "models", "--images", "none")
    assert (first.code, [row["path"] for row in first.data["files"]]) == (0, [str(path)])
    assert first.data["files"][0]["status"] == "identified"
    [kept] = [one for one in OUT.iterdir() if one.is_dir()]
    assert (kept / f"{kept.name}_civitai_model_version.json").is_file()
    second = scan(at_sandbox, "models", "--images", "none")
    assert (second.code, second.data["counts"]["unchanged"], second.data["bytes"]) == (0, 1, 0)
    found = at_sandbox("library", "where", first.data["files"][0]["sha256"], "--json")
    assert [row["path"] for row in found.data["files"]] == [str(path)]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names that are text")
def test_a_name_that_is_no_text_is_kept_and_known_again(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [known] = write_known(civitai_sandbox.world, folder, 1)
    path = Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.safetensors"))
    known.rename(path)
    [own] = write_unknown(folder, 1)
    own.rename(Path(os.fsdecode(os.fsencode(folder) + b"/own \xe9.pt")))
    assert scan(at_sandbox, "models").data["counts"] == {"identified": 1, "missing": 1, "unchanged": 0, "error": 0}
    assert scan(at_sandbox, "models").data["counts"] == {"identified": 0, "missing": 1, "unchanged": 1, "error": 0}
    for words in (["library", "missing"], ["library", "duplicates"], ["library", "clean", "--yes"], ["db", "verify"]):
        assert at_sandbox(*words, "--json").code == 0
        assert at_sandbox(*words).code == 0


def test_a_file_named_beside_a_planted_link_or_pipe_is_an_error_of_its_own_and_nothing_leads_out(
    at_sandbox: Run, folder: Path, tmp_path: Path
) -> None:
    write_unknown(folder, 3)
    outside = tmp_path / "outside"
    outside.write_text("mine")
    for number in range(2):
        (OUT / f"own_{number}").mkdir(parents=True)
    (OUT / "own_0" / "own_0_hash.json").symlink_to(outside)
    os.mkfifo(OUT / "own_1" / "own_1_hash.json")
    ran = scan(at_sandbox, "models")
    assert outside.read_text() == "mine"
    assert ran.code in (0, 7) and ran.data["counts"]["missing"] >= 1


def test_the_librarys_own_folder_is_not_scanned_wherever_it_lies(at_sandbox: Run, folder: Path) -> None:
    write_unknown(folder, 1)
    for _ in range(2):
        ran = scan(at_sandbox, "models", "--output", "models/library")
        assert (ran.code, names(ran)) == (0, ["own (0).safetensors"])
        (folder / "library" / "mine.safetensors").write_bytes(b"put there by somebody")
    assert at_sandbox("library", "missing", "--output", "models/../models/library", "--json").data["files"]


def test_a_library_may_lie_behind_a_link(at_sandbox: Run, folder: Path) -> None:
    write_unknown(folder, 1)
    Path("elsewhere").mkdir()
    Path("lib").symlink_to("elsewhere", target_is_directory=True)
    ran = scan(at_sandbox, "models", "--output", "lib")
    assert ran.code == 0 and Path("elsewhere/own_0/own_0_hash.json").is_file()


def test_an_output_that_is_a_file_is_said_before_anything_is_read(at_sandbox: Run, folder: Path) -> None:
    write_unknown(folder, 1)
    Path("file").touch()
    ran = scan(at_sandbox, "models", "--output", "file")
    assert ran.code == 9
    assert "Hashed" not in ran.err and ran.document["errors"][0]["hint"]


def test_two_libraries_over_one_store_know_nothing_of_each_others_files(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    write_known(civitai_sandbox.world, folder / "a", 1)
    write_unknown(folder / "b", 1)
    scan(at_sandbox, "models/a", "--output", "one")
    scan(at_sandbox, "models", "--output", "two")
    assert at_sandbox("library", "missing", "--output", "one", "--json").data["files"] == []
    assert len(at_sandbox("library", "missing", "--output", "two", "--json").data["files"]) == 1
    assert len(json.loads(Path("one/processed_files.json").read_text())["files"]) == 1
    shutil.rmtree(folder / "a")
    ran = at_sandbox("library", "clean", "--output", "two", "--yes", "--json")
    assert len(ran.data["forgotten"]) == 1 and list(Path("one").glob("model_0/*"))


def test_a_file_whose_header_was_edited_is_found_by_the_run_after_one_without_a_network(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    world = civitai_sandbox.world
    version = world.add_version(world.add_model("Edited", type="LORA"), "v1")
    world.add_file(version, "edited.safetensors", content=safetensors("edited"))
    (folder / "x.safetensors").write_bytes(safetensors("edited", {"modelspec.title": "mine"}))
    assert scan(at_sandbox, "models", *NO_SITE).code == 5
    row = scan(at_sandbox, "models").data["files"][0]
    assert (row["status"], row["version_id"], row["matched_by"]) == ("identified", version.id, "auto_v3")


def test_a_known_file_whose_header_was_edited_since_stays_known_also_without_a_network(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    world = civitai_sandbox.world
    version = world.add_version(world.add_model("Edited", type="LORA"), "v1")
    world.add_file(version, "edited.safetensors", content=safetensors("edited"))
    path = folder / "x.safetensors"
    path.write_bytes(safetensors("edited"))
    assert scan(at_sandbox, "models").data["files"][0]["matched_by"] == "sha256"
    path.write_bytes(safetensors("edited", {"modelspec.title": "mine"}))
    row = scan(at_sandbox, "models", *NO_SITE).data["files"][0]
    assert (row["version_id"], row["matched_by"]) == (version.id, "auto_v3")
    assert json.loads((OUT / "x" / "x_metadata.json").read_text()) == {"modelspec.title": "mine"}
    assert [one.name for one in OUT.iterdir() if one.is_dir()] == ["x"]


def test_what_is_kept_of_a_file_never_mixes_with_what_takes_its_place(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [path] = write_known(civitai_sandbox.world, folder, 1)
    scan(at_sandbox, "models", "--images", "none")
    before = {one: one.read_bytes() for one in OUT.glob("*/*.json")}
    path.write_bytes(b"another model altogether" * 100)
    ran = scan(at_sandbox, "models", "--images", "none")
    assert ran.data["files"][0]["status"] == "missing"
    assert {one: one.read_bytes() for one in before} == before
    hashes = [json.loads(one.read_text())["hash_value"] for one in OUT.glob("*/*_hash.json")]
    assert ran.data["files"][0]["sha256"] in hashes and len(hashes) == 2
    assert scan(at_sandbox, "models", "--images", "none").data["counts"]["missing"] == 1
    assert len(list(OUT.glob("*/*_hash.json"))) == 2


def test_one_preview_that_cannot_be_had_is_partial_success(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    world = civitai_sandbox.world
    for number in range(2):
        version = world.add_version(world.add_model(f"Shown {number}", type="LORA"), "v1")
        world.add_file(version, f"{number}.safetensors", content=safetensors(f"shown {number}"))
        world.add_image(version=version)
        (folder / f"{number}.safetensors").write_bytes(safetensors(f"shown {number}"))
    civitai_sandbox.faults.add("storage_500", times=None)
    ran = scan(at_sandbox, "models", "--max-retries", "0")
    assert (ran.code, ran.data["counts"]["identified"], len(ran.document["errors"])) == (7, 2, 2)
    # What is said of a picture is kept before it: one that is there is never asked about again.
    assert [path.suffix for path in OUT.glob("*/*_preview_0.*")] == [".json", ".json"]
    civitai_sandbox.faults.clear()
    assert scan(at_sandbox, "models").code == 0
    assert len(list(OUT.glob("*/*_preview_0.*"))) == 4


def test_a_removed_model_is_missing_in_the_scan_and_in_the_list(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    write_known(civitai_sandbox.world, folder, 2)
    scan(at_sandbox, "models", "--images", "none")
    civitai_sandbox.world.remove_model(list(civitai_sandbox.world.models)[-1])
    ran = scan(at_sandbox, "models", "--images", "none", "--refresh")
    assert ran.data["counts"] == {"identified": 0, "missing": 1, "unchanged": 1, "error": 0}
    [row] = [row for row in ran.data["files"] if row["status"] == "missing"]
    assert row["version_id"] and row["site_state"] == "gone"
    [listed] = at_sandbox("library", "missing", "--json").data["files"]
    assert listed["path"] == row["path"] and listed["last_seen"] and listed["missing_since"]


def test_a_file_that_grows_while_it_is_read_is_an_error_of_its_own_and_is_known_later(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [own] = write_unknown(folder, 1)
    growing = folder / "growing.pt"
    growing.write_bytes(bytes(64 * 1024 * 1024))
    ended = Event()

    def grow() -> None:
        with growing.open("ab", buffering=0) as file:
            while not ended.wait(0.001):
                file.write(b"more")

    writer = Thread(target=grow)
    writer.start()
    try:
        ran = scan(at_sandbox, "models")
    finally:
        ended.set()
        writer.join()
    assert (ran.code, ran.data["counts"]["error"], ran.data["counts"]["missing"]) == (7, 1, 1)
    assert "changed while it was read" in ran.document["errors"][0]["message"]
    later = scan(at_sandbox, "models")
    assert (later.code, later.data["counts"]["missing"], own.exists()) == (0, 2, True)


def test_the_fields_of_the_json_are_those_that_are_promised(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    write_known(civitai_sandbox.world, folder, 1)
    write_unknown(folder, 1)
    ran = scan(at_sandbox, "models", "--images", "none")
    assert {"files", "counts"} <= set(ran.data)
    for row in ran.data["files"]:
        assert {"path", "sha256", "status"} <= set(row)
        assert row["sha256"] == row["sha256"].lower() and len(row["sha256"]) == 64
        has_ids = {"model_id", "version_id", "file_id", "matched_by"} <= set(row)
        assert has_ids == (row["status"] == "identified")


def test_a_clean_up_asks_first_and_without_a_terminal_says_which_flag_is_missing(at_sandbox: Run, folder: Path) -> None:
    [own, _] = write_unknown(folder, 2)
    scan(at_sandbox, "models")
    own.unlink()
    ran = at_sandbox("library", "clean", "--json")
    assert ran.code == 2 and "--yes" in json.dumps(ran.document["errors"])
    assert (OUT / "own_0").is_dir()


def test_a_site_that_takes_one_hash_at_a_time_is_asked_file_by_file(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    [known] = write_known(civitai_sandbox.world, folder, 1)
    write_unknown(folder, 1)
    civitai_sandbox.faults.add("no_endpoint", times=None, match="/by-hash/ids")
    civitai_sandbox.faults.add("no_endpoint", times=None, match="/models?")
    ran = scan(at_sandbox, "models", "--images", "none")
    assert (ran.code, ran.document["errors"]) == (0, [])
    assert (ran.data["counts"]["identified"], ran.data["counts"]["missing"]) == (1, 1)
    entry = at_sandbox("db", "view", "--json").data["entries"][0]
    assert (entry["files"][0]["path"], entry["model_name"]) == (str(known), "Library Model 0")


def test_a_site_that_answers_no_question_by_hash_is_said_to_once_and_nothing_is_called_missing(
    at_sandbox: Run, civitai_sandbox: Sandbox, folder: Path
) -> None:
    write_unknown(folder, 2)
    civitai_sandbox.faults.add("no_endpoint", times=None)
    ran = scan(at_sandbox, "models")
    assert (ran.code, ran.data["counts"]["error"], ran.data["counts"]["missing"]) == (5, 2, 0)
    [row] = ran.document["errors"]
    assert row["message"] == "The site does not answer questions by hash." and row["hint"]
