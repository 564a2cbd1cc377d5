"""Small files written whole or not at all, and removed with the folders they leave empty."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from civitai_kit.disk.errors import writing

# Windows refuses to rename or remove what a scanner or a viewer has open, mostly for a moment.
_TRIES = 8
_FIRST_WAIT = 0.02


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`, making folders; after a crash there is the old file or the new one.

    Raises DiskFull or NotWritable.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    # Not made of the name, which may be as long as names can be.
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with writing(path):
            _write_synced(temporary, content)
            insist(lambda: temporary.replace(path))
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems cannot; the rename itself is done.
        return
    finally:
        os.close(descriptor)


def remove_file(path: Path) -> bool:
    """Remove a file; says whether it was there. Raises NotWritable."""
    with writing(path):
        try:
            insist(path.unlink)
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


def insist(act: Callable[[], object]) -> None:
    """Do it again for a while when the system says that somebody has the file open (Windows)."""
    wait = _FIRST_WAIT
    for _ in range(_TRIES - 1):
        try:
            act()
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(wait)
            wait *= 2
        else:
            return
    act()


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
