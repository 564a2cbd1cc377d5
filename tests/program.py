"""The program as processes of their own that begin at once: each is forked from one that has loaded it already.

Most of a command's processor time is spent on loading it. What such a process is told at its start it has as any
other: words, environment, folder, streams, signals. What Python itself reads at its start, as the locale, is given
when the `Program` is made. Where a start is what is tested, `python -m civitai_kit` is run instead.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOADED = ("httpcore2", "rich.progress", "rich.table", "lmdb", "torf", "structlog", "tomli", "blake3")
LEFT_OUT = ("civitai_kit.sandbox", "civitai_kit.web", "civitai_kit.testing", "civitai_kit.__main__")
_MOST = 2**20

Around = Mapping[str, str]


class Process:
    """One process; used as a `subprocess.Popen` is."""

    def __init__(self, ended: socket.socket) -> None:
        self.pid = int(ended.recv(64))
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it has one."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("civitai-kit", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._ended.settimeout(timeout)
            try:
                self.returncode = int(self._ended.recv(64))
            except (BlockingIOError, TimeoutError):
                return None
            self._ended.close()
        return self.returncode


class Running(Process):
    """One whose output is caught."""

    def __init__(self, ended: socket.socket, stdout: int, stderr: int) -> None:
        super().__init__(ended)
        self.stdout: IO[bytes] = os.fdopen(stdout, "rb")
        self.stderr: IO[bytes] = os.fdopen(stderr, "rb")

    def communicate(self, timeout: float = 60) -> tuple[bytes, bytes]:
        """Everything that it says until it ends; one that does not is killed, and that is an error."""
        late = threading.Timer(timeout, self.kill)
        late.start()
        said: list[bytes] = []
        reader = threading.Thread(target=lambda: said.append(self.stderr.read()))
        reader.start()
        out = self.stdout.read()
        reader.join()
        self.wait(timeout)
        if late.finished.is_set():
            raise subprocess.TimeoutExpired("civitai-kit", timeout)
        late.cancel()
        self.close()
        return out, said[0]

    def close(self) -> None:
        """Let go of its streams."""
        self.stdout.close()
        self.stderr.close()


class Program:
    """The program, loaded once."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours

    def start(
        self,
        words: Sequence[str],
        *,
        env: Around | None = None,
        cwd: str | Path | None = None,
        stdout: int | None = None,
    ) -> Running:
        """Start a command in an environment and a folder, those of this process where none is given.

        What it writes to another `stdout` than ours is not caught.
        """
        out, err = os.pipe(), os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        if stdout is not None:
            os.dup2(stdout, out[1])
        theirs = (nothing, out[1], err[1])
        ended = self._ask(words, theirs, env, cwd)
        for number in theirs:
            os.close(number)
        return Running(ended, out[0], err[0])

    def start_at(self, terminal: int, words: Sequence[str], env: Around, cwd: Path) -> Process:
        """Start a command at a terminal, which is then its own."""
        return Process(self._ask(words, (terminal,) * 3, env, cwd))

    def run(self, words: Sequence[str], **around: Any) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr of a command that runs to its end."""
        running = self.start(words, **around)
        out, err = running.communicate()
        return running.wait(), out, err

    def _ask(
        self, words: Sequence[str], streams: tuple[int, int, int], env: Around | None, cwd: str | Path | None
    ) -> socket.socket:
        around = os.environ if env is None else env
        told = {
            "words": [_plain(word) for word in words],
            "env": {_plain(name): _plain(value) for name, value in around.items()},
            "cwd": _plain(str(cwd or Path.cwd())),
        }
        ended, its_end = socket.socketpair()
        with its_end:
            socket.send_fds(self._ours, [json.dumps(told).encode()], [its_end.fileno(), *streams])
        return ended


@contextmanager
def loaded(**env: str) -> Iterator[Program]:
    """The program as a Python loads it that is started with these variables too."""
    if not hasattr(os, "fork"):
        pytest.skip("processes are forked as POSIX has them")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        code = f"from tests.program import serve; serve({theirs.fileno()})"
        around = {**os.environ, **env, "PYTHONPATH": str(ROOT), "PYDANTIC_DISABLE_PLUGINS": "__all__"}
        process = subprocess.Popen([sys.executable, "-c", code], env=around, pass_fds=[theirs.fileno()])
    with ours:
        yield Program(ours)
    process.wait(20)


def _plain(text: str) -> str:
    """A text whose letters are the bytes that the system would give for it in UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


# The other side


def serve(channel: int) -> None:
    """Load the program, then fork for each command that is asked for until nobody asks any more."""
    for module in pkgutil.walk_packages([str(ROOT / "civitai_kit")], "civitai_kit."):
        if not module.name.startswith(LEFT_OUT):
            import_module(module.name)
    for name in LOADED:
        import_module(name)
    gc.freeze()
    with socket.socket(fileno=channel) as asked, suppress(ChildProcessError):
        while True:
            told, files, _, _ = socket.recv_fds(asked, _MOST, 4)
            if told and os.fork() == 0:
                asked.close()
                _watch(json.loads(told), files)
            for number in files:
                os.close(number)
            # Those that have ended by now; at the end all of them.
            while os.waitpid(-1, os.WNOHANG if told else 0)[0]:
                pass


def _watch(told: dict[str, Any], files: list[int]) -> None:
    """Fork once more: the first goes on to tell how the second, which is the command, came to its end."""
    ended, *streams = files
    pid = os.fork()
    if pid == 0:
        os.close(ended)
        _become(told, streams)
    for number in streams:
        os.close(number)
    with socket.socket(fileno=ended) as listener:
        listener.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        listener.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(told: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be the command, as if Python had just been started for it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if os.isatty(0):
        _take_terminal()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        # Made anew, for they remember what kind of file they were opened on.
        old = getattr(sys, name)
        how = {"encoding": old.encoding, "errors": old.errors, "closefd": False}
        new = open(old.fileno(), mode, 1 if name == "stderr" else -1, **how)  # noqa: PTH123, SIM115
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    os.environb.clear()
    for name, value in told["env"].items():
        os.environb[name.encode("latin-1")] = value.encode("latin-1")
    os.chdir(told["cwd"].encode("latin-1"))
    sys.argv = ["civitai-kit", *(os.fsdecode(word.encode("latin-1")) for word in told["words"])]
    runpy.run_module("civitai_kit", run_name="__main__", alter_sys=False)
    raise SystemExit


def _take_terminal() -> None:
    """Make it this process's own, so that a typed Ctrl-C becomes a signal."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
