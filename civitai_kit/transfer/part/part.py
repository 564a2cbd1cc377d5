"""The part file: bytes on their way to becoming a file, synced and journalled so that a crash wastes little."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from civitai_kit.core.errors import NotWritable
from civitai_kit.core.plans.digests import Digester, Digests
from civitai_kit.core.plans.order import Proof, Verdict
from civitai_kit.files.errors import writing
from civitai_kit.files.replacing import replace, sync_bytes, sync_folder
from civitai_kit.transfer.part.durable import open_locked
from civitai_kit.transfer.part.journal import JOURNAL_SUFFIX, PART_SUFFIX, Journal, Point, stretches
from civitai_kit.transfer.part.journal_file import JournalFile

_READ_SIZE = 1024 * 1024

# Bytes looked through at a time.
_SEARCH = 256 * 1024


class Part:
    """The bytes of one file so far: written, hashed, and partly known to be on disk.

    `written` and `hashed` count bytes from the start; `best` is the most that there ever were, which tells progress
    from going round in circles. One thread writes, one hashes, one records.
    """

    def __init__(self, target: Path, journal: Journal, names: frozenset[str]) -> None:
        self.target = target
        self.path = target.with_name(target.name + PART_SUFFIX)
        self.journal = journal
        self.written = self.hashed = self.best = 0
        self.resumed = 0
        self.ended = False
        self._names = names
        self._digester = Digester(names)
        self._journal_file = JournalFile(target.with_name(target.name + JOURNAL_SUFFIX))
        self._begun_at = 0
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = open_locked(self.path)

    @property
    def total(self) -> int | None:
        """The length that the storage names, None while unknown."""
        return self.journal.total

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return self.ended or (self.total is not None and self.written >= self.total)

    def digests(self) -> Digests:
        """The digests of the bytes hashed so far."""
        return self._digester.digests()

    # -- the bytes ------------------------------------------------------------------------------------------

    def write(self, chunk: memoryview) -> None:
        """Append a chunk."""
        with writing(self.path):
            while chunk:
                count = os.write(self._fd, chunk)
                self.written += count
                chunk = chunk[count:]
        self.best = max(self.best, self.written)
        self.mark(self._begun_at, self.written)

    def hash(self, chunk: memoryview) -> None:
        """Take the next written bytes into the digests."""
        self._digester.update(chunk)
        self.hashed += len(chunk)

    def head(self, length: int) -> bytes:
        """The first bytes of the file."""
        return self._read_at(0, length)

    def holds(self, mark: bytes | None) -> bool:
        """Whether these bytes stand anywhere in the part; never so for None."""
        if mark is None:
            return False
        starts = range(0, self.written, _SEARCH)
        return any(mark in self._read_at(start, _SEARCH + len(mark) - 1) for start in starts)

    def tail(self, length: int) -> bytes:
        """The last bytes of the file."""
        return self._read_at(max(0, self.written - length), length)

    def catch_up(self, end: int, check: Callable[[], None]) -> None:
        """Hash bytes that other descriptors have written, up to `end`, and go on after them."""
        with writing(self.path):
            self._hash_from_disk(end, check)
            self.written = end
            os.lseek(self._fd, end, os.SEEK_SET)
        self.best = max(self.best, end)

    def islands(self) -> list[tuple[int, int]]:
        """The stretches beyond `written` that are here, each from its start up to before its stop."""
        return stretches(self._journal_file.marks, self.written, self.total or 0)

    # -- remembering ----------------------------------------------------------------------------------------

    def announce(self) -> None:
        """Where a hash decides, have a journal from the first bytes on, so that a kill wastes none of them."""
        if self.journal.hash_decides and not self._journal_file.is_kept:
            self._journal_file.write(self.journal, synced=False)

    def mark(self, start: int, stop: int) -> None:
        """Note that these bytes have been written, by this descriptor or another."""
        if self.journal.hash_decides and self._journal_file.is_kept:
            self._journal_file.mark(start, stop)

    def learn(self, *, total: int | None, etag: str | None, modified: str | None) -> None:
        """Note what the storage says of the object."""
        self.journal = dataclasses.replace(self.journal, total=total, etag=etag, modified=modified)

    def point(self) -> Point:
        """The place that hashing has reached."""
        return Point(self.hashed, str(self._digester.digests().sha256))

    def record(self, point: Point) -> None:
        """Sync the bytes to disk, then journal the point: never the other way round."""
        if point.offset <= self.journal.synced:
            return
        with writing(self.path):
            sync_bytes(self._fd)
        journal = self.journal.with_point(point)
        self._journal_file.write(journal)
        self.journal = journal

    def resume(self, sources: frozenset[str], proof: Proof, check: Callable[[], None]) -> int:
        """Go on from an earlier run's bytes: those the journal vouches for and whose digest still agrees.

        Where the site promises a hash also those that were written and not synced; `go_back` takes them away again.
        Gives how many bytes were kept. Without a journal only a whole file that `proof` finds right is kept: it is
        what a crash just before the renaming leaves. Anything that does not fit begins from nothing.
        """
        journal = self._journal_file.read()
        if journal is None and self._is_whole(proof, check):
            self.ended = True
            self.best = self.resumed = self.written
            return self.resumed
        if journal is None or journal.source not in sources or journal.promise != self.journal.promise:
            self.restart()
            return 0
        with writing(self.path):
            self._keep_synced(journal, check)
            self._keep_unsynced(check)
        self._begun_at = self.written = self.best = self.resumed = self.hashed
        if not self.hashed:
            self.restart()
        return self.hashed

    def go_back(self, check: Callable[[], None]) -> bool:
        """Drop what was kept unsynced, and all after it: the hash was wrong. Says whether bytes before it are here."""
        if not self.journal.doubtful:
            return False
        self.journal = self.journal.before_doubt()
        self._journal_file.forget_marks()
        self._journal_file.write(self.journal)
        with writing(self.path):
            os.ftruncate(self._fd, self.journal.synced)
            self._rehash(self.journal.synced, check)
        self._begun_at = self.written = self.best = self.hashed
        self.resumed = min(self.resumed, self.hashed)
        self.ended = False
        return True

    def restart(self) -> None:
        """Begin from nothing; the journal goes first, so that it never claims more than there is."""
        with writing(self.path):
            self._journal_file.remove()
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
        self.journal = Journal(source=self.journal.source, promise=self.journal.promise)
        self.written = self.hashed = self.resumed = self._begun_at = 0
        self.ended = False
        self._digester = Digester(self._names)

    # -- the end --------------------------------------------------------------------------------------------

    def promote(self, final: Path) -> None:
        """Give the finished file its name: synced first, renamed after, the folder synced last."""
        with writing(self.path):
            sync_bytes(self._fd)
        if os.name == "nt":  # It renames no open file; elsewhere the lock is held until the name is right.
            self.close()
        with writing(final):
            # A journal left alone would vouch for bytes that are not there.
            self._journal_file.remove()
            replace(self.path, final)
            sync_folder(final.parent)
        self.close()

    def discard(self) -> None:
        """Remove the part and its journal."""
        self.close()
        with writing(self.path):
            self._journal_file.remove()
            self.path.unlink(missing_ok=True)

    def discard_if_empty(self) -> None:
        """Leave no empty part behind."""
        if not self.written and self._fd >= 0:
            self.discard()

    def close(self) -> None:
        """Close the file; the part stays."""
        self._journal_file.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # -- private --------------------------------------------------------------------------------------------

    def _keep_synced(self, journal: Journal, check: Callable[[], None]) -> None:
        proved = self._prove(journal.points, check)
        if proved != journal.points:  # Then what was written after them is worth nothing either.
            self._journal_file.forget_marks()
        self.journal = dataclasses.replace(journal, points=proved)
        if self.hashed != self.journal.synced:
            self._rehash(self.journal.synced, check)

    def _keep_unsynced(self, check: Callable[[], None]) -> None:
        """Keep what is marked, where a hash decides; drop all else, and journal that."""
        synced, size = self.journal.synced, os.fstat(self._fd).st_size
        most = size if self.total is None else min(size, self.total)
        kept = stretches(self._journal_file.marks, synced, most) if self.journal.hash_decides else []
        os.ftruncate(self._fd, kept[-1][1] if kept else synced)
        if kept:
            self.journal = self.journal.doubting(synced)
        if kept and kept[0][0] == synced:
            self._hash_from_disk(kept[0][1], check)
            self.record(self.point())
        else:
            self._journal_file.write(self.journal)
        os.lseek(self._fd, self.hashed, os.SEEK_SET)

    def _is_whole(self, proof: Proof, check: Callable[[], None]) -> bool:
        with writing(self.path):
            size = os.fstat(self._fd).st_size
            if not size or size != proof.size or not proof.has_hash:
                return False
            self._hash_from_disk(size, check)
        self.written = self.hashed
        return proof.judge(self.digests(), size) is Verdict.RIGHT

    def _prove(self, points: tuple[Point, ...], check: Callable[[], None]) -> tuple[Point, ...]:
        """The points up to the first whose bytes are not those that were synced."""
        size = os.fstat(self._fd).st_size
        proved = []
        os.lseek(self._fd, 0, os.SEEK_SET)
        for point in points:
            if point.offset > size:
                break
            self._hash_from_disk(point.offset, check)
            if self.point() != point:
                break
            proved.append(point)
        return tuple(proved)

    def _rehash(self, end: int, check: Callable[[], None]) -> None:
        self._digester = Digester(self._names)
        self.hashed = 0
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._hash_from_disk(end, check)

    def _hash_from_disk(self, end: int, check: Callable[[], None]) -> None:
        os.lseek(self._fd, self.hashed, os.SEEK_SET)
        while self.hashed < end:
            check()
            chunk = os.read(self._fd, min(_READ_SIZE, end - self.hashed))
            if not chunk:
                return
            self.hash(memoryview(chunk))

    def _read_at(self, offset: int, length: int) -> bytes:
        with writing(self.path):
            os.lseek(self._fd, offset, os.SEEK_SET)
            found = os.read(self._fd, length)
            os.lseek(self._fd, self.written, os.SEEK_SET)
        return found


@contextlib.contextmanager
def open_part(target: Path, journal: Journal, names: frozenset[str]) -> Iterator[Part]:
    """The part of `target`, locked while in the block; an empty one does not stay behind."""
    part = Part(target, journal, names)
    try:
        yield part
    finally:
        with contextlib.suppress(NotWritable):
            part.discard_if_empty()
        part.close()
