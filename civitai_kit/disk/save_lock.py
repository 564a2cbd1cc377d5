"""One process writes under a save path at a time: a lock of the operating system, freed when its holder dies.

Where the file system knows no locks (some of NFS, SMB and FUSE) the file itself is the lock, made by one process only.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from civitai_kit.core.errors import CivitaiKitError, StoreLocked
from civitai_kit.disk.files import refuse_file
from civitai_kit.files.errors import write_error, writing
from civitai_kit.files.opening import open_own

NAME = ".civitai-kit.lock"

# Windows hides locked bytes from readers: lock one far behind the text that says who holds it.
_FAR = 2**30
_LONGEST = 4096
_BETWEEN_TRIES = 0.01
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class SaveLock:
    """The lock of a save path, held between `acquire` and `release`, or within `with`; one object may do so again.

    The file says who holds it, and is removed with the lock. A file that a crash left behind holds nothing: only the
    operating system's lock counts. Where there is none, `notice` says so, and such a file counts unless its process
    is known to be gone.
    """

    def __init__(self, root: Path, command: str = "civitai-kit") -> None:
        self.path = root / NAME
        self._root = root
        self._command = command
        self._descriptor: int | None = None
        self._made: list[Path] = []
        self.notice: str | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock, making the save path for it; raises StoreLocked with who holds it, or NotWritable."""
        if self._descriptor is not None:
            raise RuntimeError("the lock is held already")
        refuse_file(self._root)
        while self._descriptor is None:
            with writing(self._root):
                self._made = _make_folders(self._root) or self._made
            self._descriptor = self._try()
        _close_in_children(self)
        # A full disk does not matter: the lock holds all the same, so that `clean` can make room.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, self._who())

    def release(self) -> None:
        """Let it go; the lock file, and a save path made for it that is still empty, go too."""
        if self._descriptor is None:
            return
        if os.name == "posix" and _is_still(self._descriptor, self.path):
            # Removed while it is locked, so that nobody else has locked it meanwhile.
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None
        if os.name != "posix":
            _unlink_if_free(self.path)
        _remove_empty(self._made)

    def forget(self) -> None:
        """Close a copy that a fork made, without letting the parent's lock go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _try(self) -> int | None:
        """The descriptor of the locked file; None when the last holder removed it meanwhile, so try again."""
        try:
            descriptor, made = self._open()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise write_error(error, self.path) from error
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in _NO_LOCKS and made:
                self.notice = f"The file system of {self._root} knows no locks: {NAME} there stands for one."
                return descriptor
            os.close(descriptor)
            if error.errno in _NO_LOCKS and self._is_left_behind():
                self.path.unlink(missing_ok=True)
                return None
            raise self._refusal(error) from error
        if _is_still(descriptor, self.path):
            return descriptor
        os.close(descriptor)
        return None

    def _open(self) -> tuple[int, bool]:
        """The descriptor of the lock file, and whether it was made now, which no two processes are told."""
        try:
            return open_own(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL), True
        except FileExistsError:
            return open_own(self.path, os.O_RDWR), False

    def _is_left_behind(self) -> bool:
        """Whether the process that the file names ran on this machine and is gone."""
        holder = holder_of(self._root) or {}
        pid, is_here = holder.get("pid"), holder.get("host") == socket.gethostname()
        return is_here and isinstance(pid, int) and not _is_running(pid)

    def _refusal(self, error: OSError) -> CivitaiKitError:
        if error.errno in _HELD:
            return self._taken("Wait until it has ended, or end it; the lock goes with its process.")
        if error.errno in _NO_LOCKS:
            return self._taken(f"Wait until it has ended. If it is gone for certain, remove {self.path}.")
        return write_error(error, self.path)

    def _taken(self, hint: str) -> StoreLocked:
        holder = holder_of(self._root)
        who = (
            f"by `{holder.get('command')}` (process {holder.get('pid')} on {holder.get('host')}) since "
            f"{holder.get('since')}"
            if holder
            else "by another process"
        )
        return StoreLocked(
            f"The save path {self._root} is being written {who}",
            hint=hint,
            path=str(self._root),
        )

    def _who(self) -> bytes:
        who = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": self._command,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        return json.dumps(who).encode()


def holder_of(root: Path) -> dict[str, Any] | None:
    """What the lock file says of its holder: `pid, host, command, since`; None when it says nothing.

    It may be left by a crash: whether the lock is held, only taking it tells.
    """
    try:
        with os.fdopen(open_own(root / NAME, os.O_RDONLY), "rb", buffering=0) as file:
            content = json.loads(file.read(_LONGEST))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_running(pid: int) -> bool:
    if os.name != "posix":  # There this call would end it.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # It is another user's.
        return True
    return True


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the file locked is the one that the name leads to."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _close_in_children(lock: SaveLock) -> None:
    """A forked child shares the lock and would keep it when we are gone."""
    if hasattr(os, "register_at_fork"):
        reference = weakref.ref(lock)
        os.register_at_fork(after_in_child=lambda: _forget(reference))


def _forget(reference: weakref.ref[SaveLock]) -> None:
    lock = reference()
    if lock is not None:
        lock.forget()


def _unlink_if_free(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:  # The next holder has it open.
        return


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and what is missing above it; gives what was made, innermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


@contextmanager
def wait_for_lock(root: Path, command: str, seconds: float) -> Iterator[None]:
    """The lock of a folder for one short change, waited for while others make theirs.

    Raises StoreLocked when it was not to be had for `seconds`.
    """
    lock = SaveLock(root, command)
    give_up = time.monotonic() + seconds
    while not lock.held:
        try:
            lock.acquire()
        except StoreLocked:
            if time.monotonic() > give_up:
                raise
            time.sleep(_BETWEEN_TRIES)
    try:
        yield
    finally:
        lock.release()
