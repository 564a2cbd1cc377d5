"""An export of ours read in: each line checked, held against what is remembered, nothing good exchanged for worse."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from civitai_kit.core.collection.draft import Draft, Packed
from civitai_kit.core.collection.entry import ImageRecord
from civitai_kit.core.collection.exchange import (
    EXPORT_FORMAT,
    LONGEST_LINE,
    Exchanged,
    Passed,
    better,
    check_header,
    counted,
    line_error,
)
from civitai_kit.core.errors import Exit, Interrupted
from civitai_kit.services.exchange.import_reading import Reader, Ready

if TYPE_CHECKING:
    from civitai_kit.services.exchange.exchange import ImportParts, Source

# Bytes of lines that are read together.
_BLOCK = 128 * 1024
# Lines that are worth other processes: here they take a second or two, and a process takes a quarter to start.
_WORTH = 20_000
# Entries and image records that wait to be written together: with a block more they still fit one transaction.
_ENTRIES, _ENTRY_BYTES = 3500, 7 * 1024 * 1024
_IMAGES = 1000
# Single lines that are wrong are told up to here; all are counted.
_MOST_ROWS = 20


def import_lines(parts: ImportParts, source: Source) -> Exchanged:
    """Read an export of ours; a line that is broken or unsafe is passed over, told and counted.

    Raises UsageError for a header of a newer schema, Interrupted when stopped; whole batches stay either way.
    """
    header = source.stream.readline(LONGEST_LINE)
    check_header(header.lstrip(b"\xef\xbb\xbf"), source.name)
    taking = _Taking(parts, source.name, Reader(parts.disk, parts.pack))
    with _no_search_for_circles(), closing(_all_ready(taking, source)) as ready:
        taking.take_all(ready)
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
    """One import under way; no more is held than the blocks that are being read and a batch to be written."""

    parts: ImportParts
    name: str
    reader: Reader
    entries: int = 0
    images: int = 0
    reasons: Counter[Passed] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    waiting: dict[int, Packed] = field(default_factory=dict)
    waiting_bytes: int = 0
    waiting_images: dict[str, ImageRecord] = field(default_factory=dict)
    # In a store that was empty there is nothing to look up above the highest version that this import wrote.
    highest: int | None = None

    def __post_init__(self) -> None:
        self.highest = 0 if self.parts.store.count() == 0 else None

    def take_all(self, blocks: Iterator[tuple[bytes, Ready]]) -> None:
        """Hold what every block came to against what is remembered, write what is gained."""
        first = 2  # The header is line 1.
        for block, ready in blocks:
            if self.parts.stopped():
                hint = "Run it again: it goes on where it stopped."
                raise Interrupted("Stopped in the middle of the import.", hint=hint)
            for place, reason, what in ready.refused:
                self.reasons[reason] += 1
                if len(self.rows) < _MOST_ROWS:
                    self.rows.append(line_error(first + place, what, self.name))
            for _, record in ready.images:
                self._take_image(record)
            self._take_entries(block, ready)
            first += block.count(b"\n")
        self._write_entries()
        self._write_images()

    def _take_entries(self, block: bytes, ready: Ready) -> None:
        for run in _distinct(list(zip(ready.places, ready.entries(), strict=True))):
            entries = [new for _, new in run]
            if not self.waiting.keys().isdisjoint([new.version_id for new in entries]):
                self._write_entries()
            known = self._remembered(entries)
            if known:
                self._hold_against(known, run, block)
                entries = [new for new in entries if new.version_id not in known]
            self._await_writing(entries)

    def _hold_against(self, known: dict[int, bool], run: list[tuple[int, Packed]], block: bytes) -> None:
        """Take of entries that are remembered what is better, and count the others."""
        for place, new in run:
            if new.version_id in known:
                if known[new.version_id]:
                    self.reasons[Passed.SAME] += 1
                else:
                    self._take_better(new.version_id, block.split(b"\n")[place])

    def _remembered(self, packed: list[Packed]) -> dict[int, bool]:
        """Those of the entries' versions that are remembered, and whether with the same content."""
        if self.highest is not None:
            before, packed = packed, [new for new in packed if new.version_id <= self.highest]
            self.highest = max([self.highest, *[new.version_id for new in before]])
        return self.parts.store.remembered(packed) if packed else {}

    def _take_better(self, version_id: int, line: bytes) -> None:
        """Take of an entry what it has that the remembered one has not."""
        old, entry = self.parts.store.get(version_id), self.reader.draft(line).whole()
        gained = better(old, entry)
        if gained is not None:
            self._await_writing(self.parts.pack([Draft(gained)]))
            return
        older = old is not None and (entry.updated_at or "") < (old.updated_at or "")
        self.reasons[Passed.OLDER if older else Passed.SAME] += 1

    def _await_writing(self, entries: list[Packed]) -> None:
        self.waiting.update([(new.version_id, new) for new in entries])
        self.waiting_bytes += sum([len(new.value) for new in entries])
        if len(self.waiting) >= _ENTRIES or self.waiting_bytes >= _ENTRY_BYTES:
            self._write_entries()

    def _write_entries(self) -> None:
        self.entries += self.parts.store.put_packed(self.waiting.values())
        self.waiting.clear()
        self.waiting_bytes = 0

    def _take_image(self, record: ImageRecord) -> None:
        old = self.waiting_images.get(record.key) or self.parts.store.get_image(record.key)
        if old is None or (old != record and (record.date or "") > (old.date or "")):
            self.waiting_images[record.key] = record
        else:
            self.reasons[Passed.SAME if old == record else Passed.OLDER] += 1
        if len(self.waiting_images) >= _IMAGES:
            self._write_images()

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


def _distinct(entries: list[tuple[int, Packed]]) -> Iterator[list[tuple[int, Packed]]]:
    """The entries in order, none of whose versions comes twice in a run: each is held against what was written."""
    if len({new.version_id for _, new in entries}) == len(entries):
        yield entries
        return
    run: dict[int, tuple[int, Packed]] = {}
    for place, new in entries:
        if new.version_id in run:
            yield list(run.values())
            run = {}
        run[new.version_id] = place, new
    yield list(run.values())


def _all_ready(taking: _Taking, source: Source) -> Generator[tuple[bytes, Ready], None, None]:
    """Blocks of lines and what they came to: the first read here, and many more by other processes too."""
    blocks = _blocks(source.stream)
    lines = size = 0
    for block in blocks:
        yield block, taking.reader(block)
        lines, size = lines + block.count(b"\n"), size + len(block)
        if lines * max(size, source.size or 0) >= _WORTH * size:
            break
    yield from taking.parts.spread(taking.reader, blocks)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Whole lines, some at a time; one that is longer than any of ours can be ends up cut, and so is refused."""
    while piece := stream.read(_BLOCK):
        rest = b"" if piece.endswith(b"\n") else stream.readline(LONGEST_LINE)
        yield piece + rest
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
