"""A folder of pictures: made quick for thousands of small files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from civitai_kit.disk.folder import Folder
from civitai_kit.files.errors import writing
from civitai_kit.files.opening import open_own
from civitai_kit.files.replacing import replace, sync_folder


class PictureFolder(Folder):
    """The files under `root`; fits the ports of `images`."""

    def relative_to(self, root: Path, place: Path) -> str | None:
        """The path of a place relative to another folder with `/`, None when it lies elsewhere."""
        return Folder(root).relative(place)

    def note(self, path: str, content: bytes) -> None:
        """Write a small file beside one that is there, whole or not at all; a power cut may lose it.

        Raises DiskFull or NotWritable.
        """
        place = str(self.locate(path))
        temporary = f"{place}.tmp"
        with writing(place):
            descriptor = open_own(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                _write(descriptor, content)
                replace(temporary, place)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def sync_folders(self, folders: Iterable[Path]) -> None:
        """Make the names in folders last through a power cut, where the system can; a folder may be gone."""
        for folder in folders:
            with suppress(FileNotFoundError):
                sync_folder(folder)


def _write(descriptor: int, content: bytes) -> None:
    # There are thousands of these, and a file object makes four times as many system calls.
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)
