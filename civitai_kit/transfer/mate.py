"""A process of a crew from without: started, given orders, listened to, ended."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import BinaryIO, assert_never, cast

from civitai_kit.core.events import Emit
from civitai_kit.core.frames import boot, read_frame, write_frame
from civitai_kit.core.plans.order import Fetched, Order
from civitai_kit.transfer.halt import interrupted
from civitai_kit.transfer.pipe import (
    Begin,
    Came,
    Command,
    Drop,
    Failed,
    Quiet,
    Report,
    Said,
    Stop,
    Told,
    Word,
)
from civitai_kit.transfer.recipe import Recipe
from civitai_kit.transfer.source import Pace

_LOOK = 0.2  # Seconds between two looks at the stop flag and at the site's pauses while nothing is heard.
_GRACE = 2.0  # Seconds that a process has to end its transfers after a stop.
_LAST_MOMENTS = 0.5  # Seconds that it has to end itself.
_APART = 0.05  # A pause that ends so much later than the one known is news.

_Outcome = Came | Failed | None
_Box = SimpleQueue[Word | None]


class Mate:
    """One process that fetches, with one thread here that listens to it; safe to use from many threads.

    Raises OSError when no process can be started.
    """

    def __init__(self, recipe: Recipe, *, stop: threading.Event, pace: Pace | None, log: Callable[[str], None]) -> None:
        self._stop = stop
        self._pace = pace
        self._log = log
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._boxes: dict[int, _Box] = {}
        self._lost = False
        self._quiet_until = 0.0
        self._process = subprocess.Popen(
            [sys.executable, *boot("civitai_kit.transfer.crewman")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._words = cast("BinaryIO", self._process.stdin)
        self._listener = threading.Thread(target=self._listen, name="mate", daemon=True)
        with suppress(OSError):
            self._words.write(json.dumps(sys.path).encode() + b"\n")
        self._send(recipe)
        self._listener.start()

    @property
    def lost(self) -> bool:
        """Whether the process is gone."""
        return self._lost

    def fetch(self, order: Order, emit: Emit) -> Fetched | None:
        """Have one file fetched there; None when the process is gone, and nobody writes the part any more.

        Raises what a fetcher raises. `emit` is called in this thread, so never after the end.
        """
        number, box = next(self._numbers), _Box()
        with self._lock:
            if self._lost:
                return None
            self._boxes[number] = box
        try:
            match self._carry_out(Begin(number, order), box, emit):
                case Came(_, fetched):
                    return fetched
                case Failed(_, error):
                    raise error
                case None:
                    return None
        finally:
            with self._lock:
                self._boxes.pop(number, None)

    def dismiss(self) -> None:
        """Have the process end; `close` waits for it."""
        with self._sending, suppress(OSError):
            self._words.close()

    def close(self) -> None:
        """End the process, by force if it will not."""
        self.dismiss()
        self._listener.join(_LAST_MOMENTS)
        if self._listener.is_alive():
            self._process.kill()
            self._listener.join()

    # -- in the thread of a transfer --------------------------------------------------------------------------

    def _carry_out(self, begin: Begin, box: _Box, emit: Emit) -> _Outcome:
        try:
            self._tell_of_pause()
            self._send(begin)
            return self._await(begin.number, box, emit)
        except BaseException:
            # Whoever listens, or waits, has broken it off: the part is to be free when that is known.
            self._send(Drop(begin.number))
            _await_end(box)
            raise

    def _await(self, number: int, box: _Box, emit: Emit) -> _Outcome:
        """Hand on events until the outcome; None when the process is gone."""
        deadline = float("inf")
        while time.monotonic() < deadline:
            if self._stop.is_set() and deadline == float("inf"):
                self._send(Stop())
                deadline = time.monotonic() + _GRACE
            self._tell_of_pause()
            try:
                word = box.get(timeout=_LOOK)
            except Empty:
                continue
            if not isinstance(word, Told):
                return word
            emit(word.event)
        self._process.kill()  # It hangs; what it has on disk is sound.
        return Failed(number, interrupted())

    def _tell_of_pause(self) -> None:
        """Pass on a pause that the site has asked of somebody here, or of another process."""
        held = self._pace.held() if self._pace is not None else 0.0
        until = time.monotonic() + held
        if held > 0 and until > self._quiet_until + _APART:
            self._quiet_until = until
            self._send(Quiet(held))

    def _send(self, value: Command | Recipe) -> None:
        """Send a frame; a process that is gone is noticed where it is listened to."""
        with self._sending, suppress(OSError, ValueError):
            write_frame(self._words, value)

    # -- in the thread that listens ---------------------------------------------------------------------------

    def _listen(self) -> None:
        reports = cast("BinaryIO", self._process.stdout)
        try:
            while (report := read_frame(reports)) is not None:
                self._heed(cast("Report", report))
        except Exception as error:  # noqa: BLE001 - whatever it is, what is said there makes no sense any more
            self._log(f"A process makes no sense: {type(error).__name__}: {error}")
        finally:
            # Only once it is gone altogether are the locks of its part files free.
            self._process.kill()
            self._process.wait()
            reports.close()
            self.dismiss()
            self._lose()

    def _heed(self, report: Report) -> None:
        match report:
            case Told() | Came() | Failed():
                with self._lock:
                    box = self._boxes.get(report.number)
                if box is not None:
                    box.put(report)
            case Quiet(seconds):
                if self._pace is not None:
                    self._pace.hold(seconds)
            case Said(line):
                self._log(line)
            case _:
                assert_never(report)

    def _lose(self) -> None:
        with self._lock:
            self._lost = True
            boxes = list(self._boxes.values())
        for box in boxes:
            box.put(None)


def _await_end(box: _Box) -> None:
    """Wait a little for a transfer's outcome."""
    until = time.monotonic() + _GRACE
    with suppress(Empty):
        while isinstance(box.get(timeout=max(0.0, until - time.monotonic())), Told):
            pass
