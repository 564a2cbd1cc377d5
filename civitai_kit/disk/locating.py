"""From a relative path to a place under a root, never outside it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from civitai_kit.core.errors import UsageError

_DRIVE = re.compile(r"[A-Za-z]:")


def locate(root: Path, path: str) -> Path:
    """The absolute path of `path` (relative, with `/`) under `root`.

    Raises UsageError when it would leave the root: by `..`, by being absolute, or through a link inside the root that
    leads out of it. The root itself may be a link.
    """
    parts = re.split(r"[/\\]", path)
    if not path or "\0" in path or not parts[0] or _DRIVE.match(path) or ".." in parts:
        raise _outside(path)
    place = root.joinpath(*path.split("/"))
    if not _is_within(os.path.realpath(place), os.path.realpath(root)):
        raise _outside(path)
    return place


def relative(root: Path, place: Path) -> str | None:
    """The path of `place` relative to `root` with `/`, None when it lies elsewhere; links are not followed."""
    try:
        return Path(os.path.abspath(place)).relative_to(os.path.abspath(root)).as_posix()  # noqa: PTH100
    except ValueError:
        return None


def _is_within(place: str, root: str) -> bool:
    try:
        return os.path.commonpath([place, root]) == root and place != root
    except ValueError:  # Two drives.
        return False


def _outside(path: str) -> UsageError:
    return UsageError(
        f"{path!r} does not stay inside the save path",
        hint="Paths are relative, with `/`; a link that leads elsewhere is not followed.",
        path=path,
    )
