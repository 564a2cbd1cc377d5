"""kill -9 at any moment: the journal never claims what the part does not hold, and nothing synced is fetched twice."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_kit.transfer.journal import parse_journal
from tests.transfer.conftest import Desk

SIZE = 40_000_000
SCRIPT = Path(__file__).with_name("kill_me.py")


def started(desk: Desk, connections: int) -> subprocess.Popen[bytes]:
    """A process that fetches the file."""
    arguments = [desk.sandbox.url, desk.sandbox.api_key, desk.url, str(desk.target), desk.sha256, str(connections)]
    return subprocess.Popen([sys.executable, str(SCRIPT), *arguments], cwd=SCRIPT.parents[2])


def synced(desk: Desk) -> int:
    """What the journal claims, after a look at whether it tells the truth."""
    try:
        journal = parse_journal(desk.target.with_name("model.safetensors.part.json").read_bytes())
    except FileNotFoundError:
        return 0
    assert journal is not None
    held = desk.target.with_name("model.safetensors.part").read_bytes()
    assert held[: journal.synced] == desk.content[: journal.synced]
    return journal.synced


def first_byte_asked(desk: Desk) -> int:
    """Where the first request to the storage began."""
    found = re.match(r"bytes=(\d+)-", desk.ranges()[0])
    return int(found[1]) if found else 0


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1, 3])
def test_killed_again_and_again_it_ends_right_and_fetches_nothing_synced_twice(
    desk_of: Callable[[int], Desk], connections: int
) -> None:
    desk = desk_of(SIZE)
    chance = random.Random(connections)
    kills = finished = 0
    while kills < 25:
        claimed = synced(desk)
        desk.sandbox.clear_requests()
        desk.sandbox.faults.clear()
        desk.sandbox.faults.add("throttle", times=None, rate=60_000_000 // connections)
        running = started(desk, connections)
        while running.poll() is None and desk.asked("storage") == 0:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.25))
        running.send_signal(signal.SIGKILL)
        if running.wait() == 0:
            finished += 1
            assert desk.target.read_bytes() == desk.content
            desk.target.unlink()
        else:
            kills += 1
            if desk.target.exists():  # Killed right after the renaming.
                assert desk.target.read_bytes() == desk.content
                desk.target.unlink()
        assert desk.asked("storage") == 0 or first_byte_asked(desk) >= claimed
    desk.sandbox.faults.clear()
    assert started(desk, connections).wait() == 0
    assert desk.target.read_bytes() == desk.content
    assert desk.names() == ["model.safetensors"]
