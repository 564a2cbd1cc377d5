"""Paths that people may have edited: relative, with `/`, inside their root, or refused."""

from __future__ import annotations

import re
import unicodedata

from civitai_kit.core.errors import UsageError
from civitai_kit.core.overlong import cut_in_the_middle
from civitai_kit.core.paths.safe_names import LONGEST_COMPONENT, LONGEST_NAME, is_reserved
from civitai_kit.core.url_keys import without_keys

# Beyond these no tree of models goes; systems differ in where they give up, and some do so in odd ways.
MOST_PARTS = 64
MOST_BYTES = 1024

_HINT = "A path in a plan is relative to the save path, with `/` between its parts."


def checked_relative(path: str) -> str:
    """The path as it came, when it is relative, uses `/` and cannot leave its root on any system.

    Raises UsageError for an absolute path (also `C:\\`, `\\\\server`, `~`), `..`, empty parts, control
    characters, backslashes, colons, and names that Windows reads otherwise (devices, a dot or blank at the end).
    """
    problem = _problem(path)
    if problem is not None:
        raise UsageError(f"The path {path!r} {problem}.", hint=_HINT, path=path)
    return path


def refuse_unplaceable(path: str) -> None:
    """Raise UsageError for a relative path that some file system would not take: too deep, or too long."""
    problem = None
    if path.count("/") >= MOST_PARTS:
        problem = f"has more than {MOST_PARTS} parts"
    elif len(path.encode("utf-8", "replace")) > MOST_BYTES:
        problem = f"has more than {MOST_BYTES} bytes"
    elif len(path.rpartition("/")[2].encode("utf-8", "replace")) > LONGEST_COMPONENT:
        problem = f"has a file name of more than {LONGEST_COMPONENT} bytes"
    if problem is not None:
        whole = without_keys(path)
        shown = cut_in_the_middle(whole, 100)
        raise UsageError(f"The path {shown!r} {problem}.", hint="Give the item a shorter path in the plan.", path=path)


def is_absolute(path: str) -> bool:
    """Whether a path names its place by itself, on this system or another: a recorded file outside the save path."""
    return path.startswith("/") or re.match(r"[A-Za-z]:[/\\\\]", path) is not None


def path_key(path: str) -> str:
    """Equal for two paths that a file system which folds case and NFC/NFD would take for one."""
    decomposed = unicodedata.normalize("NFD", path)
    folded = unicodedata.normalize("NFD", decomposed.upper().casefold())
    return unicodedata.normalize("NFC", folded.casefold())


def _problem(path: str) -> str | None:
    if not path:
        return "is empty"
    if path.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", path):
        return "is absolute"
    if "\\" in path:
        return "has a backslash"
    # Looking at every character takes long for the hundred thousand paths of an import.
    plain = path.isascii() and path.isprintable()
    if not plain and any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return "has a control character"
    return next((problem for part in path.split("/") if (problem := _problem_of_part(part))), None)


def _problem_of_part(part: str) -> str | None:
    if not part:
        return "has an empty part"
    if part == "..":
        return "leaves its folder with `..`"
    if part.endswith((".", " ")):
        return "has a part that ends with a dot or a blank"
    if ":" in part:
        return "has a colon"
    if is_reserved(part):
        return f"has a part that Windows keeps for a device ({part})"
    if len(part.encode()) > LONGEST_NAME:
        return f"has a part of more than {LONGEST_NAME} bytes"
    return None
