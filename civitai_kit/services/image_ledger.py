"""Records of images on their way into the store: many in one transaction, so that a disk's sync delays no picture."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from civitai_kit.core.entry import ImageRecord
from civitai_kit.services.image_ports import Album

# Seconds of work that a kill may waste: pictures that are there and not yet remembered are fetched again.
_PATIENCE = 0.1


class Ledger:
    """Takes records from many threads and writes them in one of its own; an error of the store is raised at the next
    record, or at the end."""

    def __init__(self, album: Album) -> None:
        self._album = album
        self._waiting: list[ImageRecord] = []
        self._failure: Exception | None = None
        self._change = threading.Condition()
        self._closed = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """Write while in the block; everything is on disk at its end. Raises StoreError or DiskError."""
        writer = threading.Thread(target=self._write, name="ledger", daemon=True)
        writer.start()
        try:
            yield
        finally:
            with self._change:
                self._closed = True
                self._change.notify_all()
            writer.join()
        self._raise_failure()

    def put(self, record: ImageRecord) -> None:
        """Remember an image soon; its file is there."""
        with self._change:
            self._raise_failure()
            self._waiting.append(record)
            self._change.notify_all()

    def _write(self) -> None:
        while not self._closed or self._waiting:
            with self._change:
                if not self._waiting:
                    self._change.wait()
                    # What comes in the next moment goes along.
                    self._change.wait_for(lambda: self._closed, _PATIENCE)
                batch, self._waiting = self._waiting, []
            try:
                self._album.put_images(batch)
            except Exception as error:  # noqa: BLE001 - raised where the next record comes
                self._failure = error
                return

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
