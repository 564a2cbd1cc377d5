"""What upkeep needs from store and disk beyond the ports that all services share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Event
from typing import Protocol

from civitai_kit.core.collection.entry import Facts, ImageRecord, Summary
from civitai_kit.core.collection.packed import Packed
from civitai_kit.core.plans.digests import ALL, Digests, FileStamp
from civitai_kit.services.ports import SavePath, Store


class Records(Store, Protocol):
    """The store with its summaries, image records and cached digests."""

    def summaries(self) -> Iterator[Summary]:
        """The summaries of all entries by rising version id, in constant memory."""

    def facts(self) -> Iterator[Facts]:
        """What statistics need of all entries, in any order, in constant memory."""

    def remembered(self, packed: Iterable[Packed]) -> dict[int, bool]:
        """Which of the entries' versions are in the store, and whether with the same content."""

    def put_packed(self, packed: Iterable[Packed]) -> int:
        """Write many entries that were made ready for this store, in few transactions; gives how many."""

    def get_image(self, key: str) -> ImageRecord | None:
        """The record of one image by its key, or None."""

    def images(self, prefix: str = "") -> Iterator[ImageRecord]:
        """Image records whose key begins with `prefix`, by rising key, in constant memory."""

    def put_images(self, records: Iterable[ImageRecord]) -> int:
        """Write many image records in few transactions; gives how many."""

    def count_images(self) -> int:
        """How many image records there are."""

    def cached_digests(self, stamp: FileStamp) -> Digests | None:
        """The digests computed for a file when it had this stamp, or None."""

    def remember_digests(self, stamp: FileStamp, digests: Digests) -> None:
        """Keep digests of a file beside those already known at this stamp."""


class Grounds(SavePath, Protocol):
    """The save path, where files are also judged and removed."""

    def stamp(self, path: str) -> FileStamp | None:
        """The stamp of a file, which changes when the file does; None where there is no file."""

    def digests(
        self,
        path: str,
        names: frozenset[str] = ALL,
        *,
        stop: Event | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Digests:
        """The digests in `names` of a file there; `progress` is told bytes as they are read.

        Raises DiskError when it cannot be read, Interrupted when `stop` is set.
        """

    def read(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none; raises DiskError when it cannot be read."""

    def remove(self, path: str) -> bool:
        """Remove a file; says whether it was there. Raises NotWritable."""

    def remove_empty_parents(self, path: str) -> tuple[str, ...]:
        """Remove the folders above `path` that are empty, never the root; gives them, innermost first."""

    def link_folder(self, folder: str, path: str) -> bool:
        """Make `path` a link to a folder under the save path, unless something lies there; says whether it leads there.

        A link that leads nowhere is made anew.
        """
