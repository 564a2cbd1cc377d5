"""The same bytes once: a file that is here already, or comes for another item, is placed without the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum

from civitai_kit.core.collection.entry import FileRecord, Status
from civitai_kit.core.collection.removal import PART_ENDINGS
from civitai_kit.core.errors import DiskError, UsageError
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.order import Fetched, Verdict
from civitai_kit.core.plans.plan import Item
from civitai_kit.services.claims import Claims
from civitai_kit.services.download.sidecars import SaveFolder
from civitai_kit.services.items import proof_of
from civitai_kit.services.ports import Store


class Duplicates(StrEnum):
    """What becomes of a file whose bytes are here already."""

    LINK = "link"
    COPY = "copy"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class FileHere:
    """A file whose bytes were proved in this run."""

    path: str
    size: int
    digests: Digests


class SameBytes:
    """Places items of a run whose bytes are here: those that came for another item, and those of earlier runs.

    Bytes are the same by their SHA256, or by the file's id where the site gives none. Safe for several threads.
    """

    def __init__(
        self, store: Store, disk: SaveFolder, items: Iterable[Item], how: Duplicates, stopped: Callable[[], bool]
    ) -> None:
        self._store = store
        self._disk = disk
        self._how = how
        self._names = {} if how is Duplicates.FETCH else _names(items)
        self._claims: Claims[str, FileHere] = Claims(stopped)

    def in_order(self, items: Iterable[Item]) -> list[Item]:
        """The items, those last whose bytes come for one before them: waiting for it would idle a slot."""
        firsts: dict[str, Item] = {}
        for item in items:
            firsts.setdefault(self._names.get(item.path, item.path), item)
        leading = {item.path for item in firsts.values()}
        return [*firsts.values(), *(item for item in items if item.path not in leading)]

    @contextmanager
    def place(self, item: Item) -> Iterator[Fetched | None]:
        """The item in its place, or None when it must be fetched; then nobody else fetches these bytes meanwhile."""
        name = self._names.get(item.path)
        with nullcontext() if name is None else self._claims.claim(name) as lately:
            sources = [] if self._how is Duplicates.FETCH else [*([lately] if lately else []), *self._of_earlier(item)]
            yield next((placed for source in sources if (placed := self._placed(item, source))), None)

    def bring(self, item: Item, size: int, digests: Digests) -> None:
        """An item's bytes are in their place, and are those that the site promises."""
        name = self._names.get(item.path)
        if name is not None:
            self._claims.bring(name, FileHere(item.path, size, digests))

    def _of_earlier(self, item: Item) -> Iterator[FileHere]:
        """Files of earlier runs that still have the item's bytes, read to the end to prove it."""
        for record in self._recorded(item.sha256) if item.sha256 else ():
            with suppress(DiskError, UsageError):
                size = self._disk.size(record.path)
                if record.path != item.path and size is not None and size == record.size:
                    digests = self._disk.digests(record.path)
                    if digests.sha256 == item.sha256:
                        yield FileHere(record.path, size, digests)

    def _recorded(self, sha256: str) -> Iterator[FileRecord]:
        for version_id in self._store.by_sha256(sha256):
            entry = self._store.get(version_id)
            for record in entry.files if entry is not None else ():
                if record.status is Status.DOWNLOADED and sha256 in (record.sha256, record.proved.get("sha256")):
                    yield record

    def _placed(self, item: Item, source: FileHere) -> Fetched | None:
        """The item, placed beside the file that is here; None when that is gone, or is not what is promised."""
        verdict = proof_of(item).judge(source.digests, source.size)
        if verdict not in (Verdict.RIGHT, Verdict.UNPROVED) or self._disk.size(source.path) != source.size:
            return None
        target = self._disk.place_for(item.path)
        put = self._disk.copy if self._how is Duplicates.COPY else self._disk.link
        put(self._disk.place_of(source.path), item.path)
        for ending in PART_ENDINGS:
            with suppress(DiskError):
                self._disk.remove(item.path + ending)
        return Fetched(path=target, size=source.size, digests=source.digests, received=0, resumed=0, linked=True)


def _names(items: Iterable[Item]) -> dict[str, str]:
    """A name for the bytes of each item by its path: equal where the site says that the bytes are."""
    by_id: dict[int, str] = {}
    for item in items:
        if item.file_id is not None and item.sha256 is not None:
            by_id.setdefault(item.file_id, item.sha256)
    return {item.path: name for item in items if (name := _name(item, by_id)) is not None}


def _name(item: Item, by_id: dict[int, str]) -> str | None:
    if item.sha256 is not None or item.file_id is None:
        return item.sha256
    return by_id.get(item.file_id, f"file {item.file_id}")
