"""An export of ours read in: each line checked, held against what is remembered, nothing good exchanged for worse."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from civitai_kit.core.draft import Draft
from civitai_kit.core.entry import FileRecord, ImageRecord, Status
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
    line_error,
)
from civitai_kit.core.exchange_lines import read_line, read_lines

if TYPE_CHECKING:
    from civitai_kit.services.exchange import ImportParts, Source

# Image records that wait to be written together.
_IMAGES = 1000
# Lines read together, and entries looked up together.
_HANDFUL, _HANDFUL_BYTES = 64, 256 * 1024
# Versions kept in mind at a time.
_MOST_TAKEN = 50_000
_PENDING = {"status": Status.PENDING}
# Single lines that are wrong are told up to here; all are counted.
_MOST_ROWS = 20


def import_lines(parts: ImportParts, source: Source) -> Exchanged:
    """Read an export of ours; a line that is broken or unsafe is passed over, told and counted.

    Raises UsageError for a header of a newer schema, Interrupted when stopped; whole batches stay either way.
    """
    lines = _lines(source.stream)
    check_header(next(lines, b"").lstrip(b"\xef\xbb\xbf"), source.name)
    numbered = ((number, line) for number, line in enumerate(lines, 2) if not line.isspace())
    taking = _Taking(parts, source.name, numbered)
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
    """One import under way; entries go to the store as they come, so that none is held but those of its batch."""

    parts: ImportParts
    name: str
    lines: Iterator[tuple[int, bytes]]
    entries: int = 0
    images: int = 0
    reasons: Counter[Passed] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    # Read already, but of a version that was handed to the store and that it may not have written yet.
    held: Draft | None = None
    waiting_images: dict[str, ImageRecord] = field(default_factory=dict)
    folders: dict[str, bool] = field(default_factory=dict)
    # A guess: the files of the entry to come are as little on this disk as those of the last one.
    all_away: bool = False
    # In a store that was empty there is nothing to look up above the highest version that this import wrote.
    highest: int | None = None

    def __post_init__(self) -> None:
        self.highest = 0 if self.parts.store.count() == 0 else None

    def take_all(self) -> None:
        """Read every line, hold it against what is remembered, write what is gained."""
        drafts = self._read_drafts()
        while self._take_some(drafts):
            pass
        self._write_images()

    def _take_some(self, drafts: Iterator[Draft]) -> int:
        """Take entries of different versions, so that each is held against what is written; gives how many."""
        taken: set[int] = set()
        self.entries += self.parts.store.put_drafts(self._gained_drafts(drafts, taken))
        return len(taken)

    def _gained_drafts(self, drafts: Iterator[Draft], taken: set[int]) -> Iterator[Draft]:
        while len(taken) < _MOST_TAKEN and (some := list(islice(self._others(drafts, taken), _HANDFUL))):
            remembered = self._remembered(some)
            if not remembered:
                yield from some
                continue
            for draft in some:
                gained = self._gained(draft, remembered.get(draft.entry.version_id))
                if gained is not None:
                    yield gained

    def _others(self, drafts: Iterator[Draft], taken: set[int]) -> Iterator[Draft]:
        """Drafts up to one whose version is among those `taken`, which is held for the next time."""
        while draft := self.held or next(drafts, None):
            self.held = None
            if draft.entry.version_id in taken:
                self.held = draft
                return
            taken.add(draft.entry.version_id)
            yield draft

    def _read_drafts(self) -> Iterator[Draft]:
        """The entries of the lines to come; image records are taken by the way."""
        for some in _handfuls(self.lines):
            if self.parts.stopped():
                hint = "Run it again: it goes on where it stopped."
                raise Interrupted("Stopped in the middle of the import.", hint=hint)
            drafts: list[tuple[Draft, bytes]] = []
            records = read_lines([line for _, line in some], away=self.all_away)
            for (number, line), record in zip(some, records, strict=True):
                if isinstance(record, Draft):
                    drafts.append((record, line))
                elif isinstance(record, ImageRecord):
                    self._take_image(record)
                else:
                    self._pass_over(number, record)
            guess = self.all_away
            yield from [self._as_it_is_here(draft, line, guess) for draft, line in drafts]

    def _pass_over(self, number: int, refused: Refused) -> None:
        self.reasons[refused.reason] += 1
        if len(self.rows) < _MOST_ROWS:
            self.rows.append(line_error(number, refused, self.name))

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

    def _remembered(self, drafts: list[Draft]) -> dict[int, bytes]:
        """The JSON of those of the drafts' versions that are remembered."""
        ids = [draft.entry.version_id for draft in drafts]
        if self.highest is not None:
            ids, before = [one for one in ids if one <= self.highest], ids
            self.highest = max(self.highest, *before)
        return self.parts.store.texts(ids) if ids else {}

    def _gained(self, draft: Draft, remembered: bytes | None) -> Draft | None:
        """What to write for an entry of the file, or None when it is passed over."""
        if remembered is None:
            return draft
        if remembered == draft.text:
            self.reasons[Passed.SAME] += 1
            return None
        old, entry = self.parts.store.get(draft.entry.version_id), draft.whole()
        gained = better(old, entry)
        if gained is None:
            older = old is not None and (entry.updated_at or "") < (old.updated_at or "")
            self.reasons[Passed.OLDER if older else Passed.SAME] += 1
        return None if gained is None else Draft(gained)

    def _take_image(self, record: ImageRecord) -> None:
        old = self.waiting_images.get(record.key) or self.parts.store.get_image(record.key)
        if old is None or (old != record and (record.date or "") > (old.date or "")):
            self.waiting_images[record.key] = record
        else:
            self.reasons[Passed.SAME if old == record else Passed.OLDER] += 1
        if len(self.waiting_images) >= _IMAGES:
            self._write_images()

    def _as_it_is_here(self, draft: Draft, line: bytes, read_as_away: bool) -> Draft:
        """The entry with files that are not on this disk called Pending, so that it says nothing untrue here."""
        files = draft.entry.files
        if read_as_away and not all(map(self._is_elsewhere, files)):
            self.all_away = False
            draft = cast(Draft, read_line(line))
            files = draft.entry.files
        gone = [record.status is Status.DOWNLOADED and self._is_elsewhere(record) for record in files]
        if True not in gone:
            return draft
        self.all_away = False not in gone
        if self.all_away:
            draft = cast(Draft, read_line(line, away=True))
        pairs = zip(draft.entry.files, gone, strict=True)
        here = tuple([record.model_copy(update=_PENDING) if lost else record for record, lost in pairs])
        return draft if here == draft.entry.files else Draft(draft.whole().model_copy(update={"files": here}))

    def _is_elsewhere(self, record: FileRecord) -> bool:
        top = record.path.partition("/")[0]
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


def _handfuls(lines: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """The lines, some at a time, few where they are long."""
    some: list[tuple[int, bytes]] = []
    size = 0
    for number, line in lines:
        some.append((number, line))
        size += len(line)
        if len(some) == _HANDFUL or size >= _HANDFUL_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some
