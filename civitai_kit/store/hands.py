"""Work on blocks spread over processes beside this one, its results in order: parsing and packing fill a core."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, BinaryIO, TypeVar, cast

from civitai_kit.core.frames import boot, read_content, write_frame

T = TypeVar("T")

# This one has its own share, looking up and writing: three keep it busy.
_MOST = 3
# Bytes of blocks under way for each process: enough for the time that a batch takes to be written.
_AHEAD = 4 * 1024 * 1024
# No block that is longer crosses a pipe.
_LONGEST = 4 * 1024 * 1024
# What the system lets a pipe hold for anybody.
_PIPE = 1024 * 1024
# Seconds between two looks at whether to stop.
_LOOK = 0.2


class Hands:
    """Spreads work over as many processes as there are cores, `most` at most; with fewer than two it is done here.

    `stopped` says that whoever waits is to end. A process that cannot be started, or dies, makes nothing fail: what
    it had in hand is done here.
    """

    def __init__(self, stopped: Callable[[], bool], most: int | None = None) -> None:
        self._stopped = stopped
        self._most = _room() if most is None else most

    def spread(self, work: Callable[[bytes], T], blocks: Iterator[bytes]) -> Generator[tuple[bytes, T], None, None]:
        """Each block with what `work` makes of it, in order; `work` and its results are pickled on their way.

        The processes live until the last block, or until the generator is closed.
        """
        if not self._most:
            yield from ((block, work(block)) for block in blocks)
            return
        todo: SimpleQueue[_Task | None] = SimpleQueue()
        waiting: deque[_Task] = deque()
        size = 0
        with _hands(work, todo, self._most):
            while True:
                while size < _AHEAD * self._most and (block := next(blocks, None)) is not None:
                    size += len(block)
                    waiting.append(_Task(block))
                    if len(block) <= _LONGEST:
                        todo.put(waiting[-1])
                if not waiting:
                    return
                task = waiting.popleft()
                yield task.block, self._outcome(task, work)
                size -= len(task.block)

    def _outcome(self, task: _Task, work: Callable[[bytes], T]) -> T:
        """What a block came to. One that nobody has begun, or that was lost with its process, is worked on here."""
        if task.claim():
            return work(task.block)
        while not task.done.wait(_LOOK):
            if self._stopped():
                return work(task.block)
        try:
            return cast(T, pickle.loads(task.reply))
        except Exception:  # noqa: BLE001 - a reply that was cut short, or is something else, may fail in any way
            return work(task.block)


class _Task:
    """A block, worked on by whoever claims it first; once it is done its `reply` is a pickle, empty when it is lost."""

    def __init__(self, block: bytes) -> None:
        self.block = block
        self.reply = b""
        self.done = threading.Event()
        self._claimed = threading.Lock()

    def claim(self) -> bool:
        """Whether the block is the caller's to work on."""
        return self._claimed.acquire(blocking=False)


@contextmanager
def _hands(work: object, todo: SimpleQueue[_Task | None], most: int) -> Iterator[None]:
    hands: list[_Hand] = []
    try:
        with suppress(OSError):
            for _ in range(most):
                hands.append(_Hand(work, todo))
        yield
    finally:
        for hand in hands:
            hand.end()
            todo.put(None)  # Whichever thread takes it.
        for hand in hands:
            hand.close()


class _Hand:
    """One process, and a thread here that hands it block after block. Raises OSError when none can be started."""

    def __init__(self, work: object, todo: SimpleQueue[_Task | None]) -> None:
        self._todo = todo
        self._process = subprocess.Popen(
            [sys.executable, *boot("civitai_kit.store.hand")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        for pipe in (self._process.stdin, self._process.stdout):
            _widen(pipe)
        self._words = cast("BinaryIO", self._process.stdin)
        self._reports = cast("BinaryIO", self._process.stdout)
        self._thread = threading.Thread(target=self._attend, args=(work,), name="hand", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End the process, which holds nothing that is not here too."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Wait for the thread, once it was told to end."""
        self._thread.join()
        for pipe in (self._words, self._reports):
            with suppress(OSError):
                pipe.close()

    def _attend(self, work: object) -> None:
        with suppress(OSError, ValueError):
            self._words.write(json.dumps(sys.path).encode() + b"\n")
            write_frame(self._words, work)
            if read_content(self._reports) is None:
                return
            while (task := self._todo.get()) is not None:
                if task.claim() and not self._carry_out(task):
                    return

    def _carry_out(self, task: _Task) -> bool:
        try:
            write_frame(self._words, task.block)
            task.reply = read_content(self._reports) or b""
        finally:
            task.done.set()
        return bool(task.reply)


def _widen(pipe: Any) -> None:
    """Have a pipe take a whole block, where that can be said: else each piece waits for its thread's turn."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


def _room() -> int:
    if not sys.executable or getattr(sys, "frozen", False):
        return 0
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(cores, _MOST) if cores > 1 else 0
