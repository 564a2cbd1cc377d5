"""Killed, interrupted or doubled: store and disk agree afterwards, and the next run goes on from what was synced."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Entry, Status
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.testing import Sandbox
from tests.program import Program, Running

MIB = 1024 * 1024
SIZE = 8 * MIB
KILLS = 4
# What one of two transfers may lose: a buffer, and what is under way in sockets.
LOST = MIB + MIB // 2


class Box:
    """A save path, and the command run on it as a process of its own."""

    def __init__(self, program: Program, sandbox: Sandbox, root: Path) -> None:
        self.program = program
        self.sandbox = sandbox
        self.root = root
        model = sandbox.world.add_model("Big", id=7001)
        version = sandbox.world.add_version(model)
        self.files = [sandbox.world.add_file(version, f"big{n}.safetensors", size=SIZE) for n in range(3)]

    def throttle(self, rate: int) -> None:
        """From now on every connection to the storage gets so many bytes a second."""
        self.sandbox.faults.clear()
        self.sandbox.faults.add("throttle", times=None, rate=rate)

    def start(self, *flags: str) -> Running:
        """`download` of the three files, its output caught."""
        env = {**os.environ, "CIVITAI_API_KEY": self.sandbox.api_key, "HOME": str(self.root.parent)}
        words = ["--api-url", self.sandbox.url, "--save-path", str(self.root), "download", "7001", "--yes", "--json"]
        words += ["--api-delay", "0", "-c", "2", *flags]
        return self.program.start(words, env=env, cwd=self.root.parent)

    def run(self, *flags: str) -> dict[str, Any]:
        """The same to its end; gives its one JSON object."""
        out, err = self.start(*flags).communicate(timeout=120)
        assert b"Traceback" not in err
        document: dict[str, Any] = json.loads(out)
        return document

    def entry(self) -> Entry | None:
        with LmdbStore.open(self.root / "civitai_download_db", read_only=True) as store:
            return store.get(700101)

    def held(self) -> int:
        """How many bytes lie there, under any name."""
        sizes = []
        for pattern in ("*.part", "*.safetensors"):
            for path in self.root.rglob(pattern):
                with suppress(FileNotFoundError):  # It just got its final name.
                    sizes.append(path.stat().st_size)
        return sum(sizes)

    def sent(self) -> int:
        """How many bytes the storage has sent."""
        return sum(record.sent for record in self.sandbox.requests)

    def until_held(self, process: Running, wanted: int) -> None:
        """Wait until so many bytes lie there, or the process has ended by itself."""
        deadline = time.monotonic() + 60
        while process.poll() is None and self.held() < wanted:
            assert time.monotonic() < deadline, "nothing came"
            time.sleep(0.01)

    def landed(self) -> list[Path]:
        return sorted(self.root.rglob("*.safetensors"))

    def assert_no_lie(self) -> None:
        """Whatever has its final name is whole, and whatever the store calls Downloaded is there."""
        promised = {file.body.digests["SHA256"].lower() for file in self.files}
        for path in self.landed():
            assert hashlib.sha256(path.read_bytes()).hexdigest() in promised
        entry = self.entry()
        for record in entry.files if entry else ():
            if record.status is Status.DOWNLOADED:
                assert (self.root / record.path).stat().st_size == record.size


@pytest.fixture
def box(program: Program, civitai_sandbox: Sandbox, tmp_path: Path) -> Box:
    return Box(program, civitai_sandbox, tmp_path / "save")


def test_kill_9_at_any_moment_leaves_no_lie_and_wastes_nothing_that_was_written(box: Box) -> None:
    """What twenty kills cost is measured by `make torture ONLY=kills`."""
    box.throttle(12 * MIB)
    chance = random.Random(20261121)
    for _ in range(KILLS):
        process = box.start()
        box.until_held(process, box.held() + chance.randrange(1, 5 * MIB))
        process.kill()
        process.communicate()
        box.assert_no_lie()
    held = box.held()
    assert box.sent() - held <= KILLS * 2 * LOST
    box.sandbox.clear_requests()
    box.sandbox.faults.clear()
    done = box.run()
    assert done["exit_code"] == 0
    assert box.sent() <= SIZE * len(box.files) - held + 2 * MIB, "what lay there was fetched again"
    assert len(box.landed()) == len(box.files)
    box.assert_no_lie()
    entry = box.entry()
    assert entry is not None
    assert {record.status for record in entry.files} == {Status.DOWNLOADED}
    assert not list(box.root.rglob("*.part*"))


def test_ctrl_c_ends_within_three_seconds_with_130_and_keeps_what_came(box: Box) -> None:
    box.throttle(2 * MIB)
    process = box.start()
    box.until_held(process, 3 * MIB)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - start < 3
    document = json.loads(out)
    assert (process.returncode, document["exit_code"]) == (130, 130)
    assert "interrupted" in {row["code"] for row in document["errors"]}
    assert b"Traceback" not in err
    box.assert_no_lie()
    box.sandbox.faults.clear()
    done = box.run()
    assert done["exit_code"] == 0
    assert done["data"]["resumed_bytes"] >= MIB


def test_a_second_process_on_one_save_path_is_told_who_holds_it_and_harms_nothing(box: Box) -> None:
    box.throttle(200_000)
    first = box.start()
    box.until_held(first, 1)
    second = box.run()
    assert (second["exit_code"], second["errors"][0]["code"]) == (10, "store_locked")
    assert str(first.pid) in second["errors"][0]["message"] + second["errors"][0]["hint"]
    first.send_signal(signal.SIGINT)
    out, _ = first.communicate(timeout=60)
    assert {row["code"] for row in json.loads(out)["errors"]} == {"interrupted"}
    box.assert_no_lie()
    box.sandbox.faults.clear()
    assert box.run()["exit_code"] == 0


def test_reading_goes_on_while_another_process_writes(box: Box) -> None:
    box.throttle(200_000)
    first = box.start()
    box.until_held(first, 1)
    _, seen, _ = box.program.run(["--save-path", str(box.root), "db", "view", "--json"], cwd=box.root.parent)
    entries = json.loads(seen)["data"]["entries"]
    assert [entry["status"] for entry in entries] == ["Pending"]
    first.kill()
    first.communicate()


def test_pictures_that_a_killed_run_had_put_in_place_are_not_fetched_again(
    program: Program, civitai_sandbox: Sandbox, tmp_path: Path
) -> None:
    civitai_sandbox.world.add_user("maker")
    for number in range(1, 41):
        civitai_sandbox.world.add_image(id=number, username="maker")
    civitai_sandbox.faults.add("slow_start", times=None, delay=0.03)
    words = ["--api-url", civitai_sandbox.url, "--save-path", str(tmp_path)]
    words += ["images", "--username", "maker", "-c", "2", "--json", "--api-delay", "0"]
    killed = program.start(words, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(pictures(tmp_path)) < 15 and killed.poll() is None:
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.001)
    killed.kill()
    killed.communicate()
    there = len(pictures(tmp_path))
    civitai_sandbox.clear_requests()
    civitai_sandbox.faults.clear()
    code, out, _ = program.run(words, cwd=tmp_path)
    assert code == 0
    asked = sum(record.host == "storage" for record in civitai_sandbox.requests)
    # Two were under way: in place perhaps, and not yet noted.
    assert 40 - there <= asked <= 40 - there + 2
    assert json.loads(out)["data"]["downloaded"] == asked
    assert len(pictures(tmp_path)) == 40


def pictures(folder: Path) -> list[Path]:
    """The pictures under their final names."""
    return [path for path in folder.rglob("*") if path.stem.isdigit() and path.suffix in (".png", ".jpeg", ".webp")]
