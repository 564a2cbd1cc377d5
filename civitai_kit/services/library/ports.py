"""What the library works with, and what it needs from store and disk beyond the ports that all services share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Protocol

from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.core.retry import RetryRules
from civitai_kit.services.pictures import SharingFolder
from civitai_kit.services.ports import FileFetcher, JobPool, SavePath, Site
from civitai_kit.services.upkeep.ports import Grounds, Records


class LibraryStore(Records, Protocol):
    """The store with the files of the libraries; their rows are apart from the entries that they were adopted into."""

    def library_file(self, key: str) -> LibraryFile | None:
        """The file under `<output>\\n<path>`, or None."""

    def put_library_files(self, files: Iterable[LibraryFile]) -> None:
        """Write files in one transaction, replacing the old."""

    def delete_library_files(self, keys: Iterable[str]) -> int:
        """Forget files in one transaction; gives how many were there."""

    def library_files(self) -> Iterator[LibraryFile]:
        """The files of all libraries by rising key, in constant memory."""


class LibraryFolder(SavePath, SharingFolder, Protocol):
    """The library's own folder: the data manager's tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryParts:
    """What the library works with: `disk` is the save path, `tree` the library's folder at `output` (absolute).

    `fetcher` is asked for where the network is needed, so that what only looks at the disk does not load it.
    """

    site: Callable[[], Site]
    site_url: str
    store: LibraryStore
    disk: Grounds
    tree: LibraryFolder
    output: Path
    fetcher: Callable[[], FileFetcher]
    retries: Callable[[], RetryRules]
    pool: JobPool
    now: Callable[[], datetime]
    stop: Event

    def files(self) -> Iterator[LibraryFile]:
        """The files of this library by rising path."""
        mine = self.output.as_posix()
        return (file for file in self.store.library_files() if file.output == mine)
