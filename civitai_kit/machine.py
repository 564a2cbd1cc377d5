"""What the rooms need of the machine: its cores, memory, threads, its last start, the proxies it is told to use."""

from __future__ import annotations

import mmap
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

_WORTH_A_MAPPING = 256 * 1024
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# What a command takes beyond its beginning, and what its threads do with where the system would give them 8 MiB each.
_LEAST_MEMORY = 64 * 2**20
_SMALL_STACK = 2 * 2**20
# A stack, and what Python and its allocator map for a thread's first steps.
_ROOM_FOR_THREAD = 8 * 2**20
_MOST_ARENAS = -8  # glibc's M_ARENA_MAX
_HAS_SETTINGS_FOR_PROXIES = sys.platform in ("win32", "darwin")


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def boot() -> str:
    """What names the time since the machine was last started, as Linux does; empty on other systems."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def page_aligned(size: int) -> memoryview:
    """A writable buffer of `size` bytes that begins on a page.

    A bytearray of this size begins 16 bytes behind one, and the kernel's copy into it takes five times as long
    (measured: 0.95 s instead of 0.18 s for 2 GiB out of the page cache). Small ones come from the heap, where
    neither is felt. Raises MemoryError.
    """
    return memoryview(_mapped(size) if size >= _WORTH_A_MAPPING else bytearray(size))


def start_thread(work: Callable[[], object], name: str) -> threading.Thread:
    """Start a thread that does not keep the process alive; raises MemoryError or RuntimeError where there is no room.

    One that has no memory for its first step ends without a word, and Python's own `start` waits for it for ever.
    """
    if _is_limited():
        _mapped(_ROOM_FOR_THREAD).close()
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


def proxy_variables() -> Mapping[str, str]:
    """What says which proxies to use: the environment, or the system's own settings where that names none."""
    if not _HAS_SETTINGS_FOR_PROXIES or any(name.casefold().endswith("_proxy") for name in os.environ):
        return os.environ
    from urllib.request import getproxies

    return {f"{scheme}_proxy": url for scheme, url in getproxies().items()}


def heed_limits() -> None:
    """Make do with little where a limit is set on memory (`ulimit -v`); raises MemoryError where it is too little.

    Said at the beginning, because some libraries end the process when they get none in the middle.
    """
    if not _is_limited():
        return
    threading.stack_size(_SMALL_STACK)
    _share_one_heap()
    _mapped(_LEAST_MEMORY).close()


def _mapped(size: int) -> mmap.mmap:
    try:
        return mmap.mmap(-1, size)
    except OSError as error:
        raise MemoryError from error


def _share_one_heap() -> None:
    """Keep glibc from setting 64 MiB of addresses aside for each thread; other systems do no such thing."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_MOST_ARENAS, 1)


def _is_limited() -> bool:
    try:
        import resource
    except ImportError:  # Windows has no such limits.
        return False
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
