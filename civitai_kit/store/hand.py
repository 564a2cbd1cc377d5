"""A process that lends a hand, from within: blocks come over stdin, what they came to goes over stdout."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from civitai_kit.core.frames import read_frame, write_frame


def main() -> None:
    """Work until stdin ends, as it does with a parent that was killed; whatever goes wrong ends it too."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        # Ctrl-C reaches every process of a terminal; the parent says in order what is to become of it.
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_IGN)
    try:
        with suppress(OSError):
            _work()
    finally:
        os._exit(0)


def _work() -> None:
    words, reports = sys.stdin.buffer, sys.stdout.buffer
    work = cast("Callable[[bytes], object]", read_frame(words))
    # Parsed lines are trees: to search for circles among them takes up to a third of the time.
    gc.disable()
    write_frame(reports, None)
    while (block := read_frame(words)) is not None:
        write_frame(reports, work(cast("bytes", block)))
