"""Writing a body while it is read: buffers of a ring go to the disk, to a hashing thread, and back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from civitai_kit.machine import cores, page_aligned, start_thread
from civitai_kit.transfer.part.journal import Point
from civitai_kit.transfer.part.part import Part

# Each buffer is a handover between threads, so large ones; still larger ones would leave the core's cache.
BUFFER_SIZE = 1024 * 1024
_LEAST_BUFFER = 16 * 1024
_SLOTS = 6

# A body of at most this many bytes is hashed where it is read: threads would cost more than they save.
_SMALL = 2 * 1024 * 1024

# How much a crash may waste on a slow line; on a fast one it is counted in bytes.
_SYNC_SECONDS = 3.0

_Barrier = threading.Event


class HashingSlots:
    """How many transfers hash in a thread of their own: one fewer than there are cores.

    One file alone is read and hashed side by side. With as many at once as there are cores each keeps a core busy by
    itself; more threads would only take turns.
    """

    def __init__(self, most: int | None = None) -> None:
        self._places = threading.Semaphore(max(1, cores() - 1) if most is None else most)

    def take(self) -> bool:
        """Take a place, if one is free."""
        return self._places.acquire(blocking=False)

    def give(self) -> None:
        """Give a place back."""
        self._places.release()


class FileWriter:
    """Moves chunks into a part: the caller's thread writes, another syncs, and a third hashes where a slot is free."""

    def __init__(self, part: Part, clock: Callable[[], float], hashing: HashingSlots, *, sync: int) -> None:
        self._part = part
        self._clock = clock
        self._hashing = hashing
        self._sync_bytes = sync
        self._hashes_beside = False
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._to_hash: SimpleQueue[tuple[memoryview, int] | _Barrier | None] = SimpleQueue()
        self._to_sync: SimpleQueue[Point | _Barrier | None] = SimpleQueue()
        self._made = 0
        self._size = 0
        self._threads: list[threading.Thread] = []
        self._failure: BaseException | None = None
        self._syncing = False
        self._synced_at = clock()
        self._synced = part.journal.synced

    def expect(self, length: int | None) -> None:
        """Say how many bytes will come (None: unknown); for many the threads are started.

        The writer must be settled: its buffers are exchanged when they are too small.
        """
        size = BUFFER_SIZE if length is None else max(_LEAST_BUFFER, min(BUFFER_SIZE, length))
        if size > self._size:
            self._size, self._made, self._free = size, 0, SimpleQueue()
        if self._threads or (length is not None and length <= _SMALL):
            return
        self._part.announce()
        self._threads.append(start_thread(self._sync, "sync"))
        self._hashes_beside = self._hashing.take()
        if self._hashes_beside:
            self._threads.append(start_thread(self._hash, "hash"))

    def next_buffer(self) -> memoryview:
        """A buffer to fill; waits for one when all are under way."""
        if self._made < _SLOTS and self._free.empty():
            self._made += 1
            return page_aligned(self._size)
        return self._free.get()

    def put(self, buffer: memoryview, filled: int) -> None:
        """Take the first `filled` bytes of a buffer from `next_buffer`; the buffer is the writer's again."""
        self._raise_failure()
        if not filled:
            self._free.put(buffer)
            return
        self._part.write(buffer[:filled])
        if self._hashes_beside:
            self._to_hash.put((buffer, filled))
            return
        self._part.hash(buffer[:filled])
        self._free.put(buffer)
        if self._threads:
            self._sync_when_due()

    def settle(self) -> None:
        """Wait until everything put is hashed and no sync is under way."""
        if self._hashes_beside:
            _pass_through(self._to_hash)
        if self._threads:
            _pass_through(self._to_sync)
        self._raise_failure()

    def checkpoint(self) -> None:
        """Settle, sync and journal, so that nothing here is lost whatever comes next."""
        self.settle()
        self._part.record(self._part.point())
        self._synced = self._part.journal.synced

    def restart(self) -> None:
        """Begin the part from nothing."""
        self.settle()
        self._part.restart()
        self._synced = 0

    def go_back(self, check: Callable[[], None]) -> bool:
        """Have the part go back before what it had kept unsynced; says whether it could."""
        self.settle()
        went_back = self._part.go_back(check)
        self._synced = self._part.journal.synced
        return went_back

    def close(self) -> None:
        """End the threads."""
        self._to_hash.put(None)
        self._to_sync.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        if self._hashes_beside:
            self._hashes_beside = False
            self._hashing.give()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _hash(self) -> None:
        while (work := self._to_hash.get()) is not None:
            if isinstance(work, _Barrier):
                work.set()
                continue
            buffer, filled = work
            try:
                self._part.hash(buffer[:filled])
                self._sync_when_due()
            except Exception as error:  # noqa: BLE001 - it is raised again where the bytes are put
                self._failure = error
            self._free.put(buffer)

    def _sync_when_due(self) -> None:
        fresh = self._part.hashed - self._synced
        if self._syncing or fresh <= 0:
            return
        if fresh >= self._sync_bytes or self._clock() - self._synced_at >= _SYNC_SECONDS:
            self._syncing = True
            self._to_sync.put(self._part.point())

    def _sync(self) -> None:
        while (work := self._to_sync.get()) is not None:
            if isinstance(work, _Barrier):
                work.set()
                continue
            try:
                self._part.record(work)
            except Exception as error:  # noqa: BLE001 - it is raised again where the bytes are put
                self._failure = error
            self._synced, self._synced_at, self._syncing = work.offset, self._clock(), False


def _pass_through(queue: SimpleQueue[Any]) -> None:
    """Wait until what stands in a queue is done."""
    barrier = _Barrier()
    queue.put(barrier)
    barrier.wait()
