"""Ctrl-C and stop signals: the first asks for an orderly stop, the second ends at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from civitai_kit.core.errors import Exit

# Work that looks at the stop flag ends within the first time; what hangs in the network or a library gets the second.
PATIENCE_SEC = 2.0
LIMIT_SEC = 2.8


@contextmanager
def stop_on_signal(last_words: Callable[[], None], is_asking: Callable[[], bool]) -> Iterator[threading.Event]:
    """Give the flag that a first signal sets; work is to look at it and end in order.

    Work that goes on for PATIENCE_SEC gets a KeyboardInterrupt, and after LIMIT_SEC the process ends; a second signal
    ends it at once. `last_words` is called before the process is ended so. While `is_asking` a question is open and
    nothing needs time to stop: the KeyboardInterrupt comes at once.
    """
    stop = threading.Event()
    handler = _Handler(stop, last_words, is_asking)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, handler) for number in _stop_signals()}
    try:
        yield stop
    finally:
        handler.done.set()
        # All has been said: a second signal that comes late must not make the end of the interpreter a crash.
        for number, old in before.items():
            signal.signal(number, signal.SIG_IGN if stop.is_set() else old)


def _stop_signals() -> list[int]:
    """Ctrl-C, a request to end, and the terminal going away unless somebody (nohup) said not to mind."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        numbers.append(hangup)
    return numbers


class _Handler:
    """What is called on a signal, in the main thread."""

    def __init__(self, stop: threading.Event, last_words: Callable[[], None], is_asking: Callable[[], bool]) -> None:
        self.stop = stop
        self.done = threading.Event()
        self.last_words = last_words
        self.is_asking = is_asking
        self.raises = False

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        if self.raises:
            self.raises = False
            raise KeyboardInterrupt
        if self.stop.is_set():
            self._end()
        self.stop.set()
        if self.is_asking():
            raise KeyboardInterrupt
        threading.Thread(target=self._insist, args=(number,), daemon=True).start()

    def _insist(self, number: int) -> None:
        begun = time.monotonic()
        if self.done.wait(PATIENCE_SEC):
            return
        self.raises = True
        self._wake(number)
        if not self.done.wait(LIMIT_SEC - (time.monotonic() - begun)):
            self._end()

    def _wake(self, number: int) -> None:
        """Interrupt the main thread also where it waits in a system call."""
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        else:
            signal.raise_signal(number)

    def _end(self) -> None:
        try:
            self.last_words()
        finally:
            os._exit(Exit.INTERRUPTED)
