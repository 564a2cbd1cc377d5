"""Files that a scan adopted where they lie: every command of the database covers them, and none takes them away."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.conftest import Run
from tests.library_world import write_known

OUT = Path("downloads/library")


@pytest.fixture
def adopted(at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path) -> Path:
    """A file outside the save path that was scanned."""
    [path] = write_known(civitai_sandbox.world, empty_home / "models", 1, size=200_000)
    assert at_sandbox("library", "scan", "models", "--images", "none", "--json").code == 0
    return path


def test_delete_forgets_the_entry_and_says_that_the_file_stays(at_sandbox: Run, adopted: Path) -> None:
    [entry] = at_sandbox("db", "view", "--json").data["entries"]
    ran = at_sandbox("db", "delete", "--model-version-id", entry["key"], "--yes", "--json")
    assert (ran.code, ran.data["removed"], ran.data["staying"]) == (0, [], [str(adopted)])
    assert adopted.exists()
    assert at_sandbox("db", "view", "--json").data["entries"] == []
    again = at_sandbox("library", "scan", "models", "--images", "none", "--api-url", "http://127.0.0.1:9", "--json")
    assert (again.code, again.data["counts"]["identified"]) == (0, 1)
    [adopted_again] = at_sandbox("db", "view", "--json").data["entries"]
    assert {**adopted_again, "added_at": "", "updated_at": ""} == {**entry, "added_at": "", "updated_at": ""}
    said = at_sandbox("db", "delete", "--model-version-id", entry["key"], "--yes")
    assert adopted.exists() and "lies outside the save path and stays" in said.err


def test_redownload_never_writes_where_the_file_lies(at_sandbox: Run, adopted: Path) -> None:
    before = adopted.stat()
    [entry] = at_sandbox("db", "view", "--json").data["entries"]
    adopted.write_bytes(b"spoilt" + adopted.read_bytes()[6:])
    spoilt = adopted.read_bytes()
    assert at_sandbox("db", "verify", "--json").code == 8
    ran = at_sandbox("db", "redownload", str(entry["version_id"]), "--json")
    assert ran.code == 0, ran.out
    assert adopted.read_bytes() in (spoilt,)
    assert before.st_ino == adopted.stat().st_ino


def test_a_torrent_of_an_adopted_file_goes_where_it_is_told_to(at_sandbox: Run, adopted: Path) -> None:
    ran = at_sandbox("torrent", "--announce", "http://t.example/announce", "-o", "torrents", "--json")
    assert ran.code == 0, ran.out
    [row] = ran.data["torrents"]
    assert row["status"] == "created" and list(Path("torrents").rglob("*.torrent"))
    assert list(adopted.parent.glob("*.torrent")) == []


def test_a_torrent_without_a_folder_lies_beside_the_file_or_is_refused(at_sandbox: Run, adopted: Path) -> None:
    ran = at_sandbox("torrent", "--announce", "http://t.example/announce", "--json")
    made = list(adopted.parent.glob("*.torrent"))
    assert (ran.code == 0) == bool(made), ran.out
    if made:
        assert Path(ran.data["torrents"][0]["path"]).is_absolute()


def test_an_export_brings_adopted_files_to_another_database(at_sandbox: Run, adopted: Path) -> None:
    assert at_sandbox("db", "export", "all.json", "--json").code == 0
    ran = at_sandbox("--save-path", "other", "db", "import", "all.json", "--json")
    assert (ran.code, ran.data["entries"]) == (0, 1)
    [entry] = at_sandbox("--save-path", "other", "db", "view", "--json").data["entries"]
    assert entry["files"][0]["path"] == str(adopted)
    assert at_sandbox("--save-path", "other", "db", "verify", "--json").data["counts"] == {"ok": 1}
    digest = hashlib.sha256(adopted.read_bytes()).hexdigest()
    assert entry["files"][0]["sha256"] == digest


def test_a_scan_beside_a_download_takes_its_files_for_what_they_are(
    at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    model = civitai_sandbox.world.add_simple("Downloaded", size=4096)
    assert at_sandbox("download", str(model.id), "-y", "--json").code == 0
    civitai_sandbox.clear_requests()
    ran = at_sandbox("library", "scan", "downloads", "--images", "none", "--json")
    [row] = ran.data["files"]
    assert (ran.code, row["matched_by"], row["model_id"]) == (0, "sha256", model.id)
    assert not row["path"].startswith("/") and (Path("downloads") / row["path"]).is_file()
    assert len(at_sandbox("db", "view", "--json").data["entries"][0]["files"]) == 1
