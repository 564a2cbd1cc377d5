"""Giving a file its name, and making names and bytes last: renames, syncs, also where the system is unwilling."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from civitai_kit.files.opening import refuse_unless_file

# Windows refuses to rename or remove what a scanner or a viewer has open, mostly for a moment.
_TRIES = 8
_FIRST_WAIT = 0.02


def rename(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Give a file another name, replacing the file that has it; raises NotOurFile where something else has it."""
    refuse_unless_file(target)
    retry_while_open(lambda: os.replace(source, target))  # noqa: PTH105 - thousands of pictures need no Path for it


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems cannot do this; the rename itself is done.
        return
    finally:
        os.close(descriptor)


def retry_while_open(act: Callable[[], object]) -> None:
    """Call `act`, again for a while where Windows refuses because another program has the file open."""
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
