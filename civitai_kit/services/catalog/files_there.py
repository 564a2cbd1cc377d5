"""Which of the files that a catalog names are there: each folder is listed once, however many entries it has."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Protocol

from civitai_kit.core.catalog.document import Entry, place_in
from civitai_kit.core.errors import CivitaiKitError, Code
from civitai_kit.services.ports import TreeEntry


class ModelsFolder(Protocol):
    """The folder in which model files are looked for; a path that would leave it raises UsageError."""

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""

    def listed(self, path: str | None = None) -> Iterable[TreeEntry]:
        """What stands in it, or in one folder of it; nothing where that cannot be looked into."""


class FilesThere:
    """The files in the models' folder, as they stood when their folder was first asked for."""

    def __init__(self, models: ModelsFolder) -> None:
        self._models = models
        self._folders: dict[str, dict[str, TreeEntry]] = {}

    def size_of(self, entry: Entry) -> int | None:
        """The size of an entry's file; None where it is not there, or named outside the folder."""
        path = place_in(entry)
        if not path:
            return None
        folder, _, name = path.rpartition("/")
        found = self._in(folder).get(_same(name))
        if found is None or found.name == name:
            return None if found is None else found.size
        # Whether another spelling is the same file, the file system knows.
        return self._models.size(path)

    def changed_since(self, mtime_ns: int, most: int) -> dict[str, int]:
        """When the files changed that did so after a moment, in nanoseconds by path; only so many, the latest."""
        found = {
            f"{folder}/{file.name}" if folder else file.name: file.mtime_ns
            for folder, files in self._folders.items()
            for file in files.values()
            if file.mtime_ns > mtime_ns
        }
        return dict(sorted(found.items(), key=lambda pair: pair[1])[-most:])

    def _in(self, folder: str) -> dict[str, TreeEntry]:
        if folder not in self._folders:
            self._folders[folder] = {_same(each.name): each for each in self._listed(folder) if not each.is_folder}
        return self._folders[folder]

    def _listed(self, folder: str) -> Iterable[TreeEntry]:
        try:
            return self._models.listed(folder or None)
        except CivitaiKitError as error:
            if error.code is Code.USAGE:
                return ()
            raise


def folder_of(entry: Entry) -> str:
    """The folder in which an entry's file belongs, relative to the models' folder; empty for that one itself."""
    return place_in(entry).rpartition("/")[0]


def _same(name: str) -> str:
    """What two names have in common that are one on some file systems."""
    return name if name.isascii() and name.islower() else unicodedata.normalize("NFC", name).casefold()
