"""Devices, giants, pipes and folders where a command is to read: one sentence and a hint, at once."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.program import Program

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and devices")
READERS = {
    "--config": ["db", "view", "--config"],
    "--plan": ["download", "--plan"],
    "--from-file": ["scan", "--from-file"],
    "images --from-file": ["images", "--from-file"],
    "import": ["db", "import"],
}


@pytest.fixture
def odd(empty_home: Path) -> None:
    with (empty_home / "giant").open("wb") as file:
        file.truncate(4 * 2**30)
    os.mkfifo(empty_home / "pipe")
    (empty_home / "folder").mkdir()
    (empty_home / "text").write_bytes(b"\xff\xfe\xfd\xff\x00")


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("name", ["/dev/zero", "giant", "folder", "nowhere", "text"])
@pytest.mark.parametrize("reader", READERS)
def test_what_cannot_be_read_is_refused_with_a_hint(run: Run, reader: str, name: str) -> None:
    said = run("--json", *READERS[reader], name)
    (row,) = said.document["errors"]
    assert said.code == 2 and row["hint"] and name in row["message"]


@pytest.mark.usefixtures("odd")
def test_a_pipe_that_nobody_writes_to_is_refused_after_a_moment(program: Program) -> None:
    # All at once, for each waits.
    for running in [program.start(["--json", *words, "pipe"]) for words in READERS.values()]:
        out, _ = running.communicate()
        (row,) = json.loads(out)["errors"]
        assert running.returncode == 2 and row["hint"] and "pipe" in row["message"]


@pytest.mark.usefixtures("odd")
def test_tags_are_not_written_into_a_folder_nor_into_a_pipe_that_nobody_reads(at_sandbox: Run) -> None:
    for name, why in (("folder", "is a folder"), ("pipe", "nobody reads it")):
        said = at_sandbox("--json", "tags", "--output", name)
        (row,) = said.document["errors"]
        assert (said.code, row["code"]) == (9, "not_writable") and why in row["message"] and row["hint"]


@pytest.mark.usefixtures("odd")
def test_tags_are_written_into_a_pipe_that_somebody_reads(at_sandbox: Run) -> None:
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_bytes()), daemon=True)
    reader.start()
    said = at_sandbox("--json", "tags", "--output", "pipe")
    reader.join(20)
    assert said.code == 0 and read[0].decode().split("\n")[:-1] == said.data["tags"]


def test_process_substitution_is_read(empty_home: Path) -> None:
    (empty_home / "plan.json").write_text(json.dumps({"schema": 1, "items": []}))
    (empty_home / "typo.toml").write_text("limt = 3\n")
    with sqlite3.connect(empty_home / "old.sqlite") as database:
        database.execute("CREATE TABLE tracked_images (image_key TEXT, path TEXT)")
        database.execute("INSERT INTO tracked_images VALUES ('12_HD', 'nowhere/12.png')")
    database.close()
    for words, said in (
        ("download --yes --plan <(cat plan.json)", "Nothing"),
        ("db view --config <(cat typo.toml)", "limt: there is no such setting"),
        ("scan --from-file <(echo 0)", "line 1"),
        ("scan --from-file /dev/stdin <<<0", "/dev/stdin, line 1"),
        ("db import <(cat old.sqlite)", "Imported 0 entries and 1 image record"),
    ):
        command = f"{sys.executable} -m civitai_kit {words}"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
        assert said in done.stdout + done.stderr, (words, done)


def test_a_history_without_a_sound_record_is_told_with_a_row(run: Run, empty_home: Path) -> None:
    (empty_home / "old.json").write_text('{"12_HD": {"path": 5}}')
    said = run("--json", "db", "import", "old.json")
    (row,) = said.document["errors"]
    assert (said.code, row["code"]) == (2, "usage") and row["hint"]
    assert run("db", "import", "old.json").err.startswith("error: old.json: 1 record makes no sense")


def test_a_database_of_another_program_is_told_with_a_hint(run: Run, empty_home: Path) -> None:
    with sqlite3.connect(empty_home / "other.sqlite") as database:
        database.execute("CREATE TABLE x (y TEXT)")
    database.close()
    (row,) = run("--json", "db", "import", "other.sqlite").document["errors"]
    assert "not the image grabber's" in row["message"] and "tracking_database.sqlite" in row["hint"]
