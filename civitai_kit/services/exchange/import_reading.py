"""Lines of an export made ready for the store: read, checked, held against this disk, packed; also in a process beside.

Such a process loads this module: what it does not need stays out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from civitai_kit.core.collection.draft import Draft, Packed
from civitai_kit.core.collection.entry import FileRecord, ImageRecord, Status
from civitai_kit.core.collection.exchange import Passed
from civitai_kit.core.collection.exchange_lines import read_line, read_lines
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.services.upkeep.ports import Grounds

Pack = Callable[[Iterable[Draft]], list[Packed]]

# Lines of a block that are read together.
_HANDFUL = 64
_PENDING = {"status": Status.PENDING}


@dataclass(frozen=True, slots=True)
class Ready:
    """What a block of lines came to; a place is that of a line in the block, from 0.

    Entries as columns, each a tuple of one field of all: so they cross a pipe in half the time.
    """

    places: list[int]
    columns: list[tuple[Any, ...]]
    images: list[tuple[int, ImageRecord]]
    refused: list[tuple[int, Passed, str]]

    def entries(self) -> list[Packed]:
        """The entries, in the order of `places`."""
        return list(map(Packed._make, zip(*self.columns, strict=True)))


@dataclass(slots=True)
class Reader:
    """Reads blocks of whole lines; a copy of it in another process does the same."""

    disk: Grounds
    pack: Pack
    folders: dict[str, bool] = field(default_factory=dict)
    # A guess: the files of the entry to come are as little on this disk as those of the last one.
    all_away: bool = False

    def __call__(self, block: bytes) -> Ready:
        """What the lines of a block are to the store; empty ones are nothing."""
        ready = Ready([], [], [], [])
        drafts: list[Draft] = []
        for some in _handfuls(block):
            guess = self.all_away
            records = read_lines([line for _, line in some], away=guess)
            for (place, line), record in zip(some, records, strict=True):
                if isinstance(record, Draft):
                    ready.places.append(place)
                    drafts.append(self._as_it_is_here(record, line, guess))
                elif isinstance(record, ImageRecord):
                    ready.images.append((place, record))
                else:
                    ready.refused.append((place, record.reason, record.what))
        ready.columns.extend(zip(*self.pack(drafts), strict=True))
        return ready

    def draft(self, line: bytes) -> Draft:
        """The entry of a line that is known to hold one, as it is here."""
        return self._as_it_is_here(cast(Draft, read_line(line)), line, read_as_away=False)

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
                self.folders[top] = self.disk.locate(top).exists()
            return not self.folders[top] or self.disk.size(record.path) != record.size
        except UsageError:  # A link there leads out of the save path.
            return True


def _handfuls(block: bytes) -> Iterator[list[tuple[int, bytes]]]:
    """The lines that hold something, each with its place, some at a time."""
    lines = block.split(b"\n")
    for start in range(0, len(lines), _HANDFUL):
        yield [(place, line) for place, line in enumerate(lines[start : start + _HANDFUL], start) if line.strip()]
