"""A folder of a job's own, the program run in it as a process, and what may be said of every run."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

KEY = "torture-key-0123456789"
SECONDS = 10.0
# A process that takes longer is ended.
PATIENCE = 20.0
# A run of a few small items takes some 60 MB.
PEAK = 400_000_000
# What a process may take of memory of its own, in KB: above PEAK, so that it is seen, below what hurts the machine.
_ULIMIT = 1_500_000
_TICK = 0.002
# Words of Python's in what a person reads.
_PYTHON = ("Traceback", "nforeseen", "NoneType", "<class '", "object has no attribute")
_ESCAPE = "\x1b"
_SETTINGS = {"CIVITAI_API_KEY": KEY, "CIVITAI_KIT_API_DELAY_MS": "0", "CIVITAI_KIT_RETRY_DELAY_MS": "1"}


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the program; `code` is negative for a signal, `peak` in bytes."""

    words: tuple[str, ...]
    code: int
    out: bytes
    err: bytes
    seconds: float
    peak: int

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON object on stdout; an empty one where there is none."""
        try:
            found = json.loads(self.out)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def data(self) -> dict[str, Any]:
        """The `data` of that object."""
        found = self.document.get("data")
        return found if isinstance(found, dict) else {}

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Its `errors`."""
        found = self.document.get("errors")
        return found if isinstance(found, list) else []

    @property
    def codes(self) -> set[str]:
        """The codes of its errors."""
        return {str(row.get("code")) for row in self.errors}

    def faults(self) -> Iterator[str]:
        """What no run may do, whatever it was given."""
        said = (self.out + self.err).decode("utf-8", "replace")
        what = shlex.join(self.words)[:60]
        if self.seconds > SECONDS:
            yield f"took {self.seconds:.1f} s ({what})"
        if self.peak > PEAK:
            yield f"took {self.peak // 1_000_000} MB of memory ({what})"
        if self.code < 0:
            yield f"ended by {_signal_name(-self.code)} ({what})"
        elif self.code == 1:
            yield f"exit 1 ({what}): {_last_line(said)}"
        yield from (f"says {word!r} ({what}): {_last_line(said)}" for word in _PYTHON if word in said)
        if KEY in said:
            yield f"prints the key ({what})"
        if _ESCAPE in said:
            yield f"sends an escape code to the terminal ({what})"
        if "--json" in self.words:
            yield from self._json_faults(what)

    def _json_faults(self, what: str) -> Iterator[str]:
        found = self.document
        if set(found) != {"schema", "command", "exit_code", "data", "errors"}:
            yield f"no JSON object of ours on stdout ({what}): {self.out[:80]!r}"
        elif found["exit_code"] != self.code:
            yield f"says exit code {found['exit_code']} and ends with {self.code} ({what})"


class Running:
    """The program under way."""

    def __init__(
        self, words: tuple[str, ...], process: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]
    ) -> None:
        self.words = words
        self.process = process
        self._out, self._err = out, err
        self._begun = time.monotonic()
        self._ended: Ran | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by now."""
        return self._ended is not None or self._reap(os.WNOHANG)

    def printed(self) -> bytes:
        """What it has printed so far."""
        return Path(self._out.name).read_bytes()

    def kill(self) -> Ran:
        """Kill -9, as the kernel does when memory runs out."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        return self.wait()

    def wait(self, seconds: float = PATIENCE) -> Ran:
        """Wait for its end; it is killed when it takes too long."""
        until = time.monotonic() + seconds
        while not self.has_ended:
            if time.monotonic() > until:
                os.kill(self.process.pid, signal.SIGKILL)
                self._reap(0)
            time.sleep(_TICK)
        assert self._ended is not None
        return self._ended

    def wait_for(self, happened: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Look closely until something has happened; False where the process ended before."""
        until = time.monotonic() + seconds
        while not happened():
            if self.has_ended or time.monotonic() > until:
                return False
            time.sleep(0.0003)
        return True

    def _reap(self, flags: int) -> bool:
        pid, status, used = os.wait4(self.process.pid, flags)
        if not pid:
            return False
        self.process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self._begun
        factor = 1 if sys.platform == "darwin" else 1024
        # What this process has ever held counts for its children as well: only more than that is their own.
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak = used.ru_maxrss * factor if used.ru_maxrss > own else 0
        self._ended = Ran(
            self.words, self.process.returncode, self._said(self._out), self._said(self._err), seconds, peak
        )
        return True

    @staticmethod
    def _said(stream: IO[bytes]) -> bytes:
        with stream:
            stream.seek(0)
            return stream.read(20_000_000)


class Place:
    """The ground of one job: `save` is the save path, `work` the working folder, `outside` must stay as it is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.save, self.home, self.work, self.outside = (root / name for name in ("save", "home", "work", "outside"))
        self.last = ""
        self.env: dict[str, str] = {}
        self.globals: tuple[str, ...] = ()
        self.closing = contextlib.ExitStack()
        self._runs = 0

    @classmethod
    def make(cls, root: Path) -> Self:
        """A new one with its folders; the save path is left to the program."""
        place = cls(root)
        for folder in (place.home, place.work, place.outside):
            folder.mkdir(parents=True)
        return place

    def close(self) -> None:
        """End what was opened for the job."""
        self.closing.close()

    def at(self, url: str, *words: str) -> Self:
        """Let every run ask the site at this address, with these global options."""
        self.globals = ("--api-url", url, *words)
        return self

    def start(
        self,
        *words: str,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        save: bool = True,
        bare: bool = False,
        stdout: int | None = None,
    ) -> Running:
        """Start the program; `bare` sets nothing beforehand, `stdout` is a descriptor that takes what it prints."""
        self._runs += 1
        line = (*(("--save-path", str(self.save)) if save and not bare else ()), *self.globals, *words)
        self.last = shlex.join(("civitai-kit", *line))[:1500]
        out, err = ((self.root / f"{name}{self._runs}").open("w+b") for name in ("out", "err"))
        process = subprocess.Popen(
            # A limit set between fork and exec of a program with threads is not safe.
            ["sh", "-c", f'ulimit -d {_ULIMIT}; exec "$0" "$@"', sys.executable, "-m", "civitai_kit", *line],
            stdin=self._stdin(stdin),
            stdout=out if stdout is None else stdout,
            stderr=err,
            env={**self._environment(bare), **(env or {})},
            cwd=self.work,
            start_new_session=True,
        )
        return Running(words, process, out, err)

    def run(self, *words: str, seconds: float = PATIENCE, **how: Any) -> Ran:
        """Run the program to its end; `how` as for `start`."""
        return self.start(*words, **how).wait(seconds)

    def json(self, *words: str, **how: Any) -> Ran:
        """Run it with `--json`."""
        return self.run("--json", *words, **how)

    def _stdin(self, content: bytes | None) -> Any:
        if content is None:
            return subprocess.DEVNULL
        given = self.root / f"in{self._runs}"
        given.write_bytes(content)
        return self.closing.enter_context(given.open("rb"))

    def _environment(self, bare: bool) -> dict[str, str]:
        machine = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "conf"),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        return machine if bare else {**machine, **_SETTINGS, **self.env}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:200]
