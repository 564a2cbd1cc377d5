"""What a command costs: seconds on the wall and of the processors, and the memory of all its processes together."""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_APART = 0.05  # Seconds between two looks at the memory of a command's processes.


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds on the wall and of the processors, memory in MB."""

    wall: float
    cpu: float
    memory: float


def measure(name: str, command: list[str]) -> Cost:
    """Run a command to its end; leaves the program where it fails."""
    began = time.monotonic()
    running = subprocess.Popen(command)
    watch = _Watch(running.pid)
    watch.start()
    _, status, usage = os.wait4(running.pid, 0)
    wall = time.monotonic() - began
    running.returncode = os.waitstatus_to_exitcode(status)
    watch.ended.set()
    watch.join()
    if running.returncode:
        raise SystemExit(f"{name} ended with {running.returncode}")
    unit = 1_000_000 if sys.platform == "darwin" else 1000
    return Cost(wall, usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss / unit, watch.most / 1000))


def median(costs: list[Cost]) -> Cost:
    """The middle times, and the most memory."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.memory for cost in costs),
    )


def best(costs: list[Cost]) -> Cost:
    """The least of each."""
    least = (min(getattr(cost, part) for cost in costs) for part in ("wall", "cpu", "memory"))
    return Cost(*least)


class _Watch(threading.Thread):
    """Looks at a process and all below it: `most` is the largest sum, in KB, of the peaks of those alive at once.

    Where there is no /proc the one peak that the system tells, that of the largest process, has to do.
    """

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.ended = threading.Event()
        self._root = root

    def run(self) -> None:
        """Look until the end."""
        while not self.ended.wait(_APART):
            self.most = max(self.most, sum(_peak(process) for process in _tree(self._root)))


def _tree(root: int) -> Iterator[int]:
    yield root
    for file in Path(f"/proc/{root}/task").glob("*/children"):
        with suppress(OSError):
            for child in file.read_text().split():
                # Until it has become another program, a child is the parent once more.
                if _words(int(child)) != _words(root):
                    yield from _tree(int(child))


def _words(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def _peak(process: int) -> int:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
        return int(found[1]) if found else 0
    return 0


def timed(job: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall, and of processor time in this process and those that the job started."""
    before, begun = processor(), time.perf_counter()
    job()
    return time.perf_counter() - begun, processor() - before


def processor() -> float:
    """Seconds of processor time until now."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
