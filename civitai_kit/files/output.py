"""What a user names as output: written where a link leads, its mode kept, and replaced only where it is a file."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from civitai_kit.core.errors import DiskError, DiskFull, NotWritable
from civitai_kit.files.descriptors import descriptor_of, duplicate
from civitai_kit.files.errors import is_full

# Who has named a pipe has also started what reads it, or does so by now.
_PATIENCE_SEC, _LOOK_SEC = 3.0, 0.02
_HINT = "Name a file in a folder that exists and can be written."


@contextmanager
def output_file(path: str | os.PathLike[str], *, new_mode: int = 0o666) -> Iterator[BinaryIO]:
    """The file that a person named, to be written anew.

    A regular file gets its content when that is whole and synced; until then the old one stays. It keeps its mode and
    its owner; a new one gets `new_mode` as the umask has it. A pipe or a device is written to. Raises DiskFull or
    NotWritable, and BrokenPipeError where the reader of a pipe left.
    """
    place = Path(path).expanduser()
    with writing_output(place):
        if (number := descriptor_of(place)) is not None:
            with _written_to(duplicate(number)) as file:
                yield file
        elif (found := _status(place)) is None or stat.S_ISREG(found.st_mode):
            with _replaced(Path(os.path.realpath(place)), found, new_mode) as file:
                yield file
        else:
            with _written_to(_open_odd(place, found, os.O_WRONLY)) as file:
                yield file


@contextmanager
def writing_output(place: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError into DiskFull or NotWritable that names the output; a reader that left stays BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise not_written(error, place) from error


def not_written(error: OSError, place: str | os.PathLike[str], hint: str = _HINT) -> DiskError:
    """The error for an output that the system refused."""
    where = os.fspath(place)
    kind = DiskFull if is_full(error) else NotWritable
    return kind(f"{where} cannot be written: {error.strerror}.", hint=hint, path=where)


def open_appending(path: str | os.PathLike[str]) -> int:
    """A descriptor to append to what a person named, made where nothing is there; raises OSError."""
    place = Path(path).expanduser()
    number = descriptor_of(place)
    if number is not None:
        return duplicate(number)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    found = _status(place)
    return os.open(place, flags, 0o666) if found is None else _open_odd(place, found, flags)


def is_regular(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file is there, be it through a link: neither a pipe nor a device nor a descriptor of ours."""
    place = Path(path).expanduser()
    return descriptor_of(place) is None and place.is_file()


def _open_odd(place: Path, found: os.stat_result, flags: int) -> int:
    """Open what may be a pipe; one whose other end nobody opens within a moment is refused, and not waited for."""
    if not stat.S_ISFIFO(found.st_mode):
        return os.open(place, flags)
    until = time.monotonic() + _PATIENCE_SEC
    while True:
        try:
            descriptor = os.open(place, flags | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > until:
                raise OSError(errno.ENXIO, "it is a named pipe, and nobody reads it", place) from error
            time.sleep(_LOOK_SEC)
            continue
        os.set_blocking(descriptor, True)
        return descriptor


@contextmanager
def _written_to(descriptor: int) -> Iterator[BinaryIO]:
    with os.fdopen(descriptor, "wb") as file:
        yield file


@contextmanager
def _replaced(real: Path, found: os.stat_result | None, new_mode: int) -> Iterator[BinaryIO]:
    beside = real.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), new_mode)
    except OSError:
        # A file may be ours to write where its folder is not.
        if found is None or not os.access(real, os.W_OK):
            raise
        descriptor = os.open(real, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_BINARY", 0))
        beside = real
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if beside != real:
            _take_after(beside, found)
            beside.replace(real)
    finally:
        if beside != real:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def _take_after(beside: Path, found: os.stat_result | None) -> None:
    """Give the new file the owner and the mode of the one whose place it takes."""
    if found is None:
        return
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(beside, found.st_uid, found.st_gid)
    beside.chmod(stat.S_IMODE(found.st_mode))


def _status(place: Path) -> os.stat_result | None:
    try:
        return place.stat()
    except FileNotFoundError:
        return None
