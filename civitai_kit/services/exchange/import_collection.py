"""Imports a file into the database: checks each line, and never replaces a good record by a worse one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import is_
from typing import Any, BinaryIO

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageRecord, Status
from civitai_kit.core.collection.exchange import (
    EXPORT_FORMAT,
    LONGEST_LINE,
    Exchanged,
    LineRefused,
    Passed,
    better,
    check_header,
    counted,
    is_export,
    line_error,
)
from civitai_kit.core.collection.exchange_lines import read_line
from civitai_kit.core.collection.packed import Packed
from civitai_kit.core.errors import Exit, Interrupted, UsageError
from civitai_kit.core.paths.relative_paths import is_absolute
from civitai_kit.services.exchange.exchange import ImportedFile, ImportParts
from civitai_kit.services.exchange.import_history import RECOGNISED, import_history

# Bytes of lines that are looked up in the store together.
_BLOCK = 128 * 1024
# Bytes of packed entries that are written together, also where they are fewer than a batch.
_WAITING_BYTES = 7 * 1024 * 1024
_IMAGES = 1000
# Single lines that are wrong are told up to here; all are counted.
_MOST_ROWS = 20
_PENDING = {"status": Status.PENDING}


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """A kind of file that can be imported, known by how it begins."""

    name: str
    recognises: Callable[[bytes], bool]
    read: Callable[[ImportParts, ImportedFile], Exchanged]


def import_file(parts: ImportParts, source: ImportedFile) -> Exchanged:
    """Read a file of any format that is known, told by its content; raises UsageError for others."""
    for kind in IMPORT_FORMATS:
        if kind.recognises(source.head):
            return kind.read(parts, source)
    raise UsageError(
        f"{source.name} is nothing that can be imported.",
        hint="`civitai-kit db export FILE` makes a file for this.",
        path=source.name,
    )


def import_lines(parts: ImportParts, source: ImportedFile) -> Exchanged:
    """Read an export of ours; a line that is broken or unsafe is passed over, told and counted.

    Raises UsageError for a header of a newer schema, Interrupted when stopped; whole batches stay either way.
    """
    header = source.stream.readline(LONGEST_LINE)
    check_header(header.lstrip(b"\xef\xbb\xbf"), source.name)
    taking = _CollectionImport(parts, source.name)
    for lines in _blocks(source.stream):
        if parts.stopped():
            raise Interrupted("Stopped in the middle of the import.", hint="Run it again: it goes on where it stopped.")
        taking.take(lines)
    taking.finish()
    return taking.outcome()


@dataclass
class _CollectionImport:
    """One import under way; no more is held than a block of lines and a batch to be written."""

    parts: ImportParts
    name: str
    lines: int = 1  # The header.
    entries: int = 0
    images: int = 0
    reasons: Counter[Passed] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    # Whether there is a folder of that name under the save path.
    folders: dict[str, bool] = field(default_factory=dict)
    # Entries that were read and not yet looked up in the store, then those that wait to be written.
    read: dict[int, Entry] = field(default_factory=dict)
    waiting: dict[int, Packed] = field(default_factory=dict)
    waiting_bytes: int = 0
    waiting_images: dict[str, ImageRecord] = field(default_factory=dict)

    def take(self, lines: list[bytes]) -> None:
        """Take the next lines; empty ones are ignored."""
        for number, line in enumerate(lines, self.lines + 1):
            if line.strip():
                try:
                    self._take_record(read_line(line, self.parts.places))
                except LineRefused as refused:
                    self._refuse(number, refused)
        self._settle()
        self.lines += len(lines)

    def finish(self) -> None:
        """Write what still waits."""
        self._write_entries()
        self._write_images()

    def outcome(self) -> Exchanged:
        """What it came to: 7 when some lines were refused and others taken, 2 when none could be."""
        refused = sum(number for reason, number in self.reasons.items() if reason not in (Passed.SAME, Passed.OLDER))
        sound = self.entries + self.images + self.reasons.total() - refused
        wrong = Exit.SOME_FAILED if sound else Exit.USAGE
        return Exchanged(
            file=self.name,
            entries=self.entries,
            images=self.images,
            format=EXPORT_FORMAT,
            reasons=counted(self.reasons),
            rows=tuple(self.rows),
            exit_code=wrong if refused else Exit.DONE,
        )

    def _take_record(self, record: Entry | ImageRecord) -> None:
        if isinstance(record, ImageRecord):
            self._take_image(record)
            return
        if record.version_id in self.read:
            self._settle()
        self.read[record.version_id] = self._as_it_is_here(record)

    def _refuse(self, number: int, refused: LineRefused) -> None:
        self.reasons[refused.reason] += 1
        if len(self.rows) < _MOST_ROWS:
            self.rows.append(line_error(number, refused.what, self.name))

    def _as_it_is_here(self, entry: Entry) -> Entry:
        """The entry with files that are not on this disk called Pending, so that it says nothing untrue here."""
        files = tuple([self._file_as_it_is_here(record) for record in entry.files])
        return entry if all(map(is_, files, entry.files)) else entry.model_copy(update={"files": files})

    def _file_as_it_is_here(self, record: FileRecord) -> FileRecord:
        if record.status is not Status.DOWNLOADED or not self._is_elsewhere(record):
            return record
        return record.model_copy(update=_PENDING)

    def _is_elsewhere(self, record: FileRecord) -> bool:
        if is_absolute(record.path):
            return self.parts.disk.size(record.path) != record.size
        top = record.path.partition("/")[0]
        try:
            if top not in self.folders:
                self.folders[top] = self.parts.disk.locate(top).exists()
            return not self.folders[top] or self.parts.disk.size(record.path) != record.size
        except UsageError:  # Its path leaves the save path.
            return True

    def _settle(self) -> None:
        """Compare the entries that were read (at most one a version) with the store, and queue what is new."""
        read, self.read = self.read, {}
        if not self.waiting.keys().isdisjoint(read):
            self._write_entries()
        packed = list(self.parts.pack(read.values()))
        known = self.parts.store.remembered(packed)
        for new in packed:
            if new.version_id not in known:
                self._await_writing(new)
            elif known[new.version_id]:
                self.reasons[Passed.SAME] += 1
            else:
                self._take_better(read[new.version_id])
        if len(self.waiting) >= self.parts.batch or self.waiting_bytes >= _WAITING_BYTES:
            self._write_entries()

    def _take_better(self, entry: Entry) -> None:
        """Add to a remembered entry what only the new one has."""
        old = self.parts.store.get(entry.version_id)
        gained = better(old, entry)
        if gained is not None:
            self._await_writing(*self.parts.pack([gained]))
            return
        older = old is not None and (entry.updated_at or "") < (old.updated_at or "")
        self.reasons[Passed.OLDER if older else Passed.SAME] += 1

    def _await_writing(self, new: Packed) -> None:
        self.waiting[new.version_id] = new
        self.waiting_bytes += len(new.value)

    def _write_entries(self) -> None:
        self.entries += self.parts.store.put_packed(self.waiting.values())
        self.waiting.clear()
        self.waiting_bytes = 0

    def _take_image(self, record: ImageRecord) -> None:
        old = self.waiting_images.get(record.key) or self.parts.store.get_image(record.key)
        if old is None or (old != record and (record.date or "") > (old.date or "")):
            if record.key in self.waiting_images:
                self._write_images()
            self.waiting_images[record.key] = record
        else:
            self.reasons[Passed.SAME if old == record else Passed.OLDER] += 1
        if len(self.waiting_images) >= _IMAGES:
            self._write_images()

    def _write_images(self) -> None:
        self.images += self.parts.store.put_images(self.waiting_images.values())
        self.waiting_images.clear()


def _blocks(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Blocks of whole lines. A line longer than any of ours is cut, and then refused."""
    while piece := stream.read(_BLOCK):
        rest = b"" if piece.endswith(b"\n") else stream.readline(LONGEST_LINE)
        lines = (piece + rest).removesuffix(b"\n").split(b"\n")
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
        yield lines


IMPORT_FORMATS: tuple[ImportFormat, ...] = (
    ImportFormat(EXPORT_FORMAT, is_export, import_lines),
    *(ImportFormat(name, tells, import_history) for name, tells in RECOGNISED),
)
