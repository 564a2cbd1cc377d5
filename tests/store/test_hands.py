"""Processes that lend a hand: results in order, whatever becomes of a process, and none outlives its work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from civitai_kit.store.hands import Hands
from tests.store.chores import Chore

ROOT = Path(__file__).parents[2]
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="children are listed as Linux has them")


def never() -> bool:
    return False


def blocks(*special: tuple[int, bytes], count: int = 60) -> list[bytes]:
    made = [b"block %d" % number for number in range(count)]
    for place, block in special:
        made[place] = block
    return made


def processes(parent: int | None = None) -> list[int]:
    """The ids of a process's children that lend it a hand."""
    found: list[int] = []
    for kept in Path(f"/proc/{parent or os.getpid()}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(word) for word in kept.read_text().split()]
    return [child for child in found if is_hand(child)]


def is_hand(number: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return b"store.hand" in Path(f"/proc/{number}/cmdline").read_bytes()
    return False


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def slowly(made: list[bytes]) -> Iterator[bytes]:
    """The blocks, most of them only once a process is surely there to take some."""
    for number, block in enumerate(made):
        if number == 5:
            time.sleep(1.0)
        yield block


@pytest.mark.parametrize("most", [0, 1, 3])
def test_results_come_in_order_with_their_blocks(most: int) -> None:
    made = blocks(count=200)
    results = list(Hands(never, most).spread(Chore(os.getpid()), slowly(made)))
    assert [block for block, _ in results] == made
    assert [outcome for _, (outcome, _) in results] == [block.upper() for block in made]
    workers = {worker for _, (_, worker) in results} - {os.getpid()}
    assert len(workers) <= most
    assert bool(workers) == bool(most)


@pytest.mark.parametrize("word", [b"die", b"print"])
def test_what_a_process_had_in_hand_when_it_was_lost_is_done_here(word: bytes) -> None:
    made = blocks((8, word), (9, word), (30, word))
    results = list(Hands(never, 2).spread(Chore(os.getpid()), slowly(made)))
    assert [(block, outcome) for block, (outcome, _) in results] == [(block, block.upper()) for block in made]
    assert dict(results)[word][1] == os.getpid()


def test_without_a_python_to_start_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    made = blocks()
    results = list(Hands(never, 2).spread(Chore(os.getpid()), iter(made)))
    assert results == [(block, (block.upper(), os.getpid())) for block in made]


def test_what_goes_wrong_there_goes_wrong_here_at_its_place() -> None:
    results = Hands(never, 2).spread(Chore(os.getpid()), slowly(blocks((20, b"wrong"))))
    seen: list[bytes] = []
    with pytest.raises(ValueError, match="wrong"):
        seen.extend(block for block, _ in results)
    assert len(seen) == 20


def test_a_long_block_crosses_no_pipe() -> None:
    long = bytes(5 * 1024 * 1024)
    results = list(Hands(never, 1).spread(Chore(os.getpid()), slowly(blocks((20, long)))))
    assert dict(results)[long][1] == os.getpid()


def test_few_blocks_are_under_way() -> None:
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(300):
            taken += 1
            yield bytes(128 * 1024)

    with closing(Hands(never, 2).spread(Chore(os.getpid()), counted())) as results:
        for done, _ in enumerate(results):
            assert taken - done < 70


def test_when_it_is_to_stop_nobody_waits_for_a_process_that_hangs() -> None:
    stop = threading.Event()
    with closing(Hands(stop.is_set, 1).spread(Chore(os.getpid()), slowly(blocks((20, b"hang"))))) as results:
        threading.Timer(1.5, stop.set).start()
        begun = time.monotonic()
        assert dict(results)[b"hang"] == (b"HANG", os.getpid())
    assert time.monotonic() - begun < 10


@ON_LINUX
@pytest.mark.parametrize("taken", [1, 30])
def test_no_process_is_left_when_nobody_wants_the_rest(taken: int) -> None:
    with closing(Hands(never, 2).spread(Chore(os.getpid()), slowly(blocks(count=10_000)))) as results:
        for _ in range(taken):
            next(results)
        children = processes()
        assert len(children) == 2
    assert not any(map(is_hand, children))


@ON_LINUX
def test_no_process_outlives_a_parent_that_was_killed() -> None:
    program = (
        "import itertools, os, time; from civitai_kit.store.hands import Hands; from tests.store.chores import Chore; "
        "all(Hands(lambda: False, 2).spread(Chore(os.getpid()), itertools.repeat(b'x' * 100_000)))"
    )
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": path})
    until(lambda: len(processes(parent.pid)) == 2)
    children = processes(parent.pid)
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    until(lambda: not any(map(is_hand, children)), seconds=5)
