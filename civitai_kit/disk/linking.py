"""One file in the place of an equal one: clones or hard links, after every byte was compared."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from civitai_kit.core.errors import DiskError, NotWritable
from civitai_kit.disk.folder import clone
from civitai_kit.files.errors import read_error, writing
from civitai_kit.files.opening import open_regular
from civitai_kit.files.replacing import replace, sync_folder

_CHUNK = 2**20


def link_equal(kept: Path, other: Path) -> None:
    """Let `other` share the bytes of `kept`: as a clone where the file system makes them, else as a hard link.

    The mode and the times of a clone are those of the file that it replaces. Raises DiskError, and leaves both as they
    were, when they differ, lie on two disks, or cannot be linked.
    """
    _compare(kept, other)
    temporary = other.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with writing(other):
            _make(kept.resolve(), other, temporary)
            replace(temporary, other)
            sync_folder(other.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _make(kept: Path, other: Path, temporary: Path) -> None:
    status = other.stat()
    with kept.open("rb") as source, temporary.open("xb") as target:
        is_cloned = clone(source.fileno(), target.fileno())
    if is_cloned:
        temporary.chmod(status.st_mode & 0o7777)
        os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
        return
    temporary.unlink()
    if kept.stat().st_dev != status.st_dev:
        raise NotWritable(
            f"{other} lies on another disk than {kept}: no link leads there.",
            hint="Keep one of the two where it is used most.",
            path=str(other),
        )
    os.link(kept, temporary)


def _compare(kept: Path, other: Path) -> None:
    if other.is_symlink():
        raise DiskError(f"{other} is a link already.", path=str(other))
    try:
        with os.fdopen(open_regular(kept), "rb") as one, os.fdopen(open_regular(other), "rb") as two:
            while (left := one.read(_CHUNK)) == (right := two.read(_CHUNK)):
                if not left:
                    return
    except OSError as error:
        raise read_error(error, other) from error
    del right
    raise DiskError(f"{other} is no longer equal to {kept}.", hint="`library scan` looks at both.", path=str(other))
