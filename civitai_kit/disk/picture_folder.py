"""A folder of pictures: made quick for thousands of small files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from civitai_kit.disk.errors import writing
from civitai_kit.disk.files import retry_while_open, sync_folder
from civitai_kit.disk.folder import Folder

# Characters that make more than one part of a name.
_APART = frozenset("/\\\0:")


class PictureFolder(Folder):
    """The files under `root`; fits the ports of `images`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._inside: set[str] = set()
        self._top = os.path.join(self.root, "")  # noqa: PTH118 - a prefix for texts

    def relative_to(self, root: Path, place: Path) -> str | None:
        """The path of a place relative to another folder with `/`, None when it lies elsewhere."""
        return Folder(root).relative(place)

    def locate(self, path: str) -> Path:
        """The absolute path; raises UsageError when it would leave the root. A folder is looked at once."""
        folder, slash, name = path.rpartition("/")
        if slash and self._is_inside(folder, name):
            return self.root.joinpath(*path.split("/"))
        place = super().locate(path)
        if slash and place.parent.is_dir():
            self._inside.add(folder)
        return place

    def note(self, path: str, content: bytes) -> None:
        """Write a small file beside one that is there, whole or not at all; a power cut may lose it.

        Raises DiskFull or NotWritable.
        """
        folder, _, name = path.rpartition("/")
        # There are thousands of these, and taking paths apart costs more than writing the file.
        place = f"{self._top}{path}" if self._is_inside(folder, name) else str(self.locate(path))
        temporary = f"{place}.tmp"
        with writing(place):
            try:
                _write(temporary, content)
                retry_while_open(lambda: os.replace(temporary, place))  # noqa: PTH105
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def _is_inside(self, folder: str, name: str) -> bool:
        """Whether the folder was looked at before and the name is no more than a name."""
        return folder in self._inside and name not in ("", ".", "..") and not set(name) & _APART

    def sync_folders(self, folders: Iterable[Path]) -> None:
        """Make the names in folders last through a power cut, where the system can; a folder may be gone."""
        for folder in folders:
            with suppress(FileNotFoundError):
                sync_folder(folder)


def _write(place: str, content: bytes) -> None:
    # There are thousands of these, and a file object makes four times as many system calls.
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)
