"""The journal on disk: replaced whole whenever more is synced, and marked in between with what has been written."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from civitai_kit.core.paths.our_names import LONGEST_JOURNAL
from civitai_kit.files.errors import writing
from civitai_kit.files.opening import open_own, read_own
from civitai_kit.files.replacing import replace
from civitai_kit.machine import boot
from civitai_kit.transfer.part.durable import write_temporary
from civitai_kit.transfer.part.journal import Journal, Marks, boot_line, mark_line, parse_journal, parse_marks

# Bytes of marks between two writings of the journal, which stays within its bound; more are not worth remembering.
_MOST_MARKS = LONGEST_JOURNAL // 2


class JournalFile:
    """One part's journal file and its marks; one thread writes, any may mark."""

    def __init__(self, path: Path) -> None:
        self.marks: Marks = {}
        self._path = path
        self._lock = threading.Lock()
        self._fd = -1
        self._marked = 0

    @property
    def is_kept(self) -> bool:
        """Whether there is one to which marks are added."""
        return self._fd >= 0

    def read(self) -> Journal | None:
        """What an earlier run has left, its marks too; None where that is no journal. Raises NotWritable."""
        with writing(self._path):
            try:
                content = read_own(self._path, LONGEST_JOURNAL)
            except FileNotFoundError:
                return None
        journal = parse_journal(content)
        self.marks = {} if journal is None else parse_marks(content, boot())
        return journal

    def write(self, journal: Journal, *, synced: bool = True) -> None:
        """Replace the file, on disk before it has the name if `synced`; keeps the marks beyond what is synced."""
        with self._lock:
            self.marks = {start: stop for start, stop in self.marks.items() if stop > journal.synced}
            before = dict(self.marks)
        lines = b"".join(mark_line(start, stop) for start, stop in before.items())
        lines = lines[: lines.rfind(b"\n", 0, _MOST_MARKS) + 1]
        with writing(self._path):
            temporary = write_temporary(self._path, journal.dump() + b"\n" + boot_line(boot()) + lines, synced=synced)
            with self._lock:
                self._take_place(temporary)
                self._marked = len(lines)
                for start, stop in self.marks.items():
                    if before.get(start) != stop:
                        self._append(start, stop)

    def mark(self, start: int, stop: int) -> None:
        """Note that the bytes from `start` up to before `stop` have been written, for the case that all is killed."""
        with self._lock:
            self.marks[start] = stop
            self._append(start, stop)

    def remove(self) -> None:
        """Remove the file; it claims nothing any more. Raises OSError."""
        with self._lock:
            self._close()
            self.marks = {}
            self._path.unlink(missing_ok=True)

    def forget_marks(self) -> None:
        """Let what was written and not synced count for nothing from the next writing on."""
        with self._lock:
            self.marks = {}

    def close(self) -> None:
        """Close the file; it stays."""
        with self._lock:
            self._close()

    def _take_place(self, temporary: Path) -> None:
        self._close()  # Windows replaces no open file.
        try:
            replace(temporary, self._path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self._fd = open_own(self._path, os.O_WRONLY | os.O_APPEND)

    def _append(self, start: int, stop: int) -> None:
        line = mark_line(start, stop)
        if self._fd < 0 or self._marked + len(line) > _MOST_MARKS:
            return
        self._marked += len(line)
        with suppress(OSError):  # A full disk is told of where the bytes themselves find no room.
            os.write(self._fd, line)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
