"""`db verify`: what it finds, what it mends, and the number it ends with."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.testing import Known, Sandbox
from tests.cli.conftest import AtTerminal, Ran, Run
from tests.program import Program

SAVE = Path("downloads")


@pytest.fixture
def filled(at_sandbox: Run) -> Run:
    """A collection of three versions with metadata."""
    ran = at_sandbox("download", str(int(Known.PLAIN_LORA)), "--all-versions", "--metadata", "-y", "--json")
    assert ran.code == 0, ran.err
    return at_sandbox


def findings(ran: Ran) -> dict[str, str]:
    return {row["key"]: row["finding"] for row in ran.data["findings"]}


def path_of(ran: Ran, key: str) -> Path:
    return SAVE / str(next(row["path"] for row in ran.data["findings"] if row["key"] == key))


def test_an_untouched_collection_is_right(filled: Run) -> None:
    ran = filled("db", "verify", "--json")
    assert (ran.code, ran.data["checked"], ran.data["counts"]) == (0, 3, {"ok": 3})
    assert findings(ran) == {"v_100101": "ok", "v_100102": "ok", "v_100103": "ok"}
    assert set(ran.data["findings"][0]) >= {"key", "version_id", "file_id", "path", "status", "finding"}


def test_each_kind_of_damage_has_its_finding_and_the_end_is_8(filled: Run) -> None:
    before = filled("db", "verify", "--json")
    path_of(before, "v_100101").unlink()
    path_of(before, "v_100102").write_bytes(b"short")
    changed = path_of(before, "v_100103")
    changed.write_bytes(bytes(changed.stat().st_size))
    ran = filled("db", "verify", "--json")
    assert ran.code == 8
    assert findings(ran) == {"v_100101": "missing", "v_100102": "size_mismatch", "v_100103": "hash_mismatch"}
    assert ran.data["counts"] == {"missing": 1, "size_mismatch": 1, "hash_mismatch": 1}
    rows = ran.document["errors"]
    assert {row["code"] for row in rows} == {"missing", "size_mismatch", "hash_mismatch"}
    assert all(row["hint"] and row["path"] and row["version_id"] for row in rows)


def test_yes_fetches_what_is_wrong_and_ends_with_0(filled: Run) -> None:
    before = filled("db", "verify", "--json")
    path_of(before, "v_100101").unlink()
    changed = path_of(before, "v_100103")
    changed.write_bytes(bytes(changed.stat().st_size))
    ran = filled("db", "verify", "--yes", "--json")
    assert (ran.code, ran.data["counts"], ran.document["errors"]) == (0, {"ok": 3}, [])
    assert len(ran.data["downloaded"]) == 2
    assert filled("db", "verify", "--json").code == 0


def test_what_cannot_be_fetched_stays_wrong_and_untouched(filled: Run, civitai_sandbox: Sandbox) -> None:
    before = filled("db", "verify", "--json")
    changed = path_of(before, "v_100103")
    damaged = bytes(changed.stat().st_size)
    changed.write_bytes(damaged)
    civitai_sandbox.world.remove_model(int(Known.PLAIN_LORA))
    ran = filled("db", "verify", "--yes", "--json")
    assert ran.code == 8
    assert ran.data["failed"][0]["code"] == "not_found"
    assert changed.read_bytes() == damaged
    assert findings(ran)["v_100103"] == "hash_mismatch"
    changed.unlink()
    plain = filled("db", "verify", "--yes")
    assert (plain.code, "Not right: 1 of 3 files." in plain.err) == (8, True)


def test_without_a_terminal_it_asks_nothing_and_reports(filled: Run) -> None:
    path_of(filled("db", "verify", "--json"), "v_100101").unlink()
    ran = filled("db", "verify")
    assert ran.code == 8
    assert "missing (1)" in ran.out
    assert "--yes" in ran.err


def test_a_quick_look_reads_no_file(filled: Run) -> None:
    changed = path_of(filled("db", "verify", "--json"), "v_100103")
    changed.write_bytes(bytes(changed.stat().st_size))
    assert filled("db", "verify", "--no-check-hash", "--json").code == 0
    assert filled("db", "verify", "--json").code == 8


def test_time_and_size_are_trusted_only_when_asked(filled: Run) -> None:
    changed = path_of(filled("db", "verify", "--json"), "v_100103")
    status = changed.stat()
    with changed.open("r+b") as file:
        file.write(bytes(16))
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert filled("db", "verify", "--trust-mtime", "--json").code == 0
    assert filled("db", "verify", "--json").code == 8


def test_missing_sidecars_come_back_as_the_site_gave_them(filled: Run) -> None:
    sidecars = sorted(SAVE.rglob("*.json"))
    before = [json.loads(path.read_bytes()) for path in sidecars]
    for path in sidecars:
        path.unlink()
    assert filled("db", "verify", "--json").data["restored"] == []
    ran = filled("db", "verify", "--metadata", "--json")
    assert ran.code == 0, ran
    assert len(ran.data["restored"]) == len(sidecars)
    assert [json.loads(path.read_bytes()) for path in sidecars] == before


def test_no_entries_are_all_right_and_nothing_is_made(at_sandbox: Run, empty_home: Path) -> None:
    ran = at_sandbox("db", "verify", "--json")
    assert (ran.code, ran.data["checked"]) == (0, 0)
    assert list(empty_home.iterdir()) == []


def test_a_file_without_a_hash_on_the_site_is_told_so_and_is_no_problem(at_sandbox: Run) -> None:
    at_sandbox("download", str(int(Known.NO_HASHES)), "-y", "--json")
    ran = at_sandbox("db", "verify", "--json")
    assert (ran.code, ran.data["counts"]) == (0, {"no_hash": 1})
    changed = SAVE / ran.data["findings"][0]["path"]
    changed.write_bytes(bytes(changed.stat().st_size))
    assert at_sandbox("db", "verify", "--json").data["counts"] == {"hash_mismatch": 1}


def test_a_failed_download_that_is_not_there_is_missing(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("wrong_bytes", None)
    assert at_sandbox("download", str(int(Known.FLUX)), "-y", "--json").code == 8
    civitai_sandbox.faults.clear()
    ran = at_sandbox("db", "verify", "--json")
    row = ran.data["findings"][0]
    assert (ran.code, row["status"], row["finding"]) == (8, "Error", "missing")
    assert at_sandbox("db", "verify", "--yes", "--json").code == 0


def test_a_kept_mismatch_is_shown(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("wrong_bytes", None)
    ran = at_sandbox("download", str(int(Known.FLUX)), "-y", "--allow-hash-mismatch", "--json")
    assert ran.code == 0, ran.out
    assert at_sandbox("db", "verify", "--no-check-hash", "--json").data["counts"] == {"hash_mismatch": 1}
    assert at_sandbox("db", "verify", "--json").data["counts"] == {"hash_mismatch": 1}
    assert at_sandbox("db", "verify", "--yes", "--json").code == 8
    assert at_sandbox("db", "view", "--json").data["entries"][0]["status"] == "Downloaded"
    civitai_sandbox.faults.clear()
    assert at_sandbox("db", "verify", "--yes", "--json").code == 0


def test_opposite_flags_are_a_mistake(at_sandbox: Run) -> None:
    ran = at_sandbox("db", "verify", "--check-hash", "--no-check-hash", "--json")
    assert (ran.code, ran.document["errors"][0]["code"]) == (2, "usage")


def test_a_right_file_whose_entry_was_left_pending_is_remembered(filled: Run) -> None:
    from civitai_kit.core.collection.entry import Entry, Status
    from civitai_kit.store.lmdb_store import LmdbStore

    def pending(entry: Entry | None) -> Entry:
        assert entry is not None
        files = tuple(record.model_copy(update={"status": Status.PENDING, "proved": {}}) for record in entry.files)
        return entry.model_copy(update={"files": files})

    with LmdbStore.open(SAVE / "civitai_download_db", read_only=False) as store:
        store.update(100101, pending)
    row: dict[str, Any] = filled("db", "verify", "--json").data["findings"][0]
    assert (row["key"], row["finding"], row["status"]) == ("v_100101", "ok", "Downloaded")
    statuses = {entry["status"] for entry in filled("db", "view", "--json").data["entries"]}
    assert statuses == {"Downloaded"}


@pytest.mark.skipif(sys.platform == "win32", reason="no terminal of this kind there")
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 8), ("", 8)])
def test_on_a_terminal_it_asks(filled: Run, at_terminal: AtTerminal, answer: str, code: int) -> None:
    missing = path_of(filled("db", "verify", "--json"), "v_100101")
    missing.unlink()
    terminal = at_terminal("db", "verify")
    terminal.until("Fetch 1 file again? [y/N]")
    terminal.type(f"{answer}\n")
    assert (terminal.finish(), missing.exists()) == (code, answer == "y")
    assert terminal.seen.count("missing (1)") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_killed_in_the_middle_of_mending_leaves_no_lie(filled: Run, civitai_sandbox: Sandbox, program: Program) -> None:
    for path in [SAVE / row["path"] for row in filled("db", "verify", "--json").data["findings"]]:
        path.write_bytes(b"damaged")
    civitai_sandbox.faults.add("throttle", None, rate=20_000)
    process = program.start(["db", "verify", "--yes", "--json"])
    while not list(SAVE.rglob("*.part")):
        assert process.poll() is None, "it ended without a kill"
    process.kill()
    process.communicate()
    civitai_sandbox.faults.clear()
    for row in filled("db", "verify", "--json").data["findings"]:
        assert (row["finding"] == "ok") or (SAVE / row["path"]).read_bytes() == b"damaged"
    assert filled("db", "verify", "--yes", "--json").code == 0


def test_a_debugging_log_tells_what_happened_to_each_file(filled: Run) -> None:
    loud = ("--log-level", "debug", "--log-file", "log.txt", "--quiet")
    assert filled("db", "verify", *loud).code == filled("db", "redownload", "100101", *loud).code == 0
    told = Path("log.txt").read_text()
    assert told.count("FileStarted key=") == 4 and told.count("FileDone key=") == 1
