"""A collection written out as JSON Lines, and what reading one in works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.collection.exchange import Exchanged, entry_line, header_line, image_line
from civitai_kit.core.collection.packed import Packed
from civitai_kit.core.paths.our_names import OUR_PLACES
from civitai_kit.services.upkeep.ports import Grounds, Records

HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file to import: its `name` as typed, its first bytes, a stream from its start, its path unless it is stdin."""

    name: str
    head: bytes
    stream: BinaryIO
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportParts:
    """What an import works with.

    `pack` makes entries ready for the store, `stopped` says that the import is to end, `batch` is how many entries
    are written together, `places` are what is ours under the save path.
    """

    store: Records
    disk: Grounds
    pack: Callable[[Iterable[Entry]], Iterator[Packed]]
    stopped: Callable[[], bool]
    places: tuple[str, ...] = OUR_PLACES
    batch: int = 3500  # With a block of lines more they still fit one transaction.


def export(store: Records, write: Callable[[bytes], object], *, name: str, made_at: str) -> Exchanged:
    """Write everything that is remembered, entries with the site's saved answers, then image records."""
    write(header_line(made_at=made_at, entries=store.count(), images=store.count_images()))
    entries = images = 0
    for entry in store.entries():
        write(entry_line(entry))
        entries += 1
    for record in store.images():
        write(image_line(record))
        images += 1
    return Exchanged(file=name, entries=entries, images=images)
