"""kill -9 at any moment: the journal never claims what the part does not hold, and nothing written is fetched twice."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from civitai_kit.machine import boot
from civitai_kit.transfer.part.journal import parse_journal, parse_marks, stretches
from tests.transfer.conftest import Desk

SIZE = 20_000_000
KILLS = 15
SCRIPT = Path(__file__).with_name("kill_me.py")


class Victims:
    """Starts processes that fetch the file, one at a time."""

    def __init__(self, desk: Desk, connections: int) -> None:
        self._line = json.dumps(
            [
                desk.sandbox.url,
                desk.sandbox.api_key,
                desk.url,
                str(desk.target),
                desk.sha256,
                connections,
                desk.file.body.size,
            ]
        )
        self._warm = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            cwd=SCRIPT.parents[2],
            env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> int:
        """Start one; gives its process id."""
        assert self._warm.stdin is not None
        self._warm.stdin.write(self._line + "\n")
        self._warm.stdin.flush()
        return self._read()

    def wait(self) -> bool:
        """Wait for its end; gives whether it got that far by itself."""
        return self._read() == 0

    def close(self) -> None:
        """End the process they are forked from."""
        self._warm.communicate()

    def _read(self) -> int:
        assert self._warm.stdout is not None
        return int(self._warm.stdout.readline())


def kept(desk: Desk) -> int:
    """What journal and marks claim from the start on, after a look at whether all of it tells the truth."""
    try:
        content = desk.target.with_name("model.safetensors.part.json").read_bytes()
    except FileNotFoundError:
        return 0
    journal = parse_journal(content)
    assert journal is not None
    held = desk.target.with_name("model.safetensors.part").read_bytes()
    claimed = [(0, journal.synced), *stretches(parse_marks(content, boot()), journal.synced, SIZE)]
    right = desk.content
    assert all(held[start:stop] == right[start:stop] for start, stop in claimed)
    return next((stop for start, stop in claimed[1:2] if start == journal.synced), journal.synced)


def first_byte_asked(desk: Desk) -> int:
    """Where the first request to the storage began."""
    found = re.match(r"bytes=(\d+)-", desk.ranges()[0])
    return int(found[1]) if found else 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
@pytest.mark.parametrize("connections", [1, 3])
def test_killed_again_and_again_it_ends_right_and_fetches_nothing_written_twice(
    desk_of: Callable[[int], Desk], connections: int
) -> None:
    desk = desk_of(SIZE)
    desk.closing.callback((victims := Victims(desk, connections)).close)
    chance = random.Random(connections)
    kills = 0
    while kills < KILLS:
        claimed = kept(desk)
        desk.sandbox.clear_requests()
        desk.sandbox.faults.clear()
        desk.sandbox.faults.add("throttle", times=None, rate=40_000_000 // connections)
        victim = victims.start()
        time.sleep(chance.uniform(0, 0.3))
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        kills += not victims.wait()
        assert desk.asked("storage") == 0 or first_byte_asked(desk) == claimed
        if desk.target.exists():
            assert desk.target.read_bytes() == desk.content
            desk.target.unlink()
    desk.sandbox.faults.clear()
    victims.start()
    assert victims.wait()
    assert desk.target.read_bytes() == desk.content
    assert desk.names() == ["model.safetensors"]
