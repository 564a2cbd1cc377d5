"""What is remembered, as a person or a program reads it: entries, and the records of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from civitai_kit.cli.output.safe_text import cut, shown
from civitai_kit.cli.output.tables import streamed, table
from civitai_kit.core.amounts import counted, shown_bytes

if TYPE_CHECKING:
    from civitai_kit.core.collection.entry import ImageRecord, Summary, SummaryFile

HEAD = ("KEY", "STATUS", "TYPE", "BASE MODEL", "MODEL", "VERSION", "CREATOR", "FILES", "SIZE")
IMAGE_HEAD = ("KIND", "TARGET", "IMAGE", "QUALITY", "DATE", "PATH")
WIDEST = 32


def entry_row(entry: Summary) -> dict[str, Any]:
    """An entry as one row of `entries[]`."""
    return {
        "key": entry.key,
        "version_id": entry.version_id,
        "model_id": entry.model_id,
        "model_name": entry.model_name,
        "version_name": entry.version_name,
        "type": entry.type,
        "base_model": entry.base_model,
        "creator": entry.creator,
        "status": str(entry.status),
        "size": entry.size,
        "updated_at": entry.updated_at,
        "files": [_file_row(file) for file in entry.files],
    }


def _file_row(file: SummaryFile) -> dict[str, Any]:
    return {
        "file_id": file.file_id,
        "path": file.path,
        "size": file.size,
        "sha256": file.sha256,
        "status": str(file.status),
    }


def entry_lines(entries: Iterable[Summary]) -> Iterator[str]:
    """A table of entries, line by line as they come, and what they add up to."""
    rest = iter(entries)
    first = next(rest, None)
    if first is None:
        yield "No entries."
        return
    totals = _Totals()
    rows = map(_cells, totals.counting(chain([first], rest)))
    yield from streamed(HEAD, rows, flexible=4, right=(7, 8), spare=(7, 6, 5, 2))
    yield ""
    yield f"{counted(totals.entries, 'entry')}, {counted(totals.files, 'file')}, {shown_bytes(totals.size)}"


@dataclass
class _Totals:
    """What a listing adds up to, once it is through."""

    entries: int = 0
    files: int = 0
    size: int = 0

    def counting(self, entries: Iterable[Summary]) -> Iterator[Summary]:
        """Pass entries on, and count them."""
        for entry in entries:
            self.entries += 1
            self.files += len(entry.files)
            self.size += entry.size
            yield entry


def _cells(entry: Summary) -> list[str]:
    words = (entry.key, str(entry.status), entry.type, entry.base_model, entry.model_name, entry.version_name)
    cells = [*words, entry.creator or "-"]
    return [*(cut(shown(cell), WIDEST) for cell in cells), str(len(entry.files)), shown_bytes(entry.size)]


def image_lines(records: Sequence[ImageRecord]) -> list[str]:
    """A table of image records, and how many there are."""
    if not records:
        return ["No image records."]
    rows = [
        [str(one.kind), one.target, str(one.image_id), str(one.quality), one.date or "-", one.path or "-"]
        for one in records
    ]
    return [*table(IMAGE_HEAD, rows, flexible=5, right=(2,)), "", counted(len(records), "image record")]
