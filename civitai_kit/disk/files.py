"""Files by themselves: found and looked at, written whole or not at all, removed with the folders they leave empty."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from civitai_kit.core.errors import NotWritable
from civitai_kit.core.plans.digests import FileStamp
from civitai_kit.files.errors import writing
from civitai_kit.files.replacing import replace, retry_while_open, sync_bytes, sync_folder


class FoundFile(NamedTuple):
    """A regular file that a walk met; `size` in bytes."""

    path: Path
    size: int


class Listed(NamedTuple):
    """What stands in a folder under a `name`; `size` in bytes and `mtime_ns` in nanoseconds, 0 for a folder."""

    name: str
    is_folder: bool
    size: int = 0
    mtime_ns: int = 0


def listed(folder: Path) -> tuple[Listed, ...]:
    """The files and folders in a folder by rising name, links followed; none where it cannot be looked into."""
    return tuple(found for entry in _listing(folder) if (found := _listed(entry)) is not None)


def walk(folder: Path) -> Iterator[FoundFile]:
    """All regular files under a folder by rising name, folders after the files beside them.

    Links are neither followed nor given; what cannot be looked into, or is gone meanwhile, is passed over.
    """
    folders: list[os.DirEntry[str]] = []
    for entry in _listing(folder):
        try:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry)
            elif entry.is_file(follow_symlinks=False):
                yield FoundFile(Path(entry.path), entry.stat(follow_symlinks=False).st_size)
        except OSError:
            continue
    for entry in folders:
        yield from walk(Path(entry.path))


def names_in(folder: Path, *, folders: bool) -> list[str]:
    """The names of the folders, or of the regular files, directly in a folder, in order; links are followed."""
    found = []
    for entry in _listing(folder):
        with suppress(OSError):
            if entry.is_dir() if folders else entry.is_file():
                found.append(entry.name)
    return found


def stamp(path: Path) -> FileStamp | None:
    """What changes when a regular file is changed or replaced; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def write_atomically(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Put `content` at `path`, making folders; after a crash there is the old file or the new one.

    Without `lasting` a power cut may leave an empty file: for what can be made again, by the thousand, in a tenth of
    the time. Raises DiskFull or NotWritable; a link of this name is not replaced.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: that of the file may be as long as names can be.
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with writing(path):
            _write_new(temporary, content, lasting=lasting)
            replace(temporary, path)
            if lasting:
                sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_file(path: Path) -> bool:
    """Remove a file; says whether it was there. Raises NotWritable."""
    with writing(path):
        try:
            retry_while_open(path.unlink)
        except FileNotFoundError:
            return False
    return True


def remove_empty_folders(folder: Path, root: Path) -> list[Path]:
    """Remove `folder` and those above it while they are empty; `root` itself stays. Gives those removed."""
    removed: list[Path] = []
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            break
        else:
            removed.append(folder)
        folder = folder.parent
    return removed


def refuse_file(root: Path, what: str = "save path", option: str = " with --save-path") -> None:
    """Raise NotWritable where a folder that settings name is a file."""
    if root.exists() and not root.is_dir():
        raise NotWritable(f"The {what} {root} is a file.", hint=f"Choose a folder{option}.", path=str(root))


def _listing(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _listed(entry: os.DirEntry[str]) -> Listed | None:
    try:
        if entry.is_dir():
            return Listed(entry.name, True)
        status = entry.stat()
    except OSError:
        return None
    return Listed(entry.name, False, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _write_new(path: Path, content: bytes, *, lasting: bool) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        if lasting:
            sync_bytes(file.fileno())
