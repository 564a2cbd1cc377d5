"""A command line in a terminal of its own: what it shows, what is typed, and the screen as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

PATIENCE_SEC = 30.0
CONTROL = re.compile(r"(\x1b\[[?\d;]*([A-Za-z])|[\r\n])|([^\x1b\r\n]+)")
PLAIN = "\x1b[0m"
# The terminal is made the process's own, so that a typed Ctrl-C becomes a signal.
START = (
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "from civitai_kit.cli.main import main; sys.exit(main(sys.argv[1:]))"
)


class Process(Protocol):
    """What runs in a terminal."""

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""

    def wait(self) -> int:
        """The exit code, when it has one."""

    def kill(self) -> None:
        """End it at once."""


Start = Callable[[int, Sequence[str], Mapping[str, str], Path], Process]


def start(terminal: int, words: Sequence[str], env: Mapping[str, str], cwd: Path) -> Process:
    """The program at a terminal of its own."""
    command = [sys.executable, "-c", START, *words]
    return subprocess.Popen(
        command, cwd=cwd, env=env, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )


class Terminal:
    """A command line that runs in a terminal, and all that it has written so far."""

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        env: Mapping[str, str],
        *,
        rows: int = 24,
        columns: int = 80,
        start: Start = start,
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = start(slave, words, env, folder)
        os.close(slave)
        self.seen = ""

    def until(self, text: str) -> None:
        """Read until some text was shown."""
        end = time.monotonic() + PATIENCE_SEC
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            self._read()

    def until_on_screen(self, pattern: str) -> list[str]:
        """Read until the screen matches a pattern; gives its lines as they are then."""
        end = time.monotonic() + PATIENCE_SEC
        while not re.search(pattern, "\n".join(lines := screen(self.seen)), re.DOTALL):
            assert time.monotonic() < end, "\n".join(lines)
            self._read()
        return lines

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self.master, text.encode())

    def finish(self) -> int:
        """Read to the end, and give the exit code."""
        end = time.monotonic() + PATIENCE_SEC
        while self._read() or self.process.poll() is None:
            assert time.monotonic() < end, self.seen
        return self.process.wait()

    def close(self) -> None:
        """End the process, wherever it is."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.master], [], [], 0.1)
        try:
            came = os.read(self.master, 65536) if ready else b""
        except OSError:
            came = b""
        self.seen += came.decode("utf-8", "replace")
        return bool(came)


def screen(seen: str) -> list[str]:
    """The lines that a terminal shows after all this was written to it, as far as our display moves the cursor.

    Colours stay in them, as escape sequences around each character.
    """
    rows: list[list[str]] = [[]]
    row, column, style = 0, 0, ""
    for control, letter, text in CONTROL.findall(seen):
        if text:
            cells = [f"{style}{character}{PLAIN}" if style else character for character in text]
            rows[row][column : column + len(cells)] = cells
            column += len(cells)
        elif control == "\r":
            column = 0
        elif control == "\n":
            row += 1
            rows += [[]] * (row == len(rows))
        elif letter == "A":
            row -= int(control[2:-1] or 1)
        elif letter == "K":
            rows[row] = []
        elif letter == "m":
            style = "" if control in (PLAIN, "\x1b[m") else control
    while rows and not rows[-1]:
        del rows[-1]
    return ["".join(cells) for cells in rows]
