"""Several connections for one file: segments handed out in order, and hashed in order behind that."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from civitai_kit.core.retry import Retries
from civitai_kit.files.errors import writing
from civitai_kit.files.opening import open_own
from civitai_kit.machine import page_aligned, start_thread
from civitai_kit.transfer.file.reader import BodyReader
from civitai_kit.transfer.file.resumption import Resumption
from civitai_kit.transfer.http.answers import Setback
from civitai_kit.transfer.http.connection import OpenAnswer
from civitai_kit.transfer.http.ranges import stored_object
from civitai_kit.transfer.http.source import Source
from civitai_kit.transfer.part.part import Part
from civitai_kit.transfer.progress import FileProgress
from civitai_kit.transfer.stopping import Stopping

_AHEAD = 2  # Segments handed out beyond one a connection, so that none waits for the hash.
_BUFFER_SIZE = 512 * 1024


class RangesRefused(Exception):
    """The storage does not serve the ranges of one and the same file."""


class Segments:
    """Brings the rest of a part over several connections, `segment` bytes a request, synced every `sync` bytes."""

    def __init__(
        self,
        part: Part,
        source: Source,
        reader: BodyReader,
        stopping: Stopping,
        *,
        retries: Callable[[], Retries],
        progress: FileProgress,
        segment: int,
        sync: int,
        resumption: Resumption,
    ) -> None:
        self._part = part
        self._source = source
        self._reader = reader
        self._stopping = stopping
        self._retries = retries
        self._progress = progress
        self._segment = segment
        self._sync = sync
        self._resumption = resumption
        self._total = part.total or 0
        islands = part.islands()
        self._pieces = deque(_gaps(part.written, self._total, islands, segment))
        self._done = dict(islands)
        self._turn = threading.Condition()
        self._failure: Exception | None = None
        self._open: set[OpenAnswer] = set()

    def bring(self, connections: int) -> None:
        """Bring everything; raises RangesRefused, or what ended it, with the bytes in order kept."""
        self._part.announce()
        workers: list[threading.Thread] = []
        try:
            for _ in range(connections):
                workers.append(start_thread(partial(self._work, connections), "segment"))
            while self._part.written < self._total:
                self._part.catch_up(self._await_next(), self._stopping.check)
                if self._part.hashed - self._part.journal.synced >= self._sync:
                    self._part.record(self._part.point())
        finally:
            self._give_up(RuntimeError("the segments are over"))
            for worker in workers:
                worker.join()

    def _await_next(self) -> int:
        """Wait for the segment that follows what is hashed; gives its end."""
        with self._turn:
            while self._part.written not in self._done:
                if self._failure is not None:
                    raise self._failure
                self._turn.wait(0.5)
                self._stopping.check()
            end = self._done.pop(self._part.written)
            self._turn.notify_all()
            return end

    # -- in the workers' threads ------------------------------------------------------------------------------

    def _work(self, connections: int) -> None:
        window = (connections + _AHEAD) * self._segment
        try:
            while (piece := self._take(window)) is not None:
                start, stop = piece
                self._bring_one(start, stop)
                with self._turn:
                    self._done[start] = stop
                    self._turn.notify_all()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            self._give_up(error)

    def _take(self, window: int) -> tuple[int, int] | None:
        with self._turn:
            while self._failure is None and self._pieces and self._pieces[0][0] - self._part.written >= window:
                self._turn.wait(0.5)
            return self._pieces.popleft() if self._failure is None and self._pieces else None

    def _bring_one(self, start: int, stop: int) -> None:
        retries, resumption = self._retries(), self._resumption.another()
        with _SegmentWriter(self._part, start) as segment:
            while segment.at < stop:
                before = segment.at
                try:
                    self._attempt(segment, stop, resumption)
                except Setback as setback:
                    if segment.at > before:
                        retries.renew()
                    wait = retries.wait_after(setback)
                    if wait is None or self._failure is not None:
                        raise setback.error from setback
                    self._stopping.wait(wait)

    def _attempt(self, segment: _SegmentWriter, stop: int, resumption: Resumption) -> None:
        start, journal = segment.at, self._part.journal
        with self._source.open(resumption.headers(journal, start, stop)) as answer:
            found = stored_object(answer)
            if resumption.asks_anew(answer.status, found, journal, start):
                self._source.forget()
                return
            if answer.status != 206 or found.start != start or not resumption.fits(found, journal):
                raise RangesRefused("the storage does not serve this file in ranges")
            if found.stop is not None and found.stop > stop:
                raise RangesRefused("the storage sends more than was asked for")
            if answer.length is not None and answer.length > stop - start:
                raise RangesRefused("the storage sends more than was asked for")
            self._enter(answer)
            try:
                self._reader.move(answer, segment, self._moved, most=stop - start)
            finally:
                with self._turn:
                    self._open.discard(answer)

    def _enter(self, answer: OpenAnswer) -> None:
        with self._turn:
            self._open.add(answer)
            failed = self._failure is not None
        if failed:
            answer.cut()

    def _moved(self, count: int) -> None:
        self._progress.moved(count)

    def _give_up(self, error: Exception) -> None:
        with self._turn:
            if self._failure is None:
                self._failure = error
            for answer in self._open:
                answer.cut()
            self._turn.notify_all()


class _SegmentWriter:
    """A place in the part file where one connection writes, through a descriptor of its own."""

    def __init__(self, part: Part, start: int) -> None:
        self.at = self._start = start
        self._part = part
        self._buffer = page_aligned(_BUFFER_SIZE)
        with writing(part.path):
            self._fd = open_own(part.path, os.O_WRONLY)
            os.lseek(self._fd, start, os.SEEK_SET)

    def __enter__(self) -> _SegmentWriter:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def next_buffer(self) -> memoryview:
        """The one buffer."""
        return self._buffer

    def put(self, buffer: memoryview, filled: int) -> None:
        """Write the filled bytes."""
        chunk = buffer[:filled]
        with writing(self._part.path):
            while chunk:
                count = os.write(self._fd, chunk)
                self.at += count
                chunk = chunk[count:]
        self._part.mark(self._start, self.at)


def _gaps(start: int, total: int, islands: list[tuple[int, int]], segment: int) -> Iterator[tuple[int, int]]:
    """What is missing from `start` on between the islands that are here, in pieces of at most `segment` bytes."""
    for island, end in (*islands, (total, total)):
        while start < island:
            stop = min(start + segment, island)
            yield start, stop
            start = stop
        start = max(start, end)
