"""What each picture shows: commands as a person types them, answered by the program at work against the sandbox."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from civitai_kit.sandbox.serve import Sandbox
from pictures.terminal import Start, Terminal, screen

COLUMNS, ROWS = 100, 30
PROMPT = "\x1b[32m$ \x1b[0m"
LARGE, SMALL = "dreamMixXL", "plain_line"

# Numbers that are others at every moment. What the display says of a file that is held is fixed at where it is held.
MOVING = {
    r"[\d.]+ [kMGT]?B are free": "80.5 GB are free",
    rf"({LARGE}\S+ +)[ \d]{{3}}%( +1 MB).*": r"\1 57%\2  214 kB/s  2 s",
    rf"({SMALL}\S+ +)[ \d]{{3}}%( +40 kB).*": r"\1 65%\2  9 kB/s  1 s",
    r"[\d.]+ k?B( of 1 file kept| kept from before| of it from)": r"26 kB\1",
    r"^2 of 4 files  .*": "2 of 4 files  663 kB of 1 MB  223 kB/s  2 s left",
}


class Shell:
    """A terminal in an empty folder, whose user has the sandbox for a site; it keeps the lines that were shown."""

    def __init__(self, sandbox: Sandbox, folder: Path, start: Start) -> None:
        self._start = start
        self.sandbox = sandbox
        self.folder = folder
        self.lines: list[str] = []

    def start(self, line: str) -> Terminal:
        """Type a command line."""
        self.lines.append(f"{PROMPT}\x1b[1m{line}\x1b[0m")
        _, *words = shlex.split(line)
        return Terminal(words, self.folder, self._environment(), rows=ROWS, columns=COLUMNS, start=self._start)

    def keep(self, lines: list[str]) -> None:
        """Keep what a command has shown, its moving numbers fixed."""
        for pattern, text in MOVING.items():
            lines = [re.sub(pattern, text, line) for line in lines]
        self.lines += lines

    def run(self, line: str) -> None:
        """Type a command line, and wait until it has ended well."""
        terminal = self.start(line)
        code = terminal.finish()
        assert code == 0, terminal.seen
        self.keep(screen(terminal.seen))
        terminal.close()

    def _environment(self) -> Mapping[str, str]:
        """Nothing of this machine's settings, and no proxy: the sandbox is here."""
        home = {name: str(self.folder / ".home") for name in ("HOME", "XDG_CONFIG_HOME")}
        site = {"CIVITAI_API_KEY": self.sandbox.api_key, "CIVITAI_KIT_API_URL": self.sandbox.url}
        python = {"PATH": os.environ["PATH"], "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        return {"TERM": "xterm-256color", "LANG": "C.UTF-8", "NO_PROXY": "*", **python, **home, **site}


def download(shell: Shell) -> None:
    """A scan, its question, and the files on their way: two are there, two are held in the middle."""
    faults = shell.sandbox.faults
    faults.add("stall", None, LARGE, at=630_000)
    faults.add("stall", None, SMALL, at=26_000)
    terminal = shell.start('civitai-kit download --base-model "SDXL 1.0" --primary-only --limit 4')
    terminal.until("[y/N]")
    terminal.type("y\n")
    *above, done, also, one, other, total = terminal.until_on_screen(r"done .*done .*%.*%.*\n2 of 4 files")
    # Whichever thread is sooner comes first.
    shell.keep([*above, *sorted([done, also], reverse=True), *sorted([one, other], reverse=True), total])
    terminal.close()


def resume(shell: Shell) -> None:
    """A download that Ctrl-C stops, the same command again, and the proof that all is right."""
    line = "civitai-kit download https://civitai.com/models/1001 --yes"
    shell.sandbox.faults.add("stall", None, SMALL, at=26_000)
    terminal = shell.start(line)
    terminal.until_on_screen("[1-9][0-9]* k?B of 40 kB")
    terminal.type("\x03")
    assert terminal.finish() == 130, terminal.seen
    shell.keep(screen(terminal.seen))
    terminal.close()
    shell.sandbox.faults.clear()
    shell.run(line)
    shell.run("civitai-kit db verify")


SCENES: dict[str, Callable[[Shell], None]] = {"download": download, "resume": resume}
