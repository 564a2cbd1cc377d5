"""Files that the user names to write to or to read: links followed, FIFOs and devices used, modes kept."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from torture.place import Place
from torture.plants import GET, PLANTS, VICTIM, Plant, dangling, two_models, victim
from torture.suite import Job, job

OUTPUTS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "db export": lambda out: ("db", "export", out),
    "scan -o": lambda out: ("scan", "1", "2", "-o", out),
    "tags --output": lambda out: ("tags", "--output", out),
    "--log-file": lambda out: ("--log-level", "debug", "--log-file", out, "scan", "1", "2"),
}


def _output_link(command: str, place: Place) -> Iterator[str]:
    """A link is followed, stays a link, and the mode of what it leads to stays."""
    _collection(place)
    target = victim(place)
    at = place.work / "out"
    at.symlink_to(target)
    ran = place.json(*OUTPUTS[command](str(at)))
    yield from ran.faults()
    if ran.code:
        yield f"ends with {ran.code}: {ran.errors[:1]}"
    if not at.is_symlink():
        yield "the link was replaced"
    if target.read_bytes() == VICTIM:
        yield "nothing was written where the link leads"
    if stat.S_IMODE(target.stat().st_mode) != 0o640:
        yield "the mode was changed"


def _outputdangling(command: str, place: Place) -> Iterator[str]:
    """A link to nothing is followed: the file is made where it leads."""
    _collection(place)
    at = place.work / "out"
    dangling(at, place)
    ran = place.json(*OUTPUTS[command](str(at)))
    yield from ran.faults()
    if ran.code or not at.is_symlink() or not (place.outside / "not there").exists():
        yield f"ends with {ran.code}; a link: {at.is_symlink()}; there: {(place.outside / 'not there').exists()}"


def _output_fifo(command: str, place: Place) -> Iterator[str]:
    """A FIFO with a reader is written to."""
    _collection(place)
    at = place.work / "out"
    os.mkfifo(at)
    heard = Reader(at)
    ran = place.json(*OUTPUTS[command](str(at)))
    yield from ran.faults()
    if ran.code:
        yield f"ends with {ran.code}: {ran.errors[:1]}"
    if not stat.S_ISFIFO(at.lstat().st_mode):
        yield "the FIFO was replaced"
    elif not heard.all():
        yield "nothing came through"


def _output_device(command: str, place: Place) -> Iterator[str]:
    """A device takes what is written, and is a device afterwards."""
    _collection(place)
    at = place.work / "out"
    try:
        os.mknod(at, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        at.symlink_to(os.devnull)
    before = at.lstat()
    ran = place.json(*OUTPUTS[command](str(at)))
    yield from ran.faults()
    if ran.code:
        yield f"ends with {ran.code}: {ran.errors[:1]}"
    if at.lstat().st_mode != before.st_mode:
        yield "the device was replaced"


def _output_stdout(command: str, place: Place) -> Iterator[str]:
    """`/dev/stdout` is what the shell has made of it."""
    _collection(place)
    ran = place.run(*OUTPUTS[command]("/dev/stdout"))
    yield from ran.faults()
    if ran.code or not ran.out:
        yield f"ends with {ran.code} and {len(ran.out)} bytes: {ran.err[:150]!r}"


def _output_mode(command: str, place: Place) -> Iterator[str]:
    """A file that is there keeps its mode."""
    _collection(place)
    at = place.work / "out"
    at.write_bytes(b"")
    at.chmod(0o604)
    ran = place.json(*OUTPUTS[command](str(at)))
    yield from ran.faults()
    if ran.code or stat.S_IMODE(at.stat().st_mode) != 0o604:
        yield f"ends with {ran.code}, and its mode is {stat.S_IMODE(at.stat().st_mode):o}"


def _collection(place: Place) -> None:
    two_models(place)
    place.run(*GET)


class Reader:
    """Reads a FIFO from its first moment on, until the writer has gone."""

    def __init__(self, path: Path) -> None:
        self._parts: list[bytes] = []
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._stop = threading.Event()
        self._thread.start()

    def all(self) -> bytes:
        """What came."""
        self._stop.set()
        self._thread.join()
        os.close(self._file)
        return b"".join(self._parts)

    def _read(self) -> None:
        while True:
            piece = b""
            with suppress(BlockingIOError):
                piece = os.read(self._file, 65536)
            if piece:
                self._parts.append(piece)
            elif self._stop.wait(0.01):
                return


_OUTPUT_TRIALS = {
    "a link": _output_link,
    "a link to nothing": _outputdangling,
    "a FIFO": _output_fifo,
    "a device": _output_device,
    "/dev/stdout": _output_stdout,
    "a file with a mode": _output_mode,
}


def _read(words: tuple[str, ...], plant: Plant, place: Place) -> Iterator[str]:
    """A file to read that is none."""
    two_models(place)
    at = place.work / "in"
    plant(at, place)
    ran = place.json(*words)
    yield from ran.faults()
    if not ran.code:
        yield "exit 0"


_READ = {
    "download --plan": ("download", "--yes", "--plan", "in"),
    "--from-file": ("scan", "--from-file", "in"),
    "db import": ("db", "import", "in"),
    "--config": ("--config", "in", "scan", "1"),
}


def jobs() -> list[Job]:
    """Every command that writes where the user says, then every one that reads there."""
    written = [
        job(f"{command} to {what}", partial(trial, command))
        for what, trial in _OUTPUT_TRIALS.items()
        for command in OUTPUTS
    ]
    read = [
        job(f"{command} of {what}", partial(_read, words, PLANTS[what]))
        for command, words in _READ.items()
        for what in ("a device", "a sparse file of 4 GiB", "a link to itself", "a folder")
    ]
    return [*written, *read]
