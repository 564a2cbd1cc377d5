"""SHA-1 of a torrent's pieces: files read in spans by as many threads as there are cores, in bounded memory."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path

from civitai_kit.core.errors import Interrupted, SizeMismatch
from civitai_kit.files.errors import read_error
from civitai_kit.files.opening import open_regular
from civitai_kit.machine import cores, page_aligned

Source = tuple[Path, int]
Span = tuple[int, int]

# Large enough that a read costs nothing beside the hashing, small enough to stay in a core's cache.
_BUFFER = 512 * 1024
# What a thread takes at a time: long reads in a row for the disk, and enough of them to keep all threads busy.
_SPAN = 8 * 1024**2


class PieceHasher:
    """Threads that hash pieces for any number of torrents at once; `stop` is looked at every half mebibyte."""

    def __init__(self, threads: int | None = None, stop: Callable[[], bool] = lambda: False) -> None:
        self.threads = threads or cores()
        self._stop = stop
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="pieces")
        self._own = threading.local()

    def hash(self, sources: Sequence[Source], piece_size: int, moved: Callable[[int], None]) -> bytes:
        """The 20-byte hashes of all pieces, in order, of files (path, size) taken as one stream.

        `moved` is told the bytes done so far. Raises Interrupted; SizeMismatch for a file that is not, or no
        longer, as it was said to be; DiskError for one that cannot be read.
        """
        before = [_state(path) for path, _ in sources]
        hashes, done = bytearray(), 0
        for piece_hashes, length in self._spans(sources, piece_size):
            hashes += piece_hashes
            done += length
            moved(done)
        for (path, size), state in zip(sources, before, strict=True):
            if _state(path) != state or state[0] != size:
                raise _changed(path)
        return bytes(hashes)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _spans(self, sources: Sequence[Source], piece_size: int) -> Iterator[tuple[bytes, int]]:
        """Hashes and length of each span in order; a few spans are under way at a time, however long the stream."""
        total = sum(size for _, size in sources)
        step = max(_SPAN // piece_size, 1) * piece_size
        under_way: deque[tuple[Future[bytes], int]] = deque()
        try:
            for start in range(0, total, step):
                length = min(step, total - start)
                under_way.append((self._pool.submit(self._hash_span, sources, (start, length), piece_size), length))
                if len(under_way) >= 2 * self.threads:
                    yield _result(under_way)
            while under_way:
                yield _result(under_way)
        finally:
            for future, _ in under_way:
                future.cancel()

    def _hash_span(self, sources: Sequence[Source], span: Span, piece_size: int) -> bytes:
        hashes, piece, left = bytearray(), hashlib.sha1(usedforsecurity=False), piece_size
        for chunk in self._chunks(sources, span):
            at = 0
            while at < len(chunk):
                taken = chunk[at : at + left]
                piece.update(taken)
                at += len(taken)
                left -= len(taken)
                if left == 0:
                    hashes += piece.digest()
                    piece, left = hashlib.sha1(usedforsecurity=False), piece_size
        return bytes(hashes if left == piece_size else hashes + piece.digest())

    def _chunks(self, sources: Sequence[Source], span: Span) -> Iterator[memoryview]:
        """The bytes of a span in views of one buffer, each to be used before the next is taken."""
        buffer = self._buffer()
        for path, offset, length in _cuts(sources, span):
            with _opened(path) as file:
                file.seek(offset)
                left = length
                while left > 0:
                    if self._stop():
                        raise Interrupted("Stopped while hashing.", hint="Run the same command again.")
                    count = _read(file, buffer[: min(left, len(buffer))], path)
                    left -= count
                    yield buffer[:count]

    def _buffer(self) -> memoryview:
        found: memoryview | None = getattr(self._own, "buffer", None)
        if found is None:
            found = self._own.buffer = page_aligned(_BUFFER)
        return found


def _cuts(sources: Sequence[Source], span: Span) -> Iterator[tuple[Path, int, int]]:
    """Which stretch (offset, length) of which file a span of the stream is."""
    start, length = span
    position = 0
    for path, size in sources:
        offset = max(start - position, 0)
        taken = min(start + length - position, size) - offset
        if taken > 0:
            yield path, offset, taken
        position += size


def _result(under_way: deque[tuple[Future[bytes], int]]) -> tuple[bytes, int]:
    future, length = under_way.popleft()
    return future.result(), length


def _opened(path: Path) -> FileIO:
    try:
        return FileIO(open_regular(path))
    except FileNotFoundError as error:
        raise _changed(path) from error
    except OSError as error:
        raise read_error(error, path) from error


def _read(file: FileIO, view: memoryview, path: Path) -> int:
    try:
        count: int = file.readinto(view) or 0
    except OSError as error:
        raise read_error(error, path) from error
    if count == 0:
        raise _changed(path)
    return count


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise _changed(path) from error
    return found.st_size, found.st_mtime_ns


def _changed(path: Path) -> SizeMismatch:
    return SizeMismatch(f"{path.name} changed while it was read.", hint="`civitai-kit db verify` says what it is now.")
