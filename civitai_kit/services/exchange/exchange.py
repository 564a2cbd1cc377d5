"""A collection written out and read in: streamed both ways, each kind of file told by how it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from civitai_kit.core.collection.exchange import (
    EXPORT_FORMAT,
    Exchanged,
    entry_line,
    header_line,
    image_line,
    is_export,
)
from civitai_kit.core.errors import UsageError
from civitai_kit.services.exchange.import_collection import import_lines
from civitai_kit.services.exchange.import_history import RECOGNISED, import_history
from civitai_kit.services.exchange.import_reading import Pack
from civitai_kit.services.upkeep.ports import Grounds, Records

T = TypeVar("T")

HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import: its `name` as typed, its first bytes, a stream from its start, its path unless it is stdin.

    `size` in bytes is None where it is not known, as a pipe's.
    """

    name: str
    head: bytes
    stream: BinaryIO
    path: Path | None = None
    size: int | None = None


class Spread(Protocol):
    """Has work done on many blocks, also by other processes."""

    def __call__(self, work: Callable[[bytes], T], blocks: Iterator[bytes], /) -> Iterator[tuple[bytes, T]]:
        """Each block with what `work` makes of it, in order; few blocks are under way at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportParts:
    """What an import works with; `pack` makes entries ready for the store, `stopped` says that it is to end."""

    store: Records
    disk: Grounds
    pack: Pack
    spread: Spread
    stopped: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """A kind of file that can be imported, known by how it begins."""

    name: str
    recognises: Callable[[bytes], bool]
    read: Callable[[ImportParts, Source], Exchanged]


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


def import_file(parts: ImportParts, source: Source) -> Exchanged:
    """Read a file of any format that is known, told by its content; raises UsageError for others."""
    for kind in IMPORT_FORMATS:
        if kind.recognises(source.head):
            return kind.read(parts, source)
    raise UsageError(
        f"{source.name} is nothing that can be imported.",
        hint="`civitai-kit db export FILE` makes a file for this.",
        path=source.name,
    )


IMPORT_FORMATS: tuple[ImportFormat, ...] = (
    ImportFormat(EXPORT_FORMAT, is_export, import_lines),
    *(ImportFormat(name, tells, import_history) for name, tells in RECOGNISED),
)
