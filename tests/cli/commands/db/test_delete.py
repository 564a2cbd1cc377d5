"""`db delete`: what goes, what stays, and what a kill leaves."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.testing import Known
from tests.cli.conftest import Run
from tests.program import Program

SAVE = Path("downloads")
DATABASE = SAVE / "civitai_download_db"
PLAIN = str(int(Known.PLAIN_LORA))


@pytest.fixture
def filled(at_sandbox: Run) -> Run:
    """Three versions of one model and one of another, with everything that can lie beside them."""
    for words in (("--all-versions", PLAIN), (str(int(Known.FLUX)),)):
        ran = at_sandbox("download", *words, "--metadata", "--version-images", "-y", "--json")
        assert ran.code == 0, ran.out
    return at_sandbox


def files() -> set[str]:
    found = (path.relative_to(SAVE).as_posix() for path in SAVE.rglob("*") if path.is_file())
    return {path for path in found if not path.startswith("civitai_download_db/")}


def keys(run: Run) -> list[str]:
    return [entry["key"] for entry in run("db", "view", "--json").data["entries"]]


def test_everything_of_a_model_goes_and_nothing_else(filled: Run) -> None:
    flux = {path for path in files() if "flux" in path}
    ran = filled("db", "delete", "--model-id", PLAIN, "--yes", "--json")
    assert ran.code == 0
    assert ran.data["entries"] == ["v_100101", "v_100102", "v_100103"]
    assert len(ran.data["removed"]) == 9
    assert ran.data["bytes"] > 120_000
    assert files() == flux
    assert not any(path.is_dir() and not any(path.iterdir()) for path in SAVE.rglob("*"))
    assert keys(filled) == ["v_103901"]


def test_what_a_person_put_there_stays(filled: Run) -> None:
    folder = next(path.parent for path in SAVE.rglob("100101_*.safetensors"))
    ours_not = [folder / "notes.txt", folder / "images" / "mine.png", folder / "other.safetensors"]
    for path in ours_not:
        path.write_bytes(b"mine")
    filled("db", "delete", "--model-version-id", "v_100101", "--yes", "--json")
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {path.name for path in ours_not}


def test_a_json_that_is_not_the_versions_answer_stays(filled: Run) -> None:
    model = next(SAVE.rglob("100101_*.safetensors"))
    sidecar = model.with_suffix(".json")
    sidecar.write_text('{"activation text": "mine"}', encoding="utf-8")
    filled("db", "delete", "--model-version-id", "100101", "--yes", "--json")
    assert not model.exists()
    assert sidecar.exists()


def test_parts_of_an_interrupted_download_go_too(filled: Run) -> None:
    model = next(SAVE.rglob("100101_*.safetensors"))
    for ending in (".part", ".part.json"):
        model.with_name(model.name + ending).write_bytes(b"{}")
    filled("db", "delete", "--model-version-id", "100101", "--yes", "--json")
    assert not model.parent.exists()


def test_a_dry_run_shows_the_plan_and_changes_nothing(filled: Run) -> None:
    before = files()
    ran = filled("db", "delete", "--model-id", PLAIN, "--dry-run", "--json")
    assert (ran.code, len(ran.data["removed"]), len(ran.data["entries"])) == (0, 9, 3)
    assert (files(), len(keys(filled))) == (before, 4)
    assert set(ran.data["removed"]) < before


def test_files_can_be_kept(filled: Run) -> None:
    before = files()
    ran = filled("db", "delete", "--username", "SANDBOX_artist", "--keep-files", "--yes", "--json")
    assert (ran.code, ran.data["removed"], ran.data["bytes"]) == (0, [], 0)
    assert (files(), keys(filled)) == (before, [])


def test_criteria_add_up(filled: Run) -> None:
    ran = filled("db", "delete", "--query", "flux REALISM", "--model-version-id", "100103", "--dry-run", "--json")
    assert ran.data["entries"] == ["v_100103", "v_103901"]


def test_without_a_yes_and_without_a_terminal_nothing_happens(filled: Run) -> None:
    before = files()
    ran = filled("db", "delete", "--model-id", PLAIN, "--json")
    assert (ran.code, ran.document["errors"][0]["code"]) == (2, "usage")
    assert "--yes" in ran.document["errors"][0]["hint"]
    assert files() == before


@pytest.mark.parametrize("words", [(), ("--query", "  "), ("--model-id", "x"), ("--model-version-id", "v_"), ("5",)])
def test_what_says_nothing_deletes_nothing(at_sandbox: Run, empty_home: Path, words: tuple[str, ...]) -> None:
    ran = at_sandbox("db", "delete", *words, "--yes", "--json")
    assert (ran.code, ran.document["errors"][0]["code"]) == (2, "usage")
    assert list(empty_home.iterdir()) == []


def test_what_is_not_there_is_nothing_to_do(filled: Run) -> None:
    assert filled("db", "delete", "--model-id", "424242", "--yes", "--json").code == 0


def test_a_file_that_another_entry_claims_stays(filled: Run) -> None:
    with LmdbStore.open(DATABASE, read_only=False) as store:
        entry = store.get(100101)
        assert entry is not None
        store.put(entry.model_copy(update={"version_id": 777, "model_id": 777}))
    model = next(SAVE.rglob("100101_*.safetensors"))
    filled("db", "delete", "--model-version-id", "100101", "--yes", "--json")
    assert model.is_file()
    assert model.with_suffix(".json").is_file()
    assert "v_100101" not in keys(filled)


def test_files_in_a_folder_that_was_moved_and_linked_back_go_too(filled: Run, tmp_path: Path) -> None:
    shutil.move(SAVE / "lora", tmp_path / "lora")
    (SAVE / "lora").symlink_to(tmp_path / "lora")
    model = next((tmp_path / "lora").rglob("100101_*.safetensors"))
    ran = filled("db", "delete", "--model-version-id", "100101", "--yes", "--json")
    assert (ran.code, ran.data["entries"]) == (0, ["v_100101"])
    assert any(path.endswith(model.name) for path in ran.data["removed"]) and not model.exists()
    assert (SAVE / "lora").is_symlink()


def test_a_path_that_leads_out_of_the_save_path_is_left_alone(filled: Run, tmp_path: Path) -> None:
    (tmp_path / "precious.safetensors").write_bytes(b"precious")
    path = os.path.relpath(tmp_path / "precious.safetensors", SAVE)
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put(Entry(version_id=5, files=(FileRecord(file_id=5, path=path),)))
    ran = filled("db", "delete", "--model-version-id", "5", "--yes", "--json")
    assert (ran.code, ran.data["removed"], ran.data["entries"]) == (0, [], ["v_5"])
    assert (tmp_path / "precious.safetensors").read_bytes() == b"precious"


def a_crowd(count: int) -> None:
    """Many small entries with a file each."""
    records = []
    for number in range(1, count + 1):
        path = f"lora/x/m{number}/{number}.safetensors"
        (SAVE / path).parent.mkdir(parents=True)
        (SAVE / path).write_bytes(b"x")
        record = FileRecord(file_id=number, path=path, size=1, status=Status.DOWNLOADED)
        records.append(Entry(version_id=number, model_id=1, model_name="crowd", files=(record,)))
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put_many(records)


def folders() -> int:
    """How many of the crowd have a folder still."""
    crowd = SAVE / "lora" / "x"
    return sum(1 for _ in crowd.iterdir()) if crowd.exists() else 0


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_killed_at_any_moment_store_and_disk_agree_and_the_rest_can_go(at_sandbox: Run, program: Program) -> None:
    a_crowd(400)
    for gone in (1, 15, 40):
        before = folders()
        process = program.start(["db", "delete", "--query", "crowd", "--yes", "--json"])
        while process.poll() is None and folders() > before - gone:
            time.sleep(0.005)
        process.kill()
        process.communicate()
        with LmdbStore.open(DATABASE, read_only=True) as store:
            entries = {record.path: record for entry in store.entries() for record in entry.files}
        there = {path.relative_to(SAVE).as_posix() for path in (SAVE / "lora").rglob("*.safetensors")}
        assert there <= set(entries)
        assert all(path in there for path, record in entries.items() if record.status is Status.DOWNLOADED)
    assert at_sandbox("db", "delete", "--query", "crowd", "--yes", "--json").code == 0
    assert (keys(at_sandbox), files()) == ([], set())


def test_of_two_names_of_the_same_bytes_one_goes_and_the_other_stays(at_sandbox: Run) -> None:
    shared = str(int(Known.SHARED_HASH))
    rows = at_sandbox("download", shared, "--all-versions", "-y", "--json").data["downloaded"]
    first, second = (SAVE / row["path"] for row in rows)
    # Whose thread begins sooner is chance.
    assert first.samefile(second) and sum("linked" in row for row in rows) == 1
    ran = at_sandbox("db", "delete", "--model-version-id", str(rows[0]["version_id"]), "--yes", "--json")
    assert (ran.code, ran.data["removed"]) == (0, [rows[0]["path"]])
    assert not first.exists() and second.stat().st_size == rows[1]["size"]
    assert at_sandbox("db", "verify", "--json").code == 0
