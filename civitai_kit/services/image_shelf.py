"""Whether an image is here already: for this target, or for another whose bytes it can share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from civitai_kit.core.entry import ImageRecord, Quality
from civitai_kit.core.errors import UsageError
from civitai_kit.core.image_request import ImagesRequest
from civitai_kit.core.image_targets import Target
from civitai_kit.services.image_ports import Album, Walls
from civitai_kit.services.ports import Disk


@dataclass(frozen=True, slots=True)
class Found:
    """What is here of an image: `own` is its record for this target, else `source` a file of another with its bytes.

    `quality` is that of the file to be had.
    """

    quality: Quality
    own: ImageRecord | None = None
    source: Path | None = None


class Shelf:
    """Looks at store and disk; a record whose file is gone, or has another size, counts for nothing."""

    def __init__(self, disk: Disk, out: Walls, album: Album, request: ImagesRequest) -> None:
        self._disk = disk
        self._out = out
        self._album = album
        self._request = request
        relative = out.relative_to(disk.root, out.root)
        # The output folder may be the save path itself.
        self._prefix = f"{out.root.absolute().as_posix()}/" if relative is None else f"{relative}/".removeprefix("./")

    def look(self, target: Target, image_id: int) -> Found:
        """What is here of an image of a target; nothing where all is to be fetched anew."""
        nothing = Found(self._request.quality)
        if self._request.redownload:
            return nothing
        other: Found | None = None
        for record in self._album.images_by_id(image_id):
            if not self._request.accepts(record) or (place := self._place(record)) is None:
                continue
            if target.holds(record):
                return Found(record.quality, own=record)
            if other is None or record.quality is self._request.quality:
                other = Found(record.quality, source=place)
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
        """The recorded file, when it is there as it was left."""
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
        return Path(path) if Path(path).is_absolute() else self._disk.locate(path)
