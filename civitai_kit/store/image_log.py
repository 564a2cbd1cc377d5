"""Image records noted before they are written: a line each, which outlives the process when that alone is killed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from civitai_kit.core.collection.entry import ImageRecord
from civitai_kit.files.opening import open_own, read_own
from civitai_kit.store.codec import Damaged, dump, parse

# Of those names that are ours wherever the database lies.
NAME = ".civitai-kit.images"
# More than a moment's pictures ever come to; what is longer is none of ours.
_LONGEST = 8 * 2**20


class ImageLog:
    """The records noted in a database folder; safe to use from many threads.

    A hint that costs no sync: where it cannot be written or read, pictures are fetched again after a kill, that is all.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._noted: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._fd = -1

    def left(self) -> list[ImageRecord]:
        """The whole records that an earlier process noted and did not write."""
        records = []
        try:
            lines = read_own(self._path, _LONGEST).split(b"\n")[:-1]
        except OSError:
            return []
        for line in lines:
            with suppress(Damaged):
                records.append(parse(ImageRecord, line))
        return records

    def note(self, record: ImageRecord) -> None:
        """Note a record that is about to be written."""
        line = dump(record) + b"\n"
        with self._lock, suppress(OSError):
            self._noted[record.key] = line
            if self._fd < 0:
                self._fd = open_own(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(self._fd, line)

    def forget(self, records: Iterable[ImageRecord]) -> None:
        """These are written."""
        with self._lock, suppress(OSError):
            known = len(self._noted)
            for record in records:
                self._noted.pop(record.key, None)
            if len(self._noted) < known and self._fd >= 0:
                os.ftruncate(self._fd, 0)
                os.write(self._fd, b"".join(self._noted.values()))

    def remove(self) -> None:
        """Remove what an earlier process has left."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file, and remove it unless records in it wait still."""
        with self._lock, suppress(OSError):
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
                if not self._noted:
                    self._path.unlink()
