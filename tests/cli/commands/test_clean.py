"""`civitai-kit clean` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from civitai_kit.disk.save_lock import SaveLock
from civitai_kit.testing import Sandbox
from tests.cli.conftest import Run

FILES = ("a.tmp", "lora/b.tmp", "lora/a.torrent", "lora/a-magnet.txt", "lora/c.part", "lora/a.safetensors", "x.aria2")


@pytest.fixture
def root(empty_home: Path) -> Path:
    for path in FILES:
        place = empty_home / "downloads" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"12345")
    return empty_home / "downloads"


def there(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_temporary_files_go_with_their_sizes_said(run: Run, root: Path) -> None:
    said = run("clean", "--json")
    assert said.code == 0
    assert sorted(said.data["removed"]) == ["a.tmp", "lora/b.tmp"]
    assert said.data["bytes"] == 10
    assert there(root) == set(FILES) - {"a.tmp", "lora/b.tmp"}
    assert run("clean", "--json").data["removed"] == []


def test_a_person_sees_the_plan_and_what_stays(run: Run, root: Path) -> None:
    said = run("clean")
    assert "lora/b.tmp" in said.err
    assert said.out.splitlines()[0] == "Removed 2 files, 10 B."
    assert "--foreign" in said.out


def test_a_dry_run_removes_nothing_and_says_what_would_go(run: Run, root: Path) -> None:
    said = run("clean", "-t", "-m", "--parts", "--dry-run", "--json")
    assert sorted(said.data["removed"]) == ["a.tmp", "lora/a-magnet.txt", "lora/a.torrent", "lora/b.tmp", "lora/c.part"]
    assert there(root) == set(FILES)
    assert run("clean", "--dry-run").out.splitlines()[-2].startswith("Would remove 2 files")


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (("-t",), {"lora/a.torrent"}),
        (("--torrents", "--magnets"), {"lora/a.torrent", "lora/a-magnet.txt"}),
        (("-m",), {"lora/a-magnet.txt"}),
        (("--parts",), {"lora/c.part"}),
        (("--foreign",), {"lora/c.part", "x.aria2"}),
    ],
)
def test_each_flag_takes_its_kind(run: Run, root: Path, words: tuple[str, ...], gone: set[str]) -> None:
    assert run("clean", *words).code == 0
    assert set(FILES) - there(root) == gone | {"a.tmp", "lora/b.tmp"}


def test_a_folder_that_another_process_writes_is_left_alone(run: Run, root: Path) -> None:
    with SaveLock(root, "download"):
        said = run("clean", "--json")
        dry = run("clean", "--dry-run", "--json")
    assert (said.code, said.document["errors"][0]["code"]) == (10, "store_locked")
    assert dry.code == 0
    assert there(root) == set(FILES)


def test_no_save_path_is_nothing_to_clean_and_is_not_made(run: Run, empty_home: Path) -> None:
    said = run("clean")
    assert (said.code, said.out) == (0, "Nothing to remove.\n")
    assert not [*empty_home.iterdir()]


def test_a_save_path_that_is_a_file_is_9(run: Run, empty_home: Path) -> None:
    (empty_home / "downloads").write_bytes(b"")
    assert run("clean", "--json").code == 9
    assert run("clean", "--dry-run", "--json").code == 9


def test_a_database_under_the_save_path_is_never_touched(run: Run, root: Path) -> None:
    for folder in ("civitai_download_db", "civitai_kit_db", "elsewhere/db"):
        (root / folder).mkdir(parents=True)
        (root / folder / "x.tmp").write_bytes(b"db")
    run("clean", "--database", str(root / "elsewhere" / "db"))
    assert {"civitai_download_db/x.tmp", "civitai_kit_db/x.tmp", "elsewhere/db/x.tmp"} <= there(root)


OUR_NAMES = (
    *("x.tmp", "x.part", "X.PART.json", "x.torrent", "x-magnet.txt"),
    *(".civitai-kit.lock", "api.log", "Civitai_Download_db", "own_db"),
)


@pytest.mark.parametrize("template", ["{file_name}", "{file_stem}.{file_ext}", "{file_stem}/data.mdb{file_id}", ""])
def test_no_name_of_ours_is_given_to_a_download_and_clean_takes_none(
    template: str, at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    world = civitai_sandbox.world
    version = world.add_version(world.add_model("Odd Names", id=9002), "v")
    for name in OUR_NAMES:
        world.add_file(version, name)
    here = ("--database", "downloads/own_db", "--json")
    flags = (*here, *(("--path-template", template) if template else ()))
    assert at_sandbox("scan", "9002", "-o", "plan.json", *flags).code == 0
    done = at_sandbox("download", "--plan", "plan.json", "--yes", *flags)
    assert (done.code, len(done.data["downloaded"])) == (0, len(OUR_NAMES)), done.err
    assert at_sandbox("clean", "-t", "-m", "--parts", "--foreign", *here).data["removed"] == []
    assert at_sandbox("db", "verify", *here).data["counts"] == {"ok": len(OUR_NAMES)}
    again = at_sandbox("scan", "9002", *flags).data
    assert again["items"] == [] and len(again["skips"]) == len(OUR_NAMES)


def test_clean_asks_the_database_what_is_a_finished_download(run: Run, root: Path) -> None:
    from civitai_kit.core.collection.entry import Entry, FileRecord, Status
    from civitai_kit.store.lmdb_store import LmdbStore

    finished = FileRecord(file_id=1, name="a.tmp", path="a.tmp", size=5, status=Status.DOWNLOADED)
    awaited = finished.model_copy(update={"file_id": 2, "path": "lora/b.tmp", "status": Status.PENDING})
    with LmdbStore.open(root / "civitai_download_db", read_only=False) as store:
        store.put(Entry(version_id=1, files=(finished, awaited)))
    assert run("clean", "--json").data["removed"] == ["lora/b.tmp"]
