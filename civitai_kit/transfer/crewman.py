"""A process of a crew from within: orders come over stdin, events and outcomes go over stdout."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import BinaryIO, assert_never, cast

from civitai_kit.core.events import Event
from civitai_kit.core.frames import read_frame, write_frame
from civitai_kit.core.plans.order import Order
from civitai_kit.transfer.lane import Hashers
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
    portable,
)
from civitai_kit.transfer.recipe import Recipe


def main() -> None:
    """Work until stdin ends, and end then at once, whatever is under way: nobody waits for it any more.

    A killed parent ends stdin too. Part files and journals are sound at any moment.
    """
    _leave_signals_to_the_parent()
    try:
        Crewman(sys.stdin.buffer, sys.stdout.buffer).work()
    finally:
        os._exit(0)


def _leave_signals_to_the_parent() -> None:
    """Ctrl-C reaches every process of a terminal; the parent says in order what is to become of it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)


class Crewman:
    """Carries out orders, a thread each, until there are no more words from the parent."""

    def __init__(self, words: BinaryIO, reports: BinaryIO) -> None:
        self._words = words
        self._reports = reports
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._pace = _Pace(self)
        self._dropped: set[int] = set()

    def work(self) -> None:
        """Read the recipe, then heed every command."""
        recipe = read_frame(self._words)
        if recipe is None:
            return
        # Several share this process: each hashes where it reads, and a thread more would only take turns.
        self._fetcher = cast("Recipe", recipe).fetcher(
            stop=self._stop,
            pace=self._pace,
            log=lambda line: self.report(Said(line)),
            hashers=Hashers(0),
        )
        while (command := read_frame(self._words)) is not None:
            self._heed(cast("Command", command))

    def report(self, report: Report) -> None:
        """Say something to the parent; without one there is no reason to go on."""
        try:
            with self._lock:
                write_frame(self._reports, report)
        except OSError:
            os._exit(0)

    def _heed(self, command: Command) -> None:
        match command:
            case Begin(number, order):
                threading.Thread(target=self._carry_out, args=(number, order), name="transfer", daemon=True).start()
            case Drop(number):
                self._dropped.add(number)
            case Stop():
                self._fetcher.stop()
            case Quiet(seconds):
                self._pace.keep(seconds)
            case _:
                assert_never(command)

    def _carry_out(self, number: int, order: Order) -> None:
        def emit(event: Event) -> None:
            if number in self._dropped:
                raise _DroppedError
            self.report(Told(number, event))

        outcome: Came | Failed
        try:
            outcome = Came(number, self._fetcher.fetch(order, emit))
        except Exception as error:  # noqa: BLE001 - an outcome; whoever waits for it decides
            outcome = Failed(number, portable(error))
        self._dropped.discard(number)
        self.report(outcome)


class _DroppedError(Exception):
    """Nobody waits for this transfer."""


class _Pace:
    """The pauses that the site wants; those that it asks of this process are told to the others."""

    def __init__(self, crewman: Crewman) -> None:
        self._crewman = crewman
        self._until = 0.0

    def held(self) -> float:
        """Seconds to wait before the site may be asked."""
        return max(0.0, self._until - time.monotonic())

    def hold(self, seconds: float) -> None:
        """Let nobody ask the site for so long."""
        self.keep(seconds)
        self._crewman.report(Quiet(seconds))

    def keep(self, seconds: float) -> None:
        """Ask nothing of the site for so long."""
        self._until = max(self._until, time.monotonic() + seconds)
