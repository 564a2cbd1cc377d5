"""`civitai-kit torrent` as it is typed: a download from the sandbox, then torrents of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torf

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.disk.save_lock import SaveLock
from civitai_kit.store.lmdb_store import LmdbStore
from tests.cli.conftest import Run
from tests.program import Program

TRACKER = "udp://tracker.example.org:6969/announce"


@pytest.fixture
def downloaded(at_sandbox: Run) -> Run:
    """A folder `downloads` with some models of the sandbox's in it."""
    assert at_sandbox("download", "-l", "3", "-y", "-t", "LORA", "--metadata").code == 0
    return at_sandbox


def test_every_downloaded_version_gets_a_torrent_that_its_files_satisfy(downloaded: Run, empty_home: Path) -> None:
    said = downloaded("torrent", "--announce", TRACKER, "--magnet-links", "--json")
    assert said.code == 0
    rows = said.data["torrents"]
    entries = downloaded("db", "view", "--json").data["entries"]
    assert sorted(row["version_ids"] for row in rows) == sorted([entry["version_id"]] for entry in entries)
    for row in rows:
        assert {"version_ids", "path", "info_hash", "magnet", "size", "piece_size", "status"} <= set(row)
        assert row["status"] == "created" and "\\" not in row["path"]
        place = empty_home / "downloads" / row["path"]
        torrent = torf.Torrent.read(place)
        assert torrent.infohash == row["info_hash"]
        magnet = place.with_name(f"{place.stem}-magnet.txt").read_text(encoding="utf-8").strip()
        assert magnet == row["magnet"]
    again = downloaded("torrent", "--announce", TRACKER, "--json")
    assert [(row["status"], row["info_hash"]) for row in again.data["torrents"]] == [
        ("kept", row["info_hash"]) for row in rows
    ]
    assert not [*(empty_home / "downloads").rglob("*.tmp")]


def test_all_go_to_one_folder_with_absolute_paths_when_it_is_outside(downloaded: Run, empty_home: Path) -> None:
    rows = downloaded("torrent", "--announce", TRACKER, "-o", "torrents", "--json").data["torrents"]
    assert {row["path"] for row in rows} == {str(path) for path in (empty_home / "torrents").iterdir()}
    assert rows


def test_a_person_reads_what_was_made(downloaded: Run) -> None:
    said = downloaded("torrent", "--announce", TRACKER, "--magnet-links")
    assert said.out.splitlines()[0].startswith("STATUS")
    assert "-magnet.txt" not in said.out and ".torrent" in said.out.splitlines()[1]
    assert "Made " in said.out.splitlines()[-1]
    again = downloaded("torrent", "--announce", TRACKER).out.splitlines()[-1]
    assert again.startswith("Kept ") and "Made" not in again
    assert "Licence" in said.err or "done" in said.err


def test_one_model_by_its_id(downloaded: Run) -> None:
    entry = downloaded("db", "view", "--json").data["entries"][0]
    rows = downloaded("torrent", "--announce", TRACKER, "--model-id", str(entry["model_id"]), "--json").data["torrents"]
    assert {row["model_id"] for row in rows} == {entry["model_id"]}
    said = downloaded("torrent", "--announce", TRACKER, "--model-id", "1, 2", "--json")
    assert (said.code, said.data["torrents"]) == (0, [])
    assert "Nothing is downloaded of these models" in said.err


def test_a_missing_file_ends_with_7_and_names_it(downloaded: Run, empty_home: Path) -> None:
    entry = downloaded("db", "view", "--json").data["entries"][0]
    gone = entry["files"][0]
    (empty_home / "downloads" / gone["path"]).unlink()
    said = downloaded("torrent", "--announce", TRACKER, "--json")
    assert said.code == 7
    (error,) = said.document["errors"]
    assert (error["path"], error["file_id"], error["version_id"]) == (
        gone["path"],
        gone["file_id"],
        entry["version_id"],
    )
    assert said.data["torrents"]


def test_another_process_that_writes_is_waited_for(downloaded: Run, empty_home: Path) -> None:
    with SaveLock(empty_home / "downloads", "download"):
        said = downloaded("torrent", "--announce", TRACKER, "--json")
        outside = downloaded("torrent", "--announce", TRACKER, "-o", str(empty_home / "out"), "--json")
    assert (said.code, said.document["errors"][0]["code"]) == (10, "store_locked")
    assert outside.code == 0


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--announce", "ftp://tracker.example.org/"),
        ("--announce", "tracker.example.org"),
        ("--announce", f"{TRACKER},http://"),
        ("--announce", TRACKER, "--piece-size", "100000"),
        ("--announce", TRACKER, "--piece-size", "1GiB"),
        ("--announce", TRACKER, "--piece-size", "much"),
        ("--announce", TRACKER, "--web-seed", "udp://web.example:1"),
        ("--announce", TRACKER, "--model-id", "abc"),
        ("--announce", TRACKER, "--per", "creator"),
        ("--announce", TRACKER, "-c", "0"),
    ],
)
def test_a_mistake_is_2_before_anything_is_written(run: Run, empty_home: Path, words: tuple[str, ...]) -> None:
    said = run("torrent", *words, "--json")
    assert said.code == 2
    assert said.document["errors"][0]["code"] in ("usage", "settings")
    assert not [*empty_home.iterdir()]


def test_an_output_that_is_a_file_is_not_called_the_save_path(at_sandbox: Run, empty_home: Path) -> None:
    Path("file").write_text("mine")
    assert at_sandbox("download", "1039", "-y", "--json").code == 0
    for words in (("torrent", "--announce", "http://t.example/a"), ("images", "--model-id", "1001")):
        row = at_sandbox(*words, "-o", "file", "--json").document["errors"][0]
        assert (row["code"], row["message"]) == ("not_writable", f"The folder {empty_home / 'file'} is a file.")


def test_nothing_to_make_is_no_failure_and_makes_nothing(run: Run, empty_home: Path) -> None:
    said = run("torrent", "--announce", TRACKER)
    assert said.code == 0
    assert said.out.startswith("Nothing to make a torrent of")
    assert not [*empty_home.iterdir()]


def test_trackers_may_stand_in_the_settings_as_the_go_tool_had_them(downloaded: Run, empty_home: Path) -> None:
    text = f'[Torrent]\nAnnounceURLs = ["{TRACKER}"]\nMagnetLinks = true\n'
    (empty_home / "config.toml").write_text(text, encoding="utf-8")
    row = downloaded("torrent", "--json").data["torrents"][0]
    assert row["magnet_path"].endswith("-magnet.txt")
    assert "tracker.example.org" in row["magnet"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a signal that a console sends")
def test_a_signal_ends_it_in_order_and_leaves_no_half_torrent(empty_home: Path, program: Program) -> None:
    root = empty_home / "downloads"
    root.mkdir()
    size = 64 * 2**30
    (root / "a.safetensors").touch()
    os.truncate(root / "a.safetensors", size)
    record = FileRecord(file_id=1, path="a.safetensors", size=size, status=Status.DOWNLOADED)
    with LmdbStore.open(root / "civitai_download_db", read_only=False) as store:
        store.put(Entry(version_id=1, model_id=1, files=(record,)))
    process = program.start(["torrent", "--announce", TRACKER, "--json", "--log-level", "debug"])
    assert any(b"FileStarted" in line for line in process.stderr)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert time.monotonic() - begun < 3
    document = json.loads(out)
    assert (process.returncode, document["exit_code"]) == (130, 130)
    assert document["errors"][0]["code"] == "interrupted"
    left = {path.name for path in root.iterdir()}
    assert left == {"a.safetensors", "civitai_download_db"}
