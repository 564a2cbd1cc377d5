"""What is planted where a file is to lie, and the ground that it is planted in."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from torture.place import Place
from torture.site import Site

VICTIM = b"what the user holds dear"
GIANT = 4 * 1024**3
# One after another, so that it is known which of them meets what was planted.
GET = ("download", "1", "2", "--yes", "-c", "1")


def two_models(place: Place) -> Site:
    site = place.closing.enter_context(Site())
    site.add(1)
    site.add(2)
    site.add_picture(1001, meta=None)
    place.at(site.url, "--retries", "1")
    return site


def _link(at: Path, place: Place) -> None:
    at.symlink_to(victim(place))


def dangling(at: Path, place: Place) -> None:
    at.symlink_to(place.outside / "not there")


def _loop(at: Path, place: Place) -> None:
    at.symlink_to(at.name)


def _hard_link(at: Path, place: Place) -> None:
    os.link(victim(place), at)


def _fifo(at: Path, place: Place) -> None:
    os.mkfifo(at)


def _device(at: Path, place: Place) -> None:
    """A device of the machine's own where we may make one, a link to it elsewhere."""
    try:
        os.mknod(at, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        at.symlink_to("/dev/zero")


def sparse(at: Path, place: Place) -> None:
    with at.open("wb") as file:
        file.truncate(GIANT)


def folder(at: Path, place: Place) -> None:
    at.mkdir()
    (at / "kept").write_bytes(VICTIM)


Plant = Callable[[Path, Place], None]
PLANTS: dict[str, Plant] = {
    "a link": _link,
    "a link to nothing": dangling,
    "a link to itself": _loop,
    "a hard link": _hard_link,
    "a FIFO": _fifo,
    "a device": _device,
    "a sparse file of 4 GiB": sparse,
    "a folder": folder,
}


def victim(place: Place) -> Path:
    path = place.outside / "victim"
    if not path.exists():
        path.write_bytes(VICTIM)
        path.chmod(0o640)
    return path
