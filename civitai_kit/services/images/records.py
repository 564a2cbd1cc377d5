"""The records of images: what is here already, and new ones on their way into the store.

Records are written many in one transaction, so that a disk's sync delays no picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from civitai_kit.core.collection.entry import ImageRecord, Quality
from civitai_kit.core.errors import UsageError
from civitai_kit.core.images.request import ImagesRequest
from civitai_kit.core.images.targets import Target
from civitai_kit.files.names import system_name
from civitai_kit.machine import start_thread
from civitai_kit.services.images.ports import ImageFolder, ImageStore
from civitai_kit.services.ports import SavePath

# Seconds of work that a power cut may waste: pictures without a record are fetched again.
_PATIENCE = 0.1


@dataclass(frozen=True, slots=True)
class FoundImage:
    """The files of an image that are here: `own` is its record for this target, `source` a file of another target.

    `quality` is that of the file to fetch.
    """

    quality: Quality
    own: ImageRecord | None = None
    source: Path | None = None


class KeptImages:
    """Which images are here, by store and disk; a record counts for nothing when its file is gone or changed."""

    def __init__(self, disk: SavePath, out: ImageFolder, store: ImageStore, request: ImagesRequest) -> None:
        self._disk = disk
        self._out = out
        self._store = store
        self._request = request
        relative = out.relative_to(disk.root, out.root)
        # The output folder may be the save path itself.
        self._prefix = f"{out.root.absolute().as_posix()}/" if relative is None else f"{relative}/".removeprefix("./")

    def look(self, target: Target, image_id: int) -> FoundImage:
        """The files of an image that are here; none when everything is to be fetched again."""
        nothing = FoundImage(self._request.quality)
        if self._request.redownload:
            return nothing
        other: FoundImage | None = None
        for record in self._store.images_by_id(image_id):
            if not self._request.accepts(record) or (place := self._place(record)) is None:
                continue
            if target.holds(record):
                return FoundImage(record.quality, own=record)
            if other is None or record.quality is self._request.quality:
                other = FoundImage(record.quality, source=place)
        return other or nothing

    def remembered(self, path: str) -> str:
        """A path under the output folder as it is remembered: relative to the save path, absolute when outside."""
        return f"{self._prefix}{path}"

    def under_output(self, record: ImageRecord) -> str | None:
        """Where a recorded file lies under the output folder, None when it lies elsewhere."""
        if record.path is None or record.path.startswith(self._prefix):
            return record.path and record.path.removeprefix(self._prefix)
        return self._out.relative(self._absolute(record.path))

    def _place(self, record: ImageRecord) -> Path | None:
        """The recorded file, when it is there and unchanged."""
        if record.path is None:
            return None
        try:
            place = self._absolute(record.path)
        except UsageError:  # It would lead out of the save path.
            return None
        size = self._out.size_at(place)
        return place if size and (record.size is None or record.size == size) else None

    def _absolute(self, path: str) -> Path:
        if self._prefix and path.startswith(self._prefix):
            return self._out.locate(path.removeprefix(self._prefix))
        return Path(system_name(path)) if Path(path).is_absolute() else self._disk.locate(path)


class RecordWriter:
    """Takes records from many threads and writes them in one of its own, once the names of their files are on disk.

    An error of the store is raised at the next record, or at the end.
    """

    def __init__(self, store: ImageStore, sync: Callable[[Iterable[Path]], None]) -> None:
        self._store = store
        self._sync = sync
        self._waiting: list[tuple[ImageRecord, Path]] = []
        self._failure: Exception | None = None
        self._change = threading.Condition()
        self._closed = threading.Event()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Write while in the block; everything is on disk at its end. Raises StoreError or DiskError."""
        writer = start_thread(self._write, "writer")
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
        self._store.note_image(record)
        with self._change:
            self._raise_failure()
            self._waiting.append((record, place))
            if len(self._waiting) == 1:
                self._change.notify_all()

    def _write(self) -> None:
        while not self._closed.is_set() or self._waiting:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._closed.is_set())
            # Records that come in the next moment are written along with the first.
            self._closed.wait(_PATIENCE)
            with self._change:
                batch, self._waiting = self._waiting, []
            try:
                self._sync({place.parent for _, place in batch})
                self._store.put_images([record for record, _ in batch])
            except Exception as error:  # noqa: BLE001 - raised where the next record comes
                self._failure = error
                return

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
