"""Names of files in UTF-8, also where the locale says otherwise: what is there reads the same under every locale.

Python holds a name as the locale's text. Under `LC_ALL=C` without UTF-8 mode that is ASCII, in which no other letter
can be said; bytes that it does not know are surrogates then.
"""

from __future__ import annotations

import os
import sys


def system_name(text: str) -> str:
    """A path of ours, or a part of one, as Python must hold it for its bytes to be UTF-8."""
    if text.isascii() or _speaks_utf8():
        return text
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def plain_name(path: str) -> str:
    """The same backwards: a path that the system gave, as the text that its bytes are in UTF-8."""
    if path.isascii() or _speaks_utf8():
        return path
    try:
        return os.fsencode(path).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # It is no name that the system gave.
        return path


def sayable_name(path: str) -> str:
    """A path from settings: as it came from a command line, as `system_name` where the locale cannot say it."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return system_name(path)
    return path


def _speaks_utf8() -> bool:
    return sys.getfilesystemencoding().lower() == "utf-8"
