"""Model files below the paths that a person names: links followed once, what cannot be looked at told."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from io import BufferedReader, FileIO
from pathlib import Path

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.library.model_file import FoundModel, NotSeen, Whereabouts, is_model_file
from civitai_kit.core.plans.digests import FileStamp
from civitai_kit.core.plans.safetensors import read_header
from civitai_kit.files.errors import read_error
from civitai_kit.files.opening import open_regular

_Place = tuple[int, int]


def find_models(roots: Iterable[Path], closed: Collection[Path] = ()) -> Iterator[FoundModel | NotSeen]:
    """The model files at and below `roots` (absolute), each file once, those reached by a link after all others.

    Folders that are links are followed, each folder once, so that a ring of links ends. Nothing at or below `closed`
    is looked at. A root that is a file is given whatever its name.
    """
    walk = _Walk(closed)
    for root in roots:
        yield from walk.root(root)
    yield from walk.linked()


class _Walk:
    """One walk: the folders and files that it has met."""

    def __init__(self, closed: Collection[Path]) -> None:
        self._folders = {place for path in closed if (place := _place_of(path)) is not None}
        self._files: set[_Place] = set()
        # The files that were named themselves, by the folders that they lie in.
        self._named: dict[_Place, set[str]] = {}
        self._links: list[tuple[Path, Path]] = []
        self._root = Path()

    def root(self, path: Path) -> Iterator[FoundModel | NotSeen]:
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            yield NotSeen(path, _told(error, path))
            return
        if stat.S_ISDIR(status.st_mode):
            self._root = path
            yield from self._below(path, status)
        elif stat.S_ISREG(status.st_mode):
            self._root = path.parent
            yield from self._named_file(path, status)
        else:
            yield NotSeen(path, _told(OSError("it is neither a file nor a folder"), path))

    def linked(self) -> Iterator[FoundModel | NotSeen]:
        """The files behind links that nothing else led to."""
        for path, root in self._links:
            self._root = root
            try:
                status = path.stat()
            except (OSError, ValueError) as error:
                yield NotSeen(path, _told(error, path))
                continue
            if stat.S_ISREG(status.st_mode):
                yield from self._file(path, status)

    def _named_file(self, path: Path, status: os.stat_result) -> Iterator[FoundModel]:
        """A file that a person named, unless it was met before under this name."""
        folder = _place_of(path.parent)
        named: set[str] = set() if folder is None else self._named.setdefault(folder, set())
        is_met = folder in self._folders and (status.st_dev, status.st_ino) in self._files
        if not is_met and path.name not in named:
            yield from self._file(path, status)
        named.add(path.name)

    def _file(self, path: Path, status: os.stat_result) -> Iterator[FoundModel]:
        place = (status.st_dev, status.st_ino)
        if place not in self._files or not path.is_symlink():
            self._files.add(place)
            yield FoundModel(path, FileStamp(*place, status.st_size, status.st_mtime_ns), self._root)

    def _below(self, folder: Path, status: os.stat_result) -> Iterator[FoundModel | NotSeen]:
        """A stack instead of recursion: trees may be deeper than Python's."""
        waiting = [(folder, status)]
        while waiting:
            folder, status = waiting.pop()
            if (status.st_dev, status.st_ino) in self._folders:
                continue
            self._folders.add((status.st_dev, status.st_ino))
            named = self._named.get((status.st_dev, status.st_ino), set())
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                yield NotSeen(folder, _told(error, folder))
                continue
            inner: list[tuple[Path, os.stat_result]] = []
            for entry in entries:
                if entry.name not in named:
                    yield from self._entry(entry, inner)
            waiting += reversed(inner)

    def _entry(
        self, entry: os.DirEntry[str], inner: list[tuple[Path, os.stat_result]]
    ) -> Iterator[FoundModel | NotSeen]:
        path = Path(entry.path)
        try:
            if entry.is_dir():
                inner.append((path, entry.stat()))
            elif not is_model_file(entry.name):
                return
            elif entry.is_symlink():
                self._links.append((path, self._root))
            elif entry.is_file():
                yield from self._file(path, entry.stat())
        except OSError as error:
            yield NotSeen(path, _told(error, path))


def _place_of(path: Path) -> _Place | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _told(error: OSError | ValueError, path: Path) -> CivitaiKitError:
    return read_error(error if isinstance(error, OSError) else OSError(str(error)), path)


def header_of(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file's header, empty where there is none; never more than the header is read.

    Raises DiskError when the file cannot be read, BadHeader when it begins otherwise.
    """
    if not path.name.lower().endswith((".safetensors", ".sft")):
        return {}
    try:
        with FileIO(open_regular(path)) as file:
            return read_header(BufferedReader(file), os.fstat(file.fileno()).st_size).metadata
    except OSError as error:
        raise read_error(error, path) from error


def whereabouts(path: Path, root: Path | None) -> Whereabouts:
    """Whether a file is still there; where the place that was scanned is missing or empty, its drive may be offline."""
    try:
        if path.is_file():
            return Whereabouts.HERE
        if root is not None and next(root.iterdir(), None) is not None:
            return Whereabouts.GONE
    except OSError:
        pass
    return Whereabouts.UNREACHABLE
