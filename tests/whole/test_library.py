"""A scan of a library that is killed, stopped or doubled: what was done is kept, and nothing that is kept is wrong."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.disk.save_lock import NAME
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.testing import Sandbox
from tests.library_world import write_known, write_unknown
from tests.program import Program, Running
from torture.library import lies

KNOWN, UNKNOWN = 8, 6
SCAN = ("library", "scan", "models")


class Library:
    """A folder of models, and the command run on it as a process of its own."""

    def __init__(self, program: Program, sandbox: Sandbox, root: Path) -> None:
        self.program = program
        self.sandbox = sandbox
        self.root = root
        self.models = root / "models"
        self.save = root / "save"

    def start(self, *words: str) -> Running:
        """`library scan models`, its output caught."""
        env = {**os.environ, "HOME": str(self.root), "CIVITAI_KIT_API_DELAY_MS": "0"}
        words = ("--api-url", self.sandbox.url, "--save-path", str(self.save), *(words or SCAN), "--json")
        return self.program.start(words, env=env, cwd=self.root)

    def run(self, *words: str) -> dict[str, Any]:
        """The same to its end; gives its one JSON object."""
        out, err = self.start(*words).communicate(timeout=120)
        assert b"Traceback" not in err
        document: dict[str, Any] = json.loads(out)
        return document

    def until(self, process: Running, happened: Callable[[], bool]) -> None:
        """Wait for something, or until the process has ended by itself."""
        deadline = time.monotonic() + 60
        while process.poll() is None and not happened():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.0005)

    def hashes(self) -> int:
        return len(list(self.save.glob("library/*/*_hash.json")))

    def cached(self) -> int:
        """Of how many files the digests are kept."""
        from civitai_kit.disk.files import stamp

        with LmdbStore.open(self.save / "civitai_download_db", read_only=True) as store:
            stamps = [found for path in self.models.iterdir() if (found := stamp(path)) is not None]
            return sum(store.cached_digests(one) is not None for one in stamps)


@pytest.fixture
def library(program: Program, civitai_sandbox: Sandbox, tmp_path: Path) -> Library:
    return Library(program, civitai_sandbox, tmp_path)


@pytest.mark.parametrize("wanted", [1, 5, KNOWN + UNKNOWN])
def test_kill_9_leaves_nothing_that_disagrees_and_the_next_run_finishes(library: Library, wanted: int) -> None:
    """Thirty moments are tried by `make torture ONLY=library`."""
    write_known(library.sandbox.world, library.models, KNOWN)
    write_unknown(library.models, UNKNOWN)
    process = library.start()
    library.until(process, lambda: library.hashes() >= wanted)
    process.kill()
    process.communicate()
    assert list(lies(library.models, library.save)) == []
    done = library.run()
    assert (done["exit_code"], done["data"]["counts"]["missing"]) == (0, UNKNOWN)
    assert list(lies(library.models, library.save)) == []
    again = library.run()
    assert again["data"]["counts"] == {"identified": 0, "missing": UNKNOWN, "unchanged": KNOWN, "error": 0}
    assert again["data"]["bytes"] == 0


def test_ctrl_c_while_files_are_read_ends_with_130_and_keeps_the_hashes_of_those_that_were(library: Library) -> None:
    write_unknown(library.models, 20, size=200_000)
    giant = library.models / "z giant.safetensors"
    with giant.open("wb") as file:
        file.truncate(30 * 2**30)
    process = library.start()
    # The lines of those that were read come before the giant is done.
    for _ in range(20):
        assert process.stderr.readline().startswith(b"there")
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - begun < 5
    document = json.loads(out)
    assert (process.returncode, document["exit_code"], document["errors"][0]["code"]) == (130, 130, "interrupted")
    assert b"Traceback" not in err
    assert library.cached() == 20
    giant.unlink()
    assert library.run()["data"]["bytes"] == 0


def test_ctrl_c_while_the_site_is_asked_ends_with_130_and_the_next_run_reads_nothing(library: Library) -> None:
    write_known(library.sandbox.world, library.models, 4)
    library.sandbox.faults.add("slow", times=None, delay=60)
    process = library.start()
    library.until(process, lambda: any("by-hash" in request.path for request in library.sandbox.requests))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, json.loads(out)["errors"][0]["code"]) == (130, "interrupted")
    library.sandbox.faults.clear()
    done = library.run()
    assert (done["exit_code"], done["data"]["bytes"], done["data"]["counts"]["identified"]) == (0, 0, 4)


def test_a_second_writer_is_told_who_is_at_work(library: Library) -> None:
    write_known(library.sandbox.world, library.models, 1)
    assert library.run(*SCAN)["exit_code"] == 0
    write_known(library.sandbox.world, library.models, 2)
    library.sandbox.faults.add("slow", times=None, delay=60)
    first = library.start()
    library.until(first, (library.save / NAME).exists)
    for words in (SCAN, ("library", "duplicates"), ("library", "clean", "--yes")):
        second = library.run(*words)
        assert (second["exit_code"], second["errors"][0]["code"]) == (10, "store_locked")
        assert str(first.pid) in second["errors"][0]["message"] + second["errors"][0]["hint"]
    assert library.run("library", "missing")["exit_code"] == 0
    first.kill()
    first.communicate()


def test_ctrl_c_while_previews_are_fetched_leaves_none_out_of_the_next_run(library: Library) -> None:
    write_known(library.sandbox.world, library.models, 3 * KNOWN)
    library.sandbox.faults.add("slow_start", times=None, delay=0.5)
    process = library.start()
    library.until(process, lambda: any(library.save.glob("library/*/*_preview_0.png")))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, json.loads(out)["errors"][0]["code"]) == (130, "interrupted")
    assert len(list(library.save.glob("library/*/*_preview_0.png"))) < 3 * KNOWN
    library.sandbox.faults.clear()
    assert library.run()["exit_code"] == 0
    assert len(list(library.save.glob("library/*/*_preview_0.png"))) == 3 * KNOWN
    assert list(lies(library.models, library.save)) == []
