"""Paths that name a descriptor of our own: `/dev/stdin`, and what a shell gives for `<(…)` and `>(…)`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

# A shell gives /dev/fd/63 for `>(…)`; to open it by name would begin a file behind it anew.
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,5})")
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_MOST_LINKS = 40


def descriptor_of(place: Path) -> int | None:
    """The descriptor of our own that a path names, be it through links of a person's; None for a path like others."""
    if os.name != "posix":
        return None
    for _ in range(_MOST_LINKS):
        text = os.path.abspath(place)  # noqa: PTH100 - links are read one by one
        if text in _STANDARD:
            return _STANDARD[text]
        if (match := _DESCRIPTOR.fullmatch(text)) is not None:
            return int(match[1])
        # Not Path.is_symlink: a name that is too long is said where it is opened.
        if not os.path.islink(place):  # noqa: PTH114
            return None
        place = place.parent / place.readlink()
    return None


def duplicate(number: int) -> int:
    """A second descriptor, behind what was written to the first already; raises OSError."""
    if number == 1 and sys.stdout is not None:
        sys.stdout.flush()
    return os.dup(number)
