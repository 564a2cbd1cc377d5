"""A response's body into the writer: straight from the socket into reused buffers wherever that is possible."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import httpx2

from civitai_kit.core.errors import SizeMismatch, TransferError, UnexpectedReply
from civitai_kit.core.retry import Trouble
from civitai_kit.machine import cores
from civitai_kit.transfer.bandwidth import Bandwidth
from civitai_kit.transfer.http.answers import Setback
from civitai_kit.transfer.http.connection import OpenAnswer
from civitai_kit.transfer.stopping import Stopping

# A shorter body is read to its end through the library, which keeps the connection for the next request.
_WORTH_THE_SOCKET = 1024 * 1024

# A slow line's bytes go to the disk after this many seconds, however few they are.
_FLUSH_SECONDS = 1.0

# A host that says nothing for so many seconds gives another transfer its turn to read.
_TURN_SECONDS = 0.001

# After such a silence it is told how far the file is, though the buffer is not full.
_QUIET_SECONDS = 0.15

# Within one buffer progress is told no more often than this.
_TELL_SECONDS = 0.05


class Sink(Protocol):
    """Where the bytes go: buffers to fill, taken back filled."""

    def next_buffer(self) -> memoryview:
        """A buffer to fill."""

    def put(self, buffer: memoryview, filled: int) -> None:
        """Take the first `filled` bytes of a buffer."""


_Receive = Callable[[memoryview, Callable[[], None]], int]
"""Takes bytes into a view, and calls a function where none come for a while."""


class BodyReader:
    """Moves bodies; `timeout` is the silence in seconds after which a body counts as stalled."""

    def __init__(self, *, stopping: Stopping, bandwidth: Bandwidth, timeout: float, clock: Callable[[], float]) -> None:
        self._stopping = stopping
        self._bandwidth = bandwidth
        self._timeout = timeout
        self._clock = clock
        self._turns = _Turns()

    def peek(self, answer: OpenAnswer) -> bytes:
        """The first chunk of the body, which stays to be moved; raises Setback when none comes."""
        with self._setbacks():
            return answer.first()

    def move(self, answer: OpenAnswer, sink: Sink, moved: Callable[[int], None], *, most: int) -> None:
        """Put the whole body of `answer`, `most` bytes or fewer, into `sink`; `moved` hears the count of every read.

        Raises Setback when the body ends early or stalls, after everything that came was put, or when it is longer.
        """
        if answer.length is not None and answer.length > most:
            raise _too_long(most)
        with self._setbacks():
            if answer.length is not None and answer.length >= _WORTH_THE_SOCKET:
                self._from_socket(answer, answer.length, sink, moved)
            else:
                self._from_chunks(answer, sink, moved, most)

    def fetch_small_picture(self, answer: OpenAnswer, moved: Callable[[int], None]) -> bytes:
        """The whole body of `answer`, whose length is known and small; raises Setback when it ends early or stalls."""
        came: list[bytes] = []
        with self._setbacks():
            while chunk := (answer.first() if not came else next(answer.chunks(), b"")):
                came.append(chunk)
                self._account(len(chunk), moved)
        return b"".join(came)

    @contextmanager
    def _setbacks(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.TimeoutException, TimeoutError) as error:
            self._stopping.check()
            raise _setback(f"Nothing came for {self._timeout:g} s") from error
        except httpx2.DecodingError as error:
            raise Setback(
                UnexpectedReply(f"The file came compressed, and that is broken: {error}."), Trouble.GARBLED
            ) from error
        except (httpx2.HTTPError, httpx2.StreamError, ssl.SSLError, ConnectionError, OSError) as error:
            self._stopping.check()
            raise _setback(f"The connection broke: {error}") from error

    def _from_chunks(self, answer: OpenAnswer, sink: Sink, moved: Callable[[int], None], most: int) -> None:
        gatherer, left = _Gatherer(sink, self._clock), most
        try:
            chunk = answer.first()
            while chunk:
                if (left := left - len(chunk)) < 0:
                    raise _too_long(most)
                gatherer.gather(chunk)
                self._account(len(chunk), moved)
                chunk = next(answer.chunks(), b"")
        finally:
            gatherer.flush()

    def _from_socket(self, answer: OpenAnswer, length: int, sink: Sink, moved: Callable[[int], None]) -> None:
        first = answer.first()
        sock = answer.raw_socket()
        if sock is None:
            self._from_chunks(answer, sink, moved, length)
            return
        gatherer = _Gatherer(sink, self._clock)
        gatherer.gather(first)
        gatherer.flush()
        self._account(len(first), moved)
        left = length - len(first)
        if isinstance(sock, ssl.SSLSocket) and not self._bandwidth.limited:
            sock.settimeout(_TURN_SECONDS)
            while left > 0:
                with self._turns:
                    left -= self._fill(partial(self._turns.receive, sock, self._timeout), left, sink, moved)
            return
        sock.settimeout(_QUIET_SECONDS)
        while left > 0:
            left -= self._fill(partial(_receive, sock, self._timeout), left, sink, moved)

    def _fill(self, receive: _Receive, left: int, sink: Sink, moved: Callable[[int], None]) -> int:
        """Fill one buffer from the socket and put it; gives its count.

        TLS hands out 16 KiB at a time: what is done after each read is done tens of thousands of times a second.
        """
        buffer, clock = sink.next_buffer(), self._clock
        wanted = buffer[: min(len(buffer), left)]
        want, filled, told, now = len(wanted), 0, 0, clock()
        most = self._bandwidth.most(want)
        flush_at, tell_at = now + _FLUSH_SECONDS, now + _TELL_SECONDS

        def quiet() -> None:
            nonlocal told
            count, told = filled - told, filled
            self._account(count, moved)

        try:
            while filled < want and now < flush_at:
                count = receive(wanted[filled : filled + most], quiet)
                if not count:
                    self._stopping.check()
                    raise _setback("The connection closed in the middle of the file")
                filled += count
                now = clock()
                if now >= tell_at or self._bandwidth.limited:
                    count, told, tell_at = filled - told, filled, now + _TELL_SECONDS
                    self._account(count, moved)
        finally:
            sink.put(buffer, filled)
            moved(filled - told)
        self._bandwidth.spend(filled - told)
        self._stopping.check()
        return filled

    def _account(self, count: int, moved: Callable[[int], None]) -> None:
        moved(count)
        self._bandwidth.spend(count)
        self._stopping.check()


class _Turns:
    """Lets as many threads at once read over TLS as there are cores.

    Each record of 16 KiB costs a thread the interpreter's lock. With more threads than can run, nearly every record
    has to wake one that waits for it: eight files took a sixth longer.
    """

    def __init__(self) -> None:
        self._places = threading.Semaphore(cores())

    def __enter__(self) -> None:
        self._places.acquire()

    def __exit__(self, *_: object) -> None:
        self._places.release()

    def receive(self, sock: Any, timeout: float, view: memoryview, quiet: Callable[[], None]) -> int:
        """Take what has come; where nothing comes within `_TURN_SECONDS`, the turn is another's until it does."""
        try:
            return int(sock.recv_into(view))
        except TimeoutError:
            self._places.release()
        try:
            sock.settimeout(_QUIET_SECONDS)
            return _receive(sock, timeout, view, quiet)
        finally:
            self._places.acquire()
            sock.settimeout(_TURN_SECONDS)


def _receive(sock: Any, timeout: float, view: memoryview, quiet: Callable[[], None]) -> int:
    """Take what has come; call `quiet` where nothing comes within `_QUIET_SECONDS`, then wait for `timeout` seconds."""
    try:
        return int(sock.recv_into(view))
    except TimeoutError:
        quiet()
    sock.settimeout(timeout)
    try:
        return int(sock.recv_into(view))
    finally:
        sock.settimeout(_QUIET_SECONDS)


class _Gatherer:
    """Gathers chunks of any size into the sink's buffers."""

    def __init__(self, sink: Sink, clock: Callable[[], float]) -> None:
        self._sink = sink
        self._clock = clock
        self._buffer: memoryview | None = None
        self._filled = 0
        self._flush_at = 0.0

    def gather(self, chunk: bytes) -> None:
        """Take a chunk."""
        view = memoryview(chunk)
        while view:
            if self._buffer is None:
                self._buffer, self._filled = self._sink.next_buffer(), 0
                self._flush_at = self._clock() + _FLUSH_SECONDS
            count = min(len(view), len(self._buffer) - self._filled)
            self._buffer[self._filled : self._filled + count] = view[:count]
            self._filled += count
            view = view[count:]
            if self._filled == len(self._buffer) or self._clock() >= self._flush_at:
                self.flush()

    def flush(self) -> None:
        """Put what was gathered."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._sink.put(buffer, self._filled)


def _too_long(most: int) -> Setback:
    error = SizeMismatch(f"More comes than the file may have: the {most:,} bytes that it lacks, and no end.")
    return Setback(error, Trouble.REFUSED)


def _setback(message: str) -> Setback:
    error = TransferError(f"{message}.", hint="Run the same command again to go on from here.")
    return Setback(error, Trouble.NETWORK)
