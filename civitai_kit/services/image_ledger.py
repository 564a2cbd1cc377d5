"""Records of images on their way into the store: written before an image counts, several in one transaction."""

from __future__ import annotations

import threading

from civitai_kit.core.entry import ImageRecord
from civitai_kit.services.image_ports import Album


class Ledger:
    """Takes records from many threads; whoever comes while another writes is written with the next batch."""

    def __init__(self, album: Album) -> None:
        self._album = album
        self._waiting: list[ImageRecord] = []
        self._adding = threading.Lock()
        self._writing = threading.Lock()

    def put(self, record: ImageRecord) -> None:
        """Remember an image; it is on disk when the call returns. Raises StoreError or DiskError."""
        with self._adding:
            self._waiting.append(record)
        with self._writing:
            with self._adding:
                batch, self._waiting = self._waiting, []
            if batch:
                self._album.put_images(batch)
