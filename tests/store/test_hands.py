"""Processes that lend a hand: results in order, whatever becomes of a process, and none outlives its work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
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


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that is there once another process has worked."""
    return tmp_path / "mark"


def spread(
    most: int, made: list[bytes], mark: Path, stopped: Callable[[], bool] = never
) -> Generator[tuple[bytes, tuple[bytes, int]], None, None]:
    """The blocks spread, most of them only once a process is surely there: the first few are left to it."""

    def slowly() -> Iterator[bytes]:
        for number, block in enumerate(made):
            if number == 5 and most:
                until(mark.exists)
            yield block

    return Hands(stopped, most).spread(Chore(os.getpid(), mark), slowly())


@pytest.mark.parametrize("most", [0, 1, 3])
def test_results_come_in_order_with_their_blocks(mark: Path, most: int) -> None:
    made = blocks(count=200)
    results = list(spread(most, made, mark))
    assert [block for block, _ in results] == made
    assert [outcome for _, (outcome, _) in results] == [block.upper() for block in made]
    workers = {worker for _, (_, worker) in results} - {os.getpid()}
    assert len(workers) <= most
    assert bool(workers) == bool(most)


@pytest.mark.parametrize("word", [b"die", b"print"])
def test_what_a_process_had_in_hand_when_it_was_lost_is_done_here(mark: Path, word: bytes) -> None:
    made = blocks((8, word), (9, word), (30, word))
    results = list(spread(2, made, mark))
    assert [(block, outcome) for block, (outcome, _) in results] == [(block, block.upper()) for block in made]
    assert dict(results)[word][1] == os.getpid()


def test_without_a_python_to_start_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    made = blocks()
    results = list(Hands(never, 2).spread(Chore(os.getpid()), iter(made)))
    assert results == [(block, (block.upper(), os.getpid())) for block in made]


def test_what_goes_wrong_there_goes_wrong_here_at_its_place(mark: Path) -> None:
    results = spread(2, blocks((20, b"wrong")), mark)
    seen: list[bytes] = []
    with pytest.raises(ValueError, match="wrong"):
        seen.extend(block for block, _ in results)
    assert len(seen) == 20


def test_a_long_block_crosses_no_pipe(mark: Path) -> None:
    long = bytes(5 * 1024 * 1024)
    results = list(spread(1, blocks((20, long)), mark))
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


def test_when_it_is_to_stop_nobody_waits_for_a_process_that_hangs(mark: Path) -> None:
    stop = threading.Event()
    with closing(spread(1, blocks((20, b"hang")), mark, stop.is_set)) as results:
        threading.Timer(1.0, stop.set).start()
        begun = time.monotonic()
        assert dict(results)[b"hang"] == (b"HANG", os.getpid())
    assert time.monotonic() - begun < 10


@ON_LINUX
@pytest.mark.parametrize("taken", [1, 30])
def test_no_process_is_left_when_nobody_wants_the_rest(mark: Path, taken: int) -> None:
    with closing(spread(2, blocks(count=10_000), mark)) as results:
        for _ in range(taken):
            next(results)
        children = processes()
        assert len(children) == 2
    assert not any(map(is_hand, children))


@ON_LINUX
def test_no_process_outlives_a_parent_that_was_killed(mark: Path) -> None:
    program = (
        "import itertools, os, pathlib, sys; from civitai_kit.store.hands import Hands; "
        "from tests.store.chores import Chore; "
        "chore = Chore(os.getpid(), pathlib.Path(sys.argv[1])); "
        "all(Hands(lambda: False, 2).spread(chore, itertools.repeat(b'x' * 100_000)))"
    )
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(mark)], cwd=ROOT, env={**os.environ, "PYTHONPATH": path}
    )
    until(lambda: mark.exists() and len(processes(parent.pid)) == 2)
    children = processes(parent.pid)
    parent.kill()
    parent.wait()
    until(lambda: not any(map(is_hand, children)), seconds=5)
