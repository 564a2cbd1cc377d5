"""What lies in a folder tree: regular files with their sizes and times."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from civitai_kit.core.plans.digests import FileStamp


class Found(NamedTuple):
    """A regular file; `size` in bytes, `mtime_ns` its modification time in nanoseconds."""

    path: Path
    size: int
    mtime_ns: int


def walk(folder: Path) -> Iterator[Found]:
    """All regular files under a folder by rising name, folders after the files beside them.

    Links are neither followed nor given; what cannot be looked into, or is gone meanwhile, is passed over.
    """
    folders: list[os.DirEntry[str]] = []
    for entry in _listing(folder):
        try:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry)
            elif entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                yield Found(Path(entry.path), status.st_size, status.st_mtime_ns)
        except OSError:
            continue
    for entry in folders:
        yield from walk(Path(entry.path))


def stamp(path: Path) -> FileStamp | None:
    """By what a regular file is known to be untouched; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _listing(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
