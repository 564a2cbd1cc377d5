"""A collection written out and read in: streamed both ways, each line checked, nothing good exchanged for worse."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from civitai_kit.core.entry import Entry, FileRecord, ImageRecord, Status
from civitai_kit.core.errors import Exit, Interrupted, UsageError
from civitai_kit.core.exchange import (
    EXPORT_FORMAT,
    LONGEST_LINE,
    Exchanged,
    Passed,
    Refused,
    better,
    check_header,
    counted,
    entry_line,
    header_line,
    image_line,
    is_export,
    line_error,
    read_line,
)
from civitai_kit.services.history_import import RECOGNISED, import_history
from civitai_kit.services.upkeep_ports import Grounds, Records

HEAD_BYTES = 4096
# Image records that wait to be written together.
_IMAGES = 1000
_PENDING = {"status": Status.PENDING}
# Single lines that are wrong are told up to here; all are counted.
_MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import: its `name` as typed, its first bytes, a stream from its start, its path unless it is stdin."""

    name: str
    head: bytes
    stream: BinaryIO
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportParts:
    """What an import works with; `stopped` says that it is to end."""

    store: Records
    disk: Grounds
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


def import_lines(parts: ImportParts, source: Source) -> Exchanged:
    """Read an export of ours; a line that is broken or unsafe is passed over, told and counted.

    Raises UsageError for a header of a newer schema, Interrupted when stopped; whole batches stay either way.
    """
    lines = _lines(source.stream)
    check_header(next(lines, b"").lstrip(b"\xef\xbb\xbf"), source.name)
    taking = _Taking(parts, source.name, enumerate(lines, 2))
    with _no_search_for_circles():
        taking.take_all()
    return taking.outcome()


@contextmanager
def _no_search_for_circles() -> Iterator[None]:
    """Parsed lines are trees; the search for circles among them takes up to a third of an import's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass
class _Taking:
    """One import under way; entries go to the store one by one, so that none is held but those of its batch."""

    parts: ImportParts
    name: str
    lines: Iterator[tuple[int, bytes]]
    entries: int = 0
    images: int = 0
    reasons: Counter[Passed] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    # Versions handed to the store that it may not have written yet, and the entry that comes after them.
    unwritten: set[int] = field(default_factory=set)
    next_entry: Entry | None = None
    waiting_images: dict[str, ImageRecord] = field(default_factory=dict)
    folders: dict[str, bool] = field(default_factory=dict)
    # In an empty store there is nothing to look up but what this import wrote.
    fresh: set[int] | None = None

    def __post_init__(self) -> None:
        self.fresh = set() if self.parts.store.count() == 0 else None

    def take_all(self) -> None:
        """Read every line, hold it against what is remembered, write what is gained."""
        while True:
            self.entries += self.parts.store.put_many(self._gained_entries())
            if self.next_entry is None:
                break
        self._write_images()

    def _gained_entries(self) -> Iterator[Entry]:
        """Entries to write, up to one whose version is among them: it is held against what is written by then."""
        self.unwritten.clear()
        first, self.next_entry = self.next_entry, None
        for entry in chain([first] if first else (), self._read_entries()):
            if entry.version_id in self.unwritten:
                self.next_entry = entry
                return
            gained = self._gained(entry)
            if gained is not None:
                self.unwritten.add(entry.version_id)
                yield gained

    def _read_entries(self) -> Iterator[Entry]:
        """The entries of the lines to come; image records are taken by the way."""
        for number, line in self.lines:
            if self.parts.stopped():
                hint = "Run it again: it goes on where it stopped."
                raise Interrupted("Stopped in the middle of the import.", hint=hint)
            record = self._read(number, line) if line.strip() else None
            if isinstance(record, Entry):
                yield record
            elif record is not None:
                self._take_image(record)

    def _read(self, number: int, line: bytes) -> Entry | ImageRecord | None:
        try:
            return read_line(line)
        except Refused as refused:
            self.reasons[refused.reason] += 1
            if len(self.rows) < _MOST_ROWS:
                self.rows.append(line_error(number, refused, self.name))
            return None

    def _write_images(self) -> None:
        self.images += self.parts.store.put_images(self.waiting_images.values())
        self.waiting_images.clear()

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

    def _gained(self, entry: Entry) -> Entry | None:
        """What to write for an entry of the file, or None when it is passed over."""
        old = self._remembered(entry.version_id)
        gained = better(old, self._as_it_is_here(entry))
        if gained is None:
            older = old is not None and (entry.updated_at or "") < (old.updated_at or "")
            self.reasons[Passed.OLDER if older else Passed.SAME] += 1
        return gained

    def _remembered(self, version_id: int) -> Entry | None:
        if self.fresh is not None and version_id not in self.fresh:
            self.fresh.add(version_id)
            return None
        return self.parts.store.get(version_id)

    def _take_image(self, record: ImageRecord) -> None:
        old = self.waiting_images.get(record.key) or self.parts.store.get_image(record.key)
        if old is None or (old != record and (record.date or "") > (old.date or "")):
            self.waiting_images[record.key] = record
        else:
            self.reasons[Passed.SAME if old == record else Passed.OLDER] += 1
        if len(self.waiting_images) >= _IMAGES:
            self._write_images()

    def _as_it_is_here(self, entry: Entry) -> Entry:
        """The entry with files that are not on this disk called Pending, so that it says nothing untrue here."""
        away = [self._is_elsewhere(record) for record in entry.files]
        if True not in away:
            return entry
        pairs = zip(entry.files, away, strict=True)
        files = tuple([record.model_copy(update=_PENDING) if gone else record for record, gone in pairs])
        return entry.model_copy(update={"files": files})

    def _is_elsewhere(self, record: FileRecord) -> bool:
        if record.status is not Status.DOWNLOADED:
            return False
        top = record.path.split("/", 1)[0]
        try:
            if top not in self.folders:
                self.folders[top] = self.parts.disk.locate(top).exists()
            return not self.folders[top] or self.parts.disk.size(record.path) != record.size
        except UsageError:  # A link there leads out of the save path.
            return True


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream; one that is longer than any of ours can be ends up cut, and so is refused as broken."""
    while line := stream.readline(LONGEST_LINE):
        yield line
        while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE)


IMPORT_FORMATS: tuple[ImportFormat, ...] = (
    ImportFormat(EXPORT_FORMAT, is_export, import_lines),
    *(ImportFormat(name, tells, import_history) for name, tells in RECOGNISED),
)
