"""Ctrl-C and stop signals: an orderly end within three seconds, one JSON object, the second one at once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.program import Program, Running

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")

Started = Callable[..., Running]
# The contract's bound, and what a loaded machine needs to notice.
WITHIN = 3.0


@pytest.fixture
def start(empty_home: Path, civitai_sandbox: Sandbox, program: Program) -> Iterator[Started]:
    """Start a command line in a process of its own, against the sandbox."""
    running: list[Running] = []
    env = {
        **os.environ,
        "CIVITAI_API_KEY": civitai_sandbox.api_key,
        "CIVITAI_KIT_API_URL": civitai_sandbox.url,
        "CIVITAI_KIT_API_DELAY_MS": "0",
    }

    def start(*words: str) -> Running:
        running.append(program.start(words, env=env, cwd=empty_home))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.close()


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def stopped(process: Running, *numbers: int) -> tuple[float, str, str]:
    """Send signals, each of another kind since two of one may come as one; how long the end took, what was said."""
    begun = time.monotonic()
    for number in numbers:
        process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return time.monotonic() - begun, out.decode(), err.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_of_a_download_ends_it_in_order(
    number: int, start: Started, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    civitai_sandbox.faults.add("throttle", None, rate=2000)
    process = start("download", "1001", "--yes", "--json")
    until(lambda: any(part.stat().st_size for part in (empty_home / "downloads").rglob("*.part")))
    took, out, err = stopped(process, number)
    assert (process.returncode, "Traceback" in err) == (130, False) and took < WITHIN
    document = json.loads(out)
    assert document["exit_code"] == 130 and "interrupted" in {row["code"] for row in document["errors"]}
    assert any((empty_home / "downloads").rglob("*.part"))


def test_a_signal_while_the_site_is_silent_ends_a_scan(start: Started, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("slow", None, delay=60.0)
    process = start("scan", "--limit", "1", "--json")
    until(lambda: len(civitai_sandbox.requests) > 0)
    took, out, err = stopped(process, signal.SIGINT)
    assert (process.returncode, "Traceback" in err) == (130, False) and took < WITHIN
    assert [row["code"] for row in json.loads(out)["errors"]] == ["interrupted"]


def test_a_second_signal_ends_at_once_and_still_answers(start: Started, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("slow", None, delay=60.0)
    process = start("scan", "--limit", "1", "--json")
    until(lambda: len(civitai_sandbox.requests) > 0)
    took, out, _ = stopped(process, signal.SIGINT, signal.SIGTERM)
    assert process.returncode == 130 and took < 1.5
    assert json.loads(out)["exit_code"] == 130


def test_a_reader_that_goes_away_ends_nothing_loudly(start: Started) -> None:
    process = start("config", "show")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(20) == 0
