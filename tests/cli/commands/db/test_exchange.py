"""`db export` and `db import`: a collection out and in, and what a file from elsewhere cannot do."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord, Status
from civitai_kit.core.errors import StoreError
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.testing import Known
from tests.cli.conftest import Run
from tests.program import Program

SAVE = Path("downloads")
DATABASE = SAVE / "civitai_download_db"
HEADER = '{"format":"civitai-kit","schema":1}'


@pytest.fixture
def filled(at_sandbox: Run) -> Run:
    """Three versions and an image record."""
    at_sandbox("download", str(int(Known.PLAIN_LORA)), "--all-versions", "-y", "--json")
    record = ImageRecord(kind=ImageKind.TAG, target="猫 \ud83d", image_id=5, path="images/5.jpeg", tags=("a", "b"))
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put_images([record])
    return at_sandbox


def everything(database: Path = DATABASE) -> tuple[list[Entry], list[ImageRecord]]:
    with LmdbStore.open(database, read_only=True) as store:
        return list(store.entries()), list(store.images())


def lines(*rows: Any) -> None:
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    Path("in.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")


def an_entry(version_id: int = 7, path: str = "a/7.safetensors", **fields: Any) -> dict[str, Any]:
    file = {"file_id": version_id, "path": path, "status": "Downloaded", "size": 5, **fields.pop("file", {})}
    return {"entry": {"version_id": version_id, "files": [file], **fields}}


def test_what_went_out_comes_in_and_verify_brings_the_files(filled: Run) -> None:
    out = filled("db", "export", "all.jsonl", "--json")
    assert out.data == {"file": "all.jsonl", "entries": 3, "images": 1}
    into = filled("--save-path", "elsewhere", "db", "import", "all.jsonl", "--json")
    assert (into.code, into.data["entries"], into.data["images"], into.data["skipped"]) == (0, 3, 1, 0)
    assert into.data["format"] == "civitai-kit"
    entries, images = everything()
    here, images_here = everything(Path("elsewhere/civitai_download_db"))
    assert {entry.status for entry in here} == {Status.PENDING}
    assert [entry.version for entry in here] == [entry.version for entry in entries]
    assert images_here == images
    assert filled("--save-path", "elsewhere", "db", "verify", "--yes", "--json").code == 0
    for entry in entries:
        for file in entry.files:
            assert (SAVE / file.path).read_bytes() == (Path("elsewhere") / file.path).read_bytes()


def test_where_the_files_are_the_entries_come_back_as_they_were(filled: Run) -> None:
    filled("db", "export", "all.jsonl", "--json")
    before = everything()
    for path in DATABASE.iterdir():
        path.unlink()
    DATABASE.rmdir()
    assert filled("db", "import", "all.jsonl", "--json").code == 0
    assert everything() == before


def test_the_same_file_twice_changes_nothing(filled: Run) -> None:
    filled("db", "export", "all.jsonl", "--json")
    before = everything()
    ran = filled("db", "import", "all.jsonl", "--json")
    assert (ran.code, ran.data["entries"], ran.data["images"]) == (0, 0, 0)
    assert ran.data["reasons"] == {"same": 4}
    assert everything() == before


def test_a_pipe_works_both_ways(filled: Run) -> None:
    command = [sys.executable, "-m", "civitai_kit"]
    out = subprocess.run([*command, "db", "export", "-"], capture_output=True, check=True)
    assert len(out.stdout.splitlines()) == 5
    words = [*command, "--save-path", "elsewhere", "db", "import", "-", "--json"]
    into = subprocess.run(words, input=out.stdout, capture_output=True, check=True)
    assert json.loads(into.stdout)["data"]["entries"] == 3


def test_an_export_to_stdout_leaves_no_room_for_json(filled: Run) -> None:
    assert filled("db", "export", "-", "--json").code == 2


def test_an_old_export_stays_when_the_new_one_cannot_be_written(filled: Run) -> None:
    ran = filled("db", "export", "nowhere/all.jsonl", "--json")
    assert (ran.code, ran.document["errors"][0]["code"]) == (9, "not_writable")
    Path("folder.jsonl").mkdir()
    assert filled("db", "export", "folder.jsonl", "--json").code == 9
    assert not list(Path().glob("*.tmp"))


def test_an_older_record_does_not_replace_a_newer_one(at_sandbox: Run) -> None:
    lines(HEADER, an_entry(model_name="new", updated_at="2026-02-01", version={"id": 7}))
    at_sandbox("db", "import", "in.jsonl", "--json")
    lines(HEADER, an_entry(model_name="old", updated_at="2026-01-01", version={"id": 7, "poor": True}))
    ran = at_sandbox("db", "import", "in.jsonl", "--json")
    assert ran.data["reasons"] == {"older": 1}
    assert everything()[0][0].model_name == "new"


def test_a_newer_record_without_an_answer_keeps_the_answer_there_is(at_sandbox: Run) -> None:
    lines(HEADER, an_entry(model_name="old", updated_at="2026-01-01", version={"id": 7}, last_seen="2026-01-01"))
    at_sandbox("db", "import", "in.jsonl", "--json")
    lines(HEADER, an_entry(model_name="new", updated_at="2026-02-01"))
    at_sandbox("db", "import", "in.jsonl", "--json")
    entry = everything()[0][0]
    assert (entry.model_name, entry.version, entry.last_seen) == ("new", {"id": 7}, "2026-01-01")


def test_a_file_that_is_here_is_not_forgotten_for_one_that_is_not(filled: Run) -> None:
    entry = everything()[0][0]
    record = entry.files[0].model_copy(update={"status": Status.ERROR, "error": "x: y", "updated_at": "2999-01-01"})
    worse = entry.model_copy(update={"files": (record,), "updated_at": "2999-01-01"})
    lines(HEADER, {"entry": worse.model_dump(mode="json")})
    filled("db", "import", "in.jsonl", "--json")
    assert everything()[0][0].files == entry.files


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{not json", "broken"),
        ("[]", "invalid"),
        ("{}", "invalid"),
        ('{"entry":{"version_id":7,"version":{"x":NaN}}}', "broken"),
        (an_entry(version_id=0), "invalid"),
        (an_entry(file={"sha256": "xyz"}), "invalid"),
        (an_entry(file={"crc32": "12345"}), "invalid"),
        (an_entry(file={"proved": {"sha256": "AB"}}), "invalid"),
        (an_entry(file={"size": -1}), "invalid"),
        (an_entry(path="../../etc/passwd"), "unsafe_path"),
        (an_entry(path="/etc/passwd"), "unsafe_path"),
        (an_entry(path="C:\\windows\\x"), "unsafe_path"),
        (an_entry(path="civitai_download_db/data.mdb"), "unsafe_path"),
        (an_entry(path="a/b.part"), "unsafe_path"),
        (an_entry(path="a/../../b"), "unsafe_path"),
        ('{"entry":' + "[" * 200_000, "broken"),
    ],
)
def test_a_line_that_cannot_be_taken_is_told_and_the_others_are(at_sandbox: Run, row: Any, reason: str) -> None:
    lines(HEADER, an_entry(8), row, an_entry(9))
    ran = at_sandbox("db", "import", "in.jsonl", "--json")
    assert (ran.code, ran.data["entries"], ran.data["skipped"], ran.data["reasons"]) == (7, 2, 1, {reason: 1})
    assert "line 3" in ran.document["errors"][0]["message"]
    assert [entry.version_id for entry in everything()[0]] == [8, 9]


def test_a_download_url_that_leads_elsewhere_is_not_kept(at_sandbox: Run) -> None:
    lines(HEADER, an_entry(8, file={"url": "@evil.example/x"}), an_entry(9, file={"url": "/api/download/models/9"}))
    assert at_sandbox("db", "import", "in.jsonl", "--json").code == 0
    assert [entry.files[0].url for entry in everything()[0]] == [None, "/api/download/models/9"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        '{"format":"civitai-kit"}\n',
        '{"format":"civitai-kit","schema":2}\n',
        '{"format":"civitai-kit"',
        "\0",
    ],
)
def test_what_is_no_export_or_a_newer_one_is_refused_whole(at_sandbox: Run, empty_home: Path, text: str) -> None:
    Path("in.jsonl").write_text(text, encoding="utf-8")
    ran = at_sandbox("db", "import", "in.jsonl", "--json")
    assert (ran.code, ran.document["errors"][0]["code"]) == (2, "usage")
    assert ran.document["errors"][0]["hint"]


def test_a_file_that_is_not_there_is_a_mistake(at_sandbox: Run) -> None:
    assert at_sandbox("db", "import", "nothing.jsonl", "--json").code == 2
    assert at_sandbox("db", "import", "--json").code == 2
    assert at_sandbox("db", "export", "a", "b", "--json").code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_killed_in_the_middle_whole_batches_are_there_and_a_rerun_brings_the_rest(
    at_sandbox: Run, program: Program
) -> None:
    count = 7_500
    lines(HEADER, *(an_entry(number, f"a/{number}.safetensors", version={"id": number}) for number in range(1, count)))
    process = program.start(["db", "import", "in.jsonl", "--json"])
    while process.poll() is None and not written():
        time.sleep(0.005)
    process.kill()
    process.communicate()
    for entry in everything()[0]:
        assert (entry.version, entry.status) == ({"id": entry.version_id}, Status.PENDING)
    ran = at_sandbox("db", "import", "in.jsonl", "--json")
    assert (ran.code, ran.data["entries"] + ran.data["skipped"]) == (0, count - 1)
    assert len(everything()[0]) == count - 1


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
@pytest.mark.usefixtures("at_sandbox")
def test_ctrl_c_in_the_middle_ends_it_at_once_and_says_so(program: Program) -> None:
    lines(HEADER, *(an_entry(one, f"a/{one}.safetensors", version={"id": one}) for one in range(1, 25_000)))
    process = program.start(["db", "import", "in.jsonl", "--json"])
    until(written)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, _ = process.communicate(timeout=20)
    assert time.monotonic() - begun < 3
    assert (process.returncode, json.loads(out)["errors"][0]["code"]) == (130, "interrupted")


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def written() -> int:
    """How many entries there are by now."""
    if not (DATABASE / "data.mdb").exists():
        return 0
    try:
        with LmdbStore.open(DATABASE, read_only=True) as store:
            return store.count()
    except StoreError:  # It is just being made.
        return 0


def test_two_files_of_an_entry_never_share_a_path(at_sandbox: Run) -> None:
    entry = Entry(version_id=3, files=(FileRecord(file_id=1, path="x/a"), FileRecord(file_id=2, path="x/a")))
    lines(HEADER, {"entry": entry.model_dump(mode="json")})
    ran = at_sandbox("db", "import", "in.jsonl", "--json")
    assert (ran.code, ran.data["reasons"]) == (2, {"unsafe_path": 1})


def test_old_and_new_entries_and_damaged_lines_between_them_each_get_what_they_should(at_sandbox: Run) -> None:
    known = [
        an_entry(number, f"a/{number}", version={"id": number}, updated_at="2026-02-01") for number in range(1, 200)
    ]
    lines(HEADER, *known)
    assert at_sandbox("db", "import", "in.jsonl", "--json").code == 0
    known[20]["entry"]["updated_at"] = "2026-03-01"
    known[30]["entry"].update(updated_at="2026-01-01", version={"poor": True})
    fresh = [an_entry(number, f"a/{number}", version={"id": number}) for number in range(200, 400)]
    lines(HEADER, *known[:100], "{broken", *fresh[:150], "", an_entry(500, "../x"), *known[100:], *fresh[150:])
    ran = at_sandbox("db", "import", "in.jsonl", "--json")
    assert (ran.code, ran.data["entries"]) == (7, 201)
    assert ran.data["reasons"] == {"same": 197, "older": 1, "broken": 1, "unsafe_path": 1}
    assert [error["message"].split(":")[0] for error in ran.document["errors"]] == [
        "in.jsonl, line 102",
        "in.jsonl, line 254",
    ]
    entries = everything()[0]
    assert [entry.version_id for entry in entries] == list(range(1, 400))
    assert all(entry.version == {"id": entry.version_id} for entry in entries)


def test_of_a_version_that_comes_twice_the_newer_and_fuller_stays(at_sandbox: Run) -> None:
    rich = an_entry(7, version={"id": 7}, updated_at="2026-01-01", model_name="old")
    poor = an_entry(7, updated_at="2026-02-01", model_name="new")
    lines(HEADER, rich, an_entry(9, "a/9"), poor, rich, an_entry(8, "a/8"), an_entry(3, "a/3"))
    ran = at_sandbox("db", "import", "in.jsonl", "--json")
    assert (ran.code, ran.data["entries"], ran.data["reasons"]) == (0, 5, {"older": 1})
    entries = everything()[0]
    assert [entry.version_id for entry in entries] == [3, 7, 8, 9]
    assert (entries[1].model_name, entries[1].version) == ("new", {"id": 7})


def test_only_files_that_are_here_with_their_size_stay_downloaded(at_sandbox: Run) -> None:
    for number, size in ((70, 5), (71, 4), (140, 5)):
        path = SAVE / "a" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    rows = [Entry.model_validate(an_entry(number, f"a/{number}.bin")["entry"]) for number in range(1, 200)]
    lines(HEADER, *('{"entry":' + row.model_dump_json() + "}" for row in rows))
    assert at_sandbox("db", "import", "in.jsonl", "--json").code == 0
    here = {entry.version_id for entry in everything()[0] if entry.status is Status.DOWNLOADED}
    assert here == {70, 140}
