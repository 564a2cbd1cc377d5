"""What the file system says while bytes come, and whether there is room for them."""

from __future__ import annotations

import shutil
from pathlib import Path

from civitai_kit.files.errors import disk_full, writing

# Around reading as around writing: whichever fails, the part cannot be gone on with.
disk_errors = writing


def check_room(folder: Path, wanted: int) -> None:
    """Raise DiskFull when `folder` has not `wanted` bytes left, before the first of them is fetched."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < wanted:
        raise disk_full(str(folder), f"{wanted:,} bytes are wanted, and {free:,} are free.")
