"""What is asked of the machine: cores that we may use, memory that begins on a page."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
import threading

import pytest

from civitai_kit.machine import boot, cores, heed_limits, page_aligned

MIB = 2**20


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are not bound to cores here")
def test_a_process_bound_to_one_core_counts_one() -> None:
    code = (
        "import os\nfrom civitai_kit.machine import cores\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nprint(cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "1\n"


def test_there_is_at_least_one_core_and_no_more_than_the_machine_has() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_two_processes_of_one_start_of_the_machine_know_it_by_the_same_name() -> None:
    code = "from civitai_kit.machine import boot\nprint(boot())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == boot() + "\n"


@pytest.mark.parametrize("size", [1, 16 * 1024, MIB, MIB + 1])
def test_a_buffer_has_the_size_asked_for_and_can_be_filled(size: int) -> None:
    buffer = page_aligned(size)
    buffer[:] = b"x" * size
    assert bytes(buffer) == b"x" * size


def test_a_large_buffer_begins_on_a_page() -> None:
    address = ctypes.addressof(ctypes.c_char.from_buffer(page_aligned(MIB)))
    assert address % mmap.PAGESIZE == 0


LIMITED = """
import resource, sys
from civitai_kit.machine import heed_limits
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
limit = used + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    heed_limits()
    print("enough")
except MemoryError:
    print("too little")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits and sizes as Linux has them")
@pytest.mark.parametrize(("room", "said"), [(20 * MIB, "too little"), (100 * MIB, "enough")])
def test_too_little_memory_is_said_at_the_beginning(room: int, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, str(room)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said


CROWDED = """
import faulthandler, mmap, resource, threading
from civitai_kit.machine import start_thread
faulthandler.dump_traceback_later(20, exit=True)
threading.stack_size(2 * 2**20)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 30 * 2**20,) * 2)
taken, started = [], 0
try:
    while True:
        taken.append(mmap.mmap(-1, 64 * 1024))
        start_thread(str, "small").join()
        started += 1
except (MemoryError, RuntimeError):
    taken.clear()
    print(started > 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits and sizes as Linux has them")
def test_a_thread_for_which_there_is_no_memory_is_refused_and_not_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", CROWDED], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("True", "")


@pytest.mark.skipif(sys.platform != "linux", reason="limits and sizes as Linux has them")
def test_without_a_limit_nothing_is_changed() -> None:
    before = threading.stack_size()
    heed_limits()
    assert threading.stack_size() == before
