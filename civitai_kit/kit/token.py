"""The token that the server's API wants: the one that was set, else one that is made once and kept."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from civitai_kit.core.errors import UsageError
from civitai_kit.files.errors import read_error, writing
from civitai_kit.files.opening import read_small
from civitai_kit.kit.settings import user_file

_LONGEST = 4096
_LEAST = 16


def kept_token(place: Path | None = None) -> tuple[str, bool]:
    """The kept token, and whether it was made now; it lies beside the user's settings file, readable by them alone.

    Raises UsageError for a file that others can read, or that holds none.
    """
    path = place or user_file().with_name("serve-token")
    try:
        content = read_small(path, _LONGEST)
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return _make(path), True
    except OSError as error:
        raise read_error(error, path) from error
    if os.name == "posix" and mode & 0o077:
        raise UsageError(
            f"The token in {path} can be read by others.",
            hint=f"`chmod 600 {path}`, or remove it: a new one is made then.",
            path=str(path),
        )
    token = content.decode("utf-8", "replace").strip()
    if len(token) < _LEAST or not token.isprintable() or " " in token:
        raise UsageError(f"{path} holds no token.", hint="Remove it: a new one is made then.", path=str(path))
    return token, False


def _make(path: Path) -> str:
    token = secrets.token_urlsafe(32)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{token}\n")
    return token
