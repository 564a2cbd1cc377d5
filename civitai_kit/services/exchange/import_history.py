"""Imports the image grabber's histories: every image that it remembered, with the place where its file lies now."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from civitai_kit.core.collection.entry import ImageRecord, Quality
from civitai_kit.core.collection.exchange import Exchanged, Passed, records_error
from civitai_kit.core.collection.histories import (
    MEDIA_ENDINGS,
    VIDEO_ENDINGS,
    OldImage,
    is_database,
    is_json_history,
    is_text_history,
    old_image,
    owner_of,
    read_json_history,
    read_text_history,
)
from civitai_kit.core.errors import Exit, Interrupted, UsageError
from civitai_kit.files.names import plain_name
from civitai_kit.services.exchange.exchange import ImportedFile, ImportParts
from civitai_kit.services.exchange.history_files import HistoryFiles

JSON_FORMAT, TEXT_FORMAT, DATABASE_FORMAT = "image_grabber_json", "image_grabber_txt", "image_grabber_sqlite"
# What a caller needs to tell these files from others: format and how it begins.
RECOGNISED = ((JSON_FORMAT, is_json_history), (TEXT_FORMAT, is_text_history), (DATABASE_FORMAT, is_database))
_BATCH = 1000
# The grabber's histories have some hundred bytes an image.
_LONGEST = 256 * 2**20
_LONGEST_LINE = 64 * 1024
_COPIED_AT_ONCE = 2**20
_HINT = "Name the image grabber's downloaded_images.json, .txt or tracking_database.sqlite, or a file of `db export`."
# An id from a plain list whose file was not found: it is not imported.
NOT_HERE = "not_here"


def import_history(parts: ImportParts, source: ImportedFile) -> Exchanged:
    """Read a history of any era, told by its content; relative paths are looked for from the working folder and the
    history's own.

    Raises UsageError for a file that is none, Interrupted when stopped; whole batches stay either way.
    """
    taking = _HistoryImport(parts, source.name)
    files = HistoryFiles.around(source.path, parts.disk.root / "images")
    kind = next((name for name, recognises in RECOGNISED if recognises(source.head)), None)
    if kind == JSON_FORMAT:
        taking.take_all(files, read_json_history(_whole(source), source.name))
    elif kind == TEXT_FORMAT:
        taking.take_ids(files, read_text_history(_lines(source.stream)))
    elif kind == DATABASE_FORMAT:
        with _database(source) as database:
            taking.take_all(files, _rows(database, source.name))
    else:
        raise UsageError(f"{source.name} is no history of images.", hint=_HINT, path=source.name)
    taking.flush()
    return taking.outcome(kind)


@dataclass
class _HistoryImport:
    """One import under way."""

    parts: ImportParts
    name: str
    images: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, ImageRecord] = field(default_factory=dict)

    def take_all(self, files: HistoryFiles, images: Iterable[OldImage | None]) -> None:
        """Every image of a history that says where they lie."""
        for old in images:
            if old is None:
                self.reasons[Passed.INVALID] += 1
            else:
                self._take(_record(old, files.find(old), self.parts.disk.root))

    def take_ids(self, files: HistoryFiles, ids: Iterable[int | None]) -> None:
        """Every id whose file lies in the tree of the images."""
        known = files.by_id()
        for number in ids:
            if number is None:
                self.reasons[Passed.INVALID] += 1
            elif (place := known.get(number)) is None:
                self.reasons[NOT_HERE] += 1
            else:
                self._take(_record(_old_of(number, place), place, self.parts.disk.root))

    def flush(self) -> None:
        """Write what is waiting, in one transaction."""
        if self.parts.stopped():
            raise Interrupted("Stopped in the middle of the import.", hint="Run it again: it goes on where it stopped.")
        self.images += self.parts.store.put_images(self.waiting.values())
        self.waiting.clear()

    def outcome(self, kind: str) -> Exchanged:
        """What it came to: 7 when some records made no sense and others were taken, 2 when none did."""
        wrong = self.reasons[Passed.INVALID]
        sound = self.images + self.reasons.total() - wrong
        return Exchanged(
            file=self.name,
            images=self.images,
            format=kind,
            reasons=dict(self.reasons.most_common()),
            rows=(records_error(wrong, self.name),) if wrong else (),
            exit_code=Exit.DONE if not wrong else Exit.SOME_FAILED if sound else Exit.USAGE,
        )

    def _take(self, record: ImageRecord) -> None:
        old = self.waiting.get(record.key) or self.parts.store.get_image(record.key)
        if old is not None and (not old.imported or old == record):
            self.reasons[Passed.SAME] += 1
            return
        self.waiting[record.key] = record
        if len(self.waiting) >= _BATCH:
            self.flush()


def _record(old: OldImage, place: Path | None, root: Path) -> ImageRecord:
    """The memory of an image; one whose file is not to be found has no path, and counts for nothing."""
    kind, target = (old.kind, old.target) if old.kind and old.target else owner_of(old.parts, old.image_id)
    ending = Path(old.parts[-1] if place is None else place.name).suffix.lower()
    return ImageRecord(
        kind=kind,
        target=target,
        image_id=old.image_id,
        quality=old.quality,
        path=None if place is None else _remembered(place, root),
        url=old.url,
        date=old.date,
        checkpoint=old.checkpoint,
        tags=old.tags,
        size=None if place is None else place.stat().st_size,
        media="video" if ending in VIDEO_ENDINGS else "image" if ending in MEDIA_ENDINGS else None,
        imported=True,
    )


def _remembered(place: Path, root: Path) -> str:
    """A path relative to the save path, absolute when it lies elsewhere."""
    try:
        return plain_name(place.relative_to(os.path.realpath(root)).as_posix())
    except ValueError:
        return plain_name(place.as_posix())


def _old_of(image_id: int, place: Path) -> OldImage:
    kind, target = owner_of(place.parts[1:], image_id)
    # That era had two qualities of one name, told by the extension: HD were PNG.
    quality = Quality.HD if place.suffix.lower() == ".png" else Quality.SD
    return OldImage(image_id=image_id, quality=quality, path=str(place), kind=kind, target=target)


@contextmanager
def _database(source: ImportedFile) -> Iterator[sqlite3.Connection]:
    """The database, open for reading; what comes through a pipe goes into a file first."""
    with tempfile.TemporaryDirectory(prefix="civitai-kit-") as folder:
        path = source.path
        if path is None:
            path = Path(folder) / "history.sqlite"
            with path.open("wb") as copy:
                shutil.copyfileobj(source.stream, copy, _COPIED_AT_ONCE)
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                database.row_factory = sqlite3.Row
                yield database
        except sqlite3.Error as error:
            raise UsageError(
                f"{source.name} cannot be read as the image grabber's database: {error}.",
                hint="It has a table `tracked_images`; close the program that has it open.",
                path=source.name,
            ) from error


def _rows(database: sqlite3.Connection, name: str) -> Iterator[OldImage | None]:
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "tracked_images" not in tables:
        raise UsageError(f"{name} is a database, and not the image grabber's.", hint=_HINT, path=name)
    for row in database.execute("SELECT * FROM tracked_images"):
        fields: dict[str, Any] = {key: row[key] for key in row.keys()}  # noqa: SIM118 - a Row is no mapping
        key = fields.get("image_key")
        tags = _tags(database, key) if "image_tags" in tables else []
        yield old_image(key, fields, tags) if isinstance(key, str) else None


def _whole(source: ImportedFile) -> bytes:
    content = source.stream.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise UsageError(f"{source.name} is longer than {_LONGEST:,} bytes.", hint=_HINT, path=source.name)
    return content


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Lines of text; one that is longer than any of a history comes in pieces that are none either."""
    while line := stream.readline(_LONGEST_LINE):
        yield line.decode("utf-8", "replace")


def _tags(database: sqlite3.Connection, key: Any) -> list[str]:
    found = database.execute("SELECT tag FROM image_tags WHERE image_key = ? ORDER BY tag", (key,))
    return [row[0] for row in found if isinstance(row[0], str)]
