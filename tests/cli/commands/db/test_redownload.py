"""`db redownload`: versions anew by their ids, the old file standing until the new one is proved."""

from __future__ import annotations

import hashlib
from pathlib import Path

from civitai_kit.testing import Known, Sandbox
from tests.cli.conftest import Ran, Run

SAVE = Path("downloads")
PLAIN = str(int(Known.PLAIN_LORA))


def only_file(ran: Ran) -> Path:
    rows = ran.data["downloaded"]
    assert len(rows) == 1
    return SAVE / str(rows[0]["path"])


def test_a_right_file_is_fetched_again_to_where_it_is(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    path = only_file(at_sandbox("download", PLAIN, "-y", "--json"))
    before = path.stat().st_ino
    civitai_sandbox.clear_requests()
    ran = at_sandbox("db", "redownload", "v_100101", "--json")
    assert (ran.code, only_file(ran)) == (0, path)
    assert path.stat().st_ino != before
    assert hashlib.sha256(path.read_bytes()).hexdigest() == ran.data["downloaded"][0]["sha256"]
    assert any(record.host == "storage" for record in civitai_sandbox.requests)


def test_the_old_file_and_its_entry_stay_when_the_new_one_is_wrong(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    path = only_file(at_sandbox("download", PLAIN, "-y", "--json"))
    good = path.read_bytes()
    civitai_sandbox.faults.add("wrong_bytes", None)
    ran = at_sandbox("db", "redownload", "100101", "--json")
    assert (ran.code, ran.data["failed"][0]["code"]) == (8, "hash_mismatch")
    assert path.read_bytes() == good
    assert at_sandbox("db", "view", "--json").data["entries"][0]["status"] == "Downloaded"
    civitai_sandbox.faults.clear()
    assert at_sandbox("db", "verify", "--json").code == 0


def test_a_version_that_is_not_in_the_database_is_looked_up_on_the_site(at_sandbox: Run) -> None:
    ran = at_sandbox("db", "redownload", "100102", "--json")
    assert ran.code == 0
    assert only_file(ran).is_file()
    assert [entry["key"] for entry in at_sandbox("db", "view", "--json").data["entries"]] == ["v_100102"]


def test_many_at_once_and_what_cannot_be_had_is_a_row_of_its_own(at_sandbox: Run) -> None:
    at_sandbox("download", PLAIN, "-y", "--json")
    ran = at_sandbox("db", "redownload", "v_100101,100102", "999999", "--json")
    assert ran.code == 7
    assert {row["version_id"] for row in ran.data["downloaded"]} == {100101, 100102}
    assert [(row["code"], row["version_id"]) for row in ran.document["errors"]] == [("not_found", 999999)]


def test_an_unknown_version_alone_is_not_found(at_sandbox: Run) -> None:
    assert at_sandbox("db", "redownload", "999999", "--json").code == 4


def test_what_is_no_version_id_is_a_mistake_with_a_hint(at_sandbox: Run, empty_home: Path) -> None:
    for words in (("abc",), ("v_",), ("0",), ("99999999999",), ("²",), ()):
        ran = at_sandbox("db", "redownload", *words, "--json")
        assert (ran.code, ran.document["errors"][0]["code"]) == (2, "usage")
        assert ran.document["errors"][0]["hint"]
    assert list(empty_home.iterdir()) == []


def test_a_version_that_was_archived_meanwhile_keeps_file_answer_and_date(
    at_sandbox: Run, civitai_sandbox: Sandbox
) -> None:
    path = only_file(at_sandbox("download", PLAIN, "-y", "--json"))
    at_sandbox("db", "export", "before.jsonl")
    civitai_sandbox.world.models[Known.PLAIN_LORA].mode = "Archived"
    ran = at_sandbox("db", "redownload", "100101", "--json")
    assert (ran.code, ran.data["failed"][0]["code"]) == (4, "archived")
    assert path.is_file()
    at_sandbox("db", "export", "after.jsonl")
    before, after = Path("before.jsonl").read_text("utf-8"), Path("after.jsonl").read_text("utf-8")
    assert '"error":"archived' in after
    assert _without_error(after) == _without_error(before)


def _without_error(export: str) -> list[object]:
    import json

    entry = json.loads(export.splitlines()[1])["entry"]
    entry["files"][0].pop("error")
    return [entry["version"], entry["files"], entry["last_seen"], entry["site_state"]]
