"""Records of images on their way into the store: many in one transaction, so that a disk's sync delays no picture."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from civitai_kit.core.collection.entry import ImageRecord
from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.images.prompts import Match
from civitai_kit.core.images.report import FailedImage, Why
from civitai_kit.core.images.targets import Target
from civitai_kit.services.images.files import Placed
from civitai_kit.services.images.ports import Album

# Seconds of work that a kill may waste: pictures that are there and not yet remembered are fetched again.
_PATIENCE = 0.1


class Ledger:
    """Takes records from many threads and writes them in one of its own, after the names of their files are on disk.

    An error of the store is raised at the next record, or at the end.
    """

    def __init__(self, album: Album, sync: Callable[[Iterable[Path]], None]) -> None:
        self._album = album
        self._sync = sync
        self._waiting: list[tuple[ImageRecord, Path]] = []
        self._failure: Exception | None = None
        self._change = threading.Condition()
        self._closed = threading.Event()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Write while in the block; everything is on disk at its end. Raises StoreError or DiskError."""
        writer = threading.Thread(target=self._write, name="ledger", daemon=True)
        writer.start()
        try:
            yield
        finally:
            with self._change:
                self._closed.set()
                self._change.notify_all()
            writer.join()
        self._raise_failure()

    def put(self, record: ImageRecord, place: Path) -> None:
        """Remember an image soon; its file is there, at `place`."""
        with self._change:
            self._raise_failure()
            self._waiting.append((record, place))
            if len(self._waiting) == 1:
                self._change.notify_all()

    def _write(self) -> None:
        while not self._closed.is_set() or self._waiting:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._closed.is_set())
            # What comes in the next moment goes along.
            self._closed.wait(_PATIENCE)
            with self._change:
                batch, self._waiting = self._waiting, []
            try:
                self._sync({place.parent for _, place in batch})
                self._album.put_images([record for record, _ in batch])
            except Exception as error:  # noqa: BLE001 - raised where the next record comes
                self._failure = error
                return

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure


@dataclass(slots=True)
class TargetTally:
    """What came of one target so far."""

    seen: int = 0
    downloaded: int = 0
    skipped: int = 0
    failed: int = 0
    no_metadata: int = 0


@dataclass(slots=True)
class Tally:
    """What came of a run so far, with the reasons of everything that did not come."""

    reasons: Counter[str] = field(default_factory=Counter)
    matches: Counter[Match] = field(default_factory=Counter)
    failed: list[FailedImage] = field(default_factory=list)
    bytes: int = 0
    linked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, of: TargetTally, number: int) -> None:
        """So many images were listed."""
        with self._lock:
            of.seen += number

    def take(self, of: TargetTally, placed: Placed) -> None:
        """An image was put in its place."""
        with self._lock:
            of.downloaded += 1
            of.no_metadata += not placed.record.meta
            self.bytes += placed.received or 0
            self.linked += placed.received is None

    def pass_over(self, of: TargetTally, why: Why) -> None:
        """An image was not wanted, is there, or is gone."""
        with self._lock:
            of.skipped += 1
            self.reasons[str(why)] += 1

    def fail(self, of: TargetTally, target: Target, image_id: int, error: CivitaiKitError) -> None:
        """An image could not be had."""
        with self._lock:
            of.failed += 1
            self.reasons[str(error.code)] += 1
            self.failed.append(FailedImage(target, image_id, error))

    def match(self, match: Match) -> None:
        """An image passed the filter tags."""
        with self._lock:
            self.matches[match] += 1
