"""What the library works with, and what it needs from store and disk beyond the ports that all services share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Protocol

from civitai_kit.core.library.model_file import FoundModel, LibraryFile, NotSeen, Whereabouts
from civitai_kit.core.plans.digests import Digests, FileStamp
from civitai_kit.core.retry import RetryRules
from civitai_kit.services.pictures import SharingFolder
from civitai_kit.services.ports import FileFetcher, JobPool, SavePath, Site
from civitai_kit.services.program_sidecars import Beside
from civitai_kit.services.upkeep.ports import Grounds, Records


class LibraryStore(Records, Protocol):
    """The store with the files of the libraries; their rows are apart from the entries that they were adopted into."""

    def library_file(self, key: str) -> LibraryFile | None:
        """The file under `<output>\\n<path>`, or None."""

    def put_library_files(self, files: Iterable[LibraryFile], gone: Iterable[str] = ()) -> None:
        """Write files, replacing the old, and forget those under the keys `gone`, in one transaction."""

    def remember_many_digests(self, found: Iterable[tuple[FileStamp, Digests]]) -> None:
        """Keep the digests of many files in one transaction."""

    def delete_library_files(self, keys: Iterable[str]) -> int:
        """Forget files in one transaction; gives how many were there."""

    def library_files(self) -> Iterator[LibraryFile]:
        """The files of all libraries by rising key, in constant memory."""


class HashFile(Protocol):
    """Reads a file anywhere, once."""

    def __call__(self, path: Path, *, stop: Event, progress: Callable[[int], None]) -> Digests:
        """All its digests; `progress` is told bytes as they are read. Raises DiskError or Interrupted."""


class RecordedFiles(Grounds, Protocol):
    """The save path, with the paths of places in it."""

    def relative(self, place: Path) -> str | None:
        """The path of a place under the root, None when it lies elsewhere; links are not followed."""


class FoundInTree(Protocol):
    """A file that a walk met; `size` in bytes."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def size(self) -> int:
        """Its length in bytes."""


class LibraryFolder(SavePath, SharingFolder, Protocol):
    """The library's own folder: the data manager's tree."""

    def walk(self, path: str | None = None) -> Iterable[FoundInTree]:
        """All regular files in it, or under one folder of it."""

    def relative(self, place: Path) -> str | None:
        """The path of a place in it, None when it lies elsewhere."""

    def remove_empty_parents(self, path: str) -> tuple[str, ...]:
        """Remove the folders above `path` that are empty, never its root."""

    def check_writable(self) -> None:
        """Make it where it is missing; raises NotWritable where nothing can be written into it."""


class ReadFolder(Protocol):
    """A folder that is only read."""

    root: Path

    def folders(self) -> list[str]:
        """The names of the folders in it."""

    def names(self, folder: str) -> list[str]:
        """The names of the files in one of them."""

    def read(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none; raises DiskError when it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryParts:
    """What the library works with: `disk` is the save path, `tree` the library's folder at `output` (absolute).

    `fetcher` is asked for where the network is needed, so that what only looks at the disk does not load it.
    """

    site: Callable[[], Site]
    site_url: str
    store: LibraryStore
    disk: RecordedFiles
    tree: LibraryFolder
    output: Path
    fetcher: Callable[[], FileFetcher]
    retries: Callable[[], RetryRules]
    hash_file: HashFile
    stamp: Callable[[Path], FileStamp | None]
    find_models: Callable[[Iterable[Path]], Iterator[FoundModel | NotSeen]]
    read_header: Callable[[Path], Mapping[str, str]]
    link_equal: Callable[[Path, Path], None]
    beside: Beside
    look: Callable[[Path, Path | None], Whereabouts]
    pool: JobPool
    now: Callable[[], datetime]
    stop: Event

    def relative(self, path: str) -> str | None:
        """An absolute path as one under the save path; None where it lies elsewhere."""
        return self.disk.relative(Path(path))

    def size(self, path: str) -> int | None:
        """Length in bytes of a recorded file, None where there is none."""
        return self.disk.size(path)

    def whereabouts(self, file: LibraryFile) -> Whereabouts:
        """Whether a file of the library is where it was."""
        return self.look(Path(file.path), Path(file.root) if file.root else None)

    def files(self) -> Iterator[LibraryFile]:
        """The files of this library by rising path."""
        mine = self.output.as_posix()
        return (file for file in self.store.library_files() if file.output == mine)
