"""All digests of a local file in one read: two hashing threads behind a ring of reused buffers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from threading import Event

from civitai_kit.core.errors import Interrupted
from civitai_kit.core.plans.digests import ALL, FIRST_HALF, SECOND_HALF, Digester, Digests
from civitai_kit.files.errors import read_error
from civitai_kit.files.opening import open_regular
from civitai_kit.machine import page_aligned

Progress = Callable[[int], None]

# A buffer, and what the threads still have to do with it.
_Fed = tuple[memoryview, tuple[Future[None], ...]]

CHUNK = 2**20
# One read into, two waiting or being hashed, one to spare: SHA-256 never waits for the reader.
_BUFFERS = 4


def digest_file(
    path: Path,
    names: frozenset[str] = ALL,
    *,
    stop: Event | None = None,
    progress: Progress | None = None,
) -> Digests:
    """The digests in `names` of a file, 4 MiB of memory whatever its size; `progress` is told bytes as they are read.

    Raises DiskError when it cannot be read, Interrupted when `stop` is set.
    """
    halves = [half for half in (names & FIRST_HALF, names & SECOND_HALF) if half]
    digesters = tuple(Digester(half) for half in halves)
    try:
        with FileIO(open_regular(path)) as file:
            return _digest(_Pass(file, digesters, stop or Event(), progress or _silently))
    except OSError as error:
        raise read_error(error, path) from error


@dataclass(frozen=True, slots=True)
class _Pass:
    file: FileIO
    digesters: tuple[Digester, ...]
    stop: Event
    progress: Progress


def _digest(run: _Pass) -> Digests:
    first = page_aligned(CHUNK)
    length = _read(run, first)
    # For a single chunk, starting threads takes longer than they save.
    if length == CHUNK and len(run.digesters) > 1:
        _feed_threads(run, first, length)
    else:
        _feed_here(run, first, length)
    found = Digests()
    for digester in run.digesters:
        found = found.joined(digester.digests())
    return found


def _feed_here(run: _Pass, buffer: memoryview, length: int) -> None:
    while length:
        for digester in run.digesters:
            digester.update(buffer[:length])
        length = _read(run, buffer)


def _feed_threads(run: _Pass, buffer: memoryview, length: int) -> None:
    threads = [ThreadPoolExecutor(1, thread_name_prefix="digest") for _ in run.digesters]
    ring = deque(page_aligned(CHUNK) for _ in range(_BUFFERS - 1))
    under_way: deque[_Fed] = deque()
    try:
        while length:
            chunk, pairs = buffer[:length], zip(threads, run.digesters, strict=True)
            jobs = tuple(thread.submit(digester.update, chunk) for thread, digester in pairs)
            under_way.append((buffer, jobs))
            buffer = ring.popleft() if ring else _finished(under_way)
            length = _read(run, buffer)
        while under_way:
            _finished(under_way)
    finally:
        for thread in threads:
            thread.shutdown(cancel_futures=True)


def _finished(under_way: deque[_Fed]) -> memoryview:
    """The oldest buffer, once all threads are done with it."""
    buffer, jobs = under_way.popleft()
    for job in jobs:
        job.result()
    return buffer


def _read(run: _Pass, buffer: memoryview) -> int:
    if run.stop.is_set():
        raise Interrupted("Hashing was interrupted")
    length = run.file.readinto(buffer) or 0
    run.progress(length)
    return length


def _silently(_: int) -> None:
    """For a caller that does not want to be told."""
