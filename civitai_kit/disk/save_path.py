"""The save path: every file of ours by its relative path, and no way out."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from civitai_kit.core.errors import NotWritable
from civitai_kit.core.plans.digests import ALL, Digests, FileStamp
from civitai_kit.disk.errors import read_error, writing
from civitai_kit.disk.locating import locate, relative
from civitai_kit.disk.walking import Found, stamp, walk
from civitai_kit.disk.writing import insist, remove_empty_folders, remove_file, sync_folder, write_atomically

if TYPE_CHECKING:
    from civitai_kit.disk.hashing import Progress


class Disk:
    """The files under `root`; every `path` is relative to it with `/`. Fits the ports' Disk.

    A path that would leave the root, also through a link inside it, raises UsageError in every method.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def locate(self, path: str) -> Path:
        """The absolute path; raises UsageError when it would leave the save path, also through a link."""
        return locate(self.root, path)

    def relative(self, place: Path) -> str | None:
        """The path of a place under the root, None when it lies elsewhere."""
        return relative(self.root, place)

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""
        found = self.stamp(path)
        return None if found is None else found.size

    def size_at(self, place: Path) -> int | None:
        """Length in bytes of a regular file anywhere, None where there is none."""
        found = stamp(place)
        return None if found is None else found.size

    def stamp(self, path: str) -> FileStamp | None:
        """By what the file there is known to be untouched, None where there is none."""
        return stamp(self.locate(path))

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

        return digest_file(self.locate(path), names, stop=stop, progress=progress)

    def read(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none; raises DiskError when it cannot be read."""
        place = self.locate(path)
        try:
            return place.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise read_error(error, place) from error

    def write(self, path: str, content: bytes) -> None:
        """Write a small file atomically, making folders; raises DiskFull or NotWritable."""
        write_atomically(self.locate(path), content)

    def link(self, source: Path, path: str) -> None:
        """Give a file a second name at `path`, in the place of what is there; a copy where links fail.

        Raises DiskFull or NotWritable.
        """
        target = self.locate(path)
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with writing(target):
                _share(source, temporary)
                insist(lambda: temporary.replace(target))
                sync_folder(target.parent)
        finally:
            # Renaming one name of a file over another of the same file leaves both.
            temporary.unlink(missing_ok=True)

    def remove(self, path: str) -> bool:
        """Remove a file; says whether it was there. Raises NotWritable."""
        return remove_file(self.locate(path))

    def remove_empty_parents(self, path: str) -> tuple[str, ...]:
        """Remove the folders above `path` that are empty, never the root; gives them, innermost first."""
        folders = remove_empty_folders(self.locate(path).parent, self.root)
        return tuple(folder.relative_to(self.root).as_posix() for folder in folders)

    def walk(self, path: str | None = None) -> Iterator[Found]:
        """All regular files under the root, or under one folder of it; links are not followed."""
        return walk(self.root if path is None else self.locate(path))

    def check_writable(self) -> None:
        """Make the save path where it is missing and prove that it can be written; raises NotWritable or DiskFull."""
        if self.root.exists() and not self.root.is_dir():
            raise NotWritable(
                f"The save path {self.root} is a file",
                hint="Choose a folder with --save-path.",
                path=str(self.root),
            )
        probe = self.root / f".{secrets.token_hex(8)}.tmp"
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                probe.write_bytes(b"\0")
            finally:
                probe.unlink(missing_ok=True)


def _share(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except (OSError, NotImplementedError):
        # Another disk, a file system without links, or as many links as it takes.
        shutil.copyfile(source, target)
        descriptor = os.open(target, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
