"""A folder of a person, such as the save path: its files by their relative paths, and no way out of it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from civitai_kit.core.errors import DiskFull, UsageError
from civitai_kit.core.paths.relative_paths import is_absolute
from civitai_kit.core.plans.digests import ALL, Digests, FileStamp
from civitai_kit.disk.files import (
    FoundFile,
    Listed,
    listed,
    names_in,
    refuse_file,
    remove_empty_folders,
    remove_file,
    stamp,
    walk,
    write_atomically,
)
from civitai_kit.files.errors import read_error, writing
from civitai_kit.files.names import plain_name, system_name
from civitai_kit.files.opening import read_small, refuse_unless_file
from civitai_kit.files.replacing import replace, sync_bytes, sync_folder

if TYPE_CHECKING:
    from civitai_kit.disk.hashing import Progress

_SEPARATOR = re.compile(r"[/\\]")
# At the beginning of any part: on Windows joining such a part would leave the folder.
_DRIVE = re.compile(r"(?:^|[/\\])[A-Za-z]:")
# Linux: the request to clone a file (btrfs, XFS, bcachefs).
_FICLONE = 0x40049409
_COPIED_AT_ONCE = 2**20
# The longest that is read at once: sidecars and torrents are far shorter, nearly all pictures are.
_LONGEST = 256 * 2**20


class Folder:
    """The files under `root`; every `path` is relative to it with `/`. Fits the ports' Disk.

    A path whose text would leave the root raises UsageError wherever something is put, and in every method but those
    that only look: to them an absolute path is a recorded file that lies elsewhere. Folders inside that are links are
    followed, as the root itself: who has moved a folder to another disk and linked it back has it there. Nothing is
    put or removed at or below `closed`, the database, by whatever path or link.
    """

    def __init__(self, root: Path, closed: tuple[Path, ...] = ()) -> None:
        self.root = root
        self._closed = closed

    def locate(self, path: str) -> Path:
        """The absolute path of `path` (relative, with `/`) under the root.

        Raises UsageError when its text would leave the root, by `..` or by being absolute, or is the root itself.
        """
        parts = _SEPARATOR.split(path)
        if "\0" in path or not parts[0] or ".." in parts or _DRIVE.search(path) or set(parts) <= {"", "."}:
            raise _outside(path)
        return self.root.joinpath(*system_name(path).split("/"))

    def place_of(self, path: str) -> Path:
        """Where a recorded file lies: one outside the root has an absolute path. It is for looking and reading only."""
        return Path(system_name(path)) if is_absolute(path) and "\0" not in path else self.locate(path)

    def place_for(self, path: str) -> Path:
        """The same for a file that is to be put there; raises NotWritable where a link or the like has its name."""
        place = self._open_to_us(path)
        with writing(place):
            refuse_unless_file(place)
        return place

    def _open_to_us(self, path: str) -> Path:
        """As `locate`; raises UsageError for a place in the database."""
        place = self.locate(path)
        if self._closed and _lies_in(place, self._closed):
            raise UsageError(f"{path!r} lies in the database", hint="Give it another path.", path=path)
        return place

    def relative(self, place: Path) -> str | None:
        """The path of a place under the root, None when it lies elsewhere; links are not followed."""
        try:
            below = Path(os.path.abspath(place)).relative_to(os.path.abspath(self.root))  # noqa: PTH100
        except ValueError:
            return None
        return plain_name(below.as_posix())

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""
        found = self.stamp(path)
        return None if found is None else found.size

    def watch(self, path: str) -> Callable[[], int | None]:
        """Tells, each time, when a file or folder there was last changed, in nanoseconds; None where there is none."""
        try:
            place = os.fspath(self.locate(path) if path else self.root)
        except UsageError:
            return lambda: None
        return lambda: _changed_at(place)

    def size_at(self, place: Path) -> int | None:
        """Length in bytes of a regular file anywhere, None where there is none."""
        found = stamp(place)
        return None if found is None else found.size

    def stamp(self, path: str) -> FileStamp | None:
        """What changes when the file there is changed or replaced, None where there is none."""
        return stamp(self.place_of(path))

    def free(self) -> int | None:
        """Bytes free for us on the save path's file system (of its nearest existing parent), None if unknown."""
        absolute = self.root.absolute()
        for folder in (absolute, *absolute.parents):
            try:
                return shutil.disk_usage(folder).free
            except FileNotFoundError:
                continue
            except OSError:
                return None
        return None

    def digests(
        self,
        path: str,
        names: frozenset[str] = ALL,
        *,
        stop: Event | None = None,
        progress: Progress | None = None,
    ) -> Digests:
        """The digests in `names` of a file there, in one pass; `progress` is told bytes as they are read.

        Raises DiskError when it cannot be read, Interrupted when `stop` is set.
        """
        from civitai_kit.disk.hashing import digest_file

        return digest_file(self.place_of(path), names, stop=stop, progress=progress)

    def read(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none; raises DiskError when it cannot be read."""
        place = self.place_of(path)
        try:
            return read_small(place, _LONGEST)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise read_error(error, place) from error

    def write(self, path: str, content: bytes, *, lasting: bool = True) -> None:
        """Write a small file atomically, making folders; raises DiskFull or NotWritable.

        Without `lasting` a power cut may leave an empty file.
        """
        write_atomically(self.locate(path), content, lasting=lasting)

    def link(self, source: Path, path: str) -> None:
        """Give a file a second name (a hard link) at `path`, in the place of what is there; a copy where that fails.

        Raises DiskFull or NotWritable.
        """
        self._put(_share, source, path)

    def copy(self, source: Path, path: str) -> None:
        """The same with bytes of its own, which the file system may keep once until either is changed."""
        self._put(_copy, source, path)

    def _put(self, make: Callable[[Path, Path], None], source: Path, path: str) -> None:
        target = self.locate(path)
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with writing(target):
                make(source, temporary)
                replace(temporary, target)
                sync_folder(target.parent)
        finally:
            # When both are names of the same file, renaming one over the other leaves both.
            temporary.unlink(missing_ok=True)

    def link_folder(self, folder: str, path: str) -> bool:
        """Make `path` a link to a folder under the root, unless something lies there; says whether it leads there.

        A link that leads nowhere is made anew.
        """
        parent, _, name = path.rpartition("/")
        try:
            source, place = self.locate(folder), self.locate(parent) / name
            if place.is_symlink() and not place.exists():
                place.unlink()
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                # The parts of either may be links: only their real places are related.
                place.symlink_to(os.path.relpath(source.resolve(), place.parent.resolve()), target_is_directory=True)
            return place.samefile(source)
        except (OSError, NotImplementedError, UsageError):
            return False

    def remove(self, path: str) -> bool:
        """Remove a file; says whether it was there. Raises NotWritable."""
        return remove_file(self._open_to_us(path))

    def remove_empty_parents(self, path: str) -> tuple[str, ...]:
        """Remove the folders above `path` that are empty, never the root; gives them, innermost first."""
        folders = remove_empty_folders(self.locate(path).parent, self.root)
        return tuple(plain_name(folder.relative_to(self.root).as_posix()) for folder in folders)

    def listed(self, path: str | None = None) -> tuple[Listed, ...]:
        """What stands in the root, or in one folder of it, by rising name; none where it cannot be looked into."""
        return listed(self.root if path is None else self.locate(path))

    def walk(self, path: str | None = None) -> Iterator[FoundFile]:
        """All regular files under the root, or under one folder of it; links are not followed."""
        return walk(self.root if path is None else self.locate(path))

    def folders(self) -> list[str]:
        """The names of the folders directly in it, in order; none where it cannot be looked into."""
        return names_in(self.root, folders=True)

    def names(self, folder: str) -> list[str]:
        """The names of the regular files directly in one of them, in order."""
        return names_in(self.locate(folder), folders=False)

    def check_writable(self) -> None:
        """Make the folder where it is missing and prove that it may be written; raises NotWritable.

        A full disk is none of its business: what makes room must run all the same, and what needs some says so.
        """
        refuse_file(self.root, "folder", "")
        probe = self.root / f".{secrets.token_hex(8)}.tmp"
        with suppress(DiskFull), writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                probe.touch(exist_ok=False)
            finally:
                probe.unlink(missing_ok=True)

    def check_could_be_written(self) -> None:
        """The same without making it: where it is missing, its nearest existing parent has to be writable."""
        place = self.root.absolute()
        there = next(folder for folder in (place, *place.parents) if os.path.lexists(folder))
        Folder(there).check_writable()


def _changed_at(place: str) -> int | None:
    try:
        return os.stat(place).st_mtime_ns  # noqa: PTH116 — asked again and again, where making a Path costs more
    except (OSError, ValueError):
        return None


def _lies_in(place: Path, others: tuple[Path, ...]) -> bool:
    """Whether a place is one of others or lies in it, whatever links and spellings lead there."""
    wanted = [found for found in map(_status, others) if found is not None]
    real = place.parent.resolve()
    above = map(_status, (real / place.name, real, *real.parents)) if wanted else ()
    return any(os.path.samestat(found, other) for found in above if found is not None for other in wanted)


def _status(place: Path) -> os.stat_result | None:
    try:
        return place.stat()
    except (OSError, ValueError):
        return None


def _share(source: Path, target: Path) -> None:
    try:
        # A link would get a second name itself, and not the file that it leads to.
        os.link(source.resolve(), target)
    except (OSError, NotImplementedError):
        # Another disk, a file system without links, or one that allows no more of them.
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as from_file, target.open("xb") as to_file:
        if not clone(from_file.fileno(), to_file.fileno()):
            shutil.copyfileobj(from_file, to_file, _COPIED_AT_ONCE)
        to_file.flush()
        sync_bytes(to_file.fileno())


def clone(source: int, target: int) -> bool:
    """Let an open file share the bytes of another until either is changed; says whether the file system can."""
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


def _outside(path: str) -> UsageError:
    return UsageError(
        f"{path!r} does not stay inside the save path",
        hint="Paths are relative to it, with `/`.",
        path=path,
    )
