"""A small picture: it is held in memory, proved there, and written once."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from civitai_kit.core.events import Emit, FileCame
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.order import Fetched, Order
from civitai_kit.files.errors import writing
from civitai_kit.files.replacing import replace, sync_bytes
from civitai_kit.transfer.file.attempts import Beginning, SharedParts
from civitai_kit.transfer.file.picture_formats import HEAD, media_suffix, with_media_suffix, wrong_picture
from civitai_kit.transfer.part.durable import create_locked
from civitai_kit.transfer.part.journal import PART_SUFFIX
from civitai_kit.transfer.progress import FileProgress

# A picture of at most this many bytes is held whole; clips and scans of paintings go through a part file.
_MOST = 4 * 1024 * 1024


ThroughPart = Callable[[SharedParts, Order, Emit, Beginning], Fetched]
"""Brings one file under its final name by way of a part file."""


def fetch_small_picture(shared: SharedParts, order: Order, emit: Emit, through_part: ThroughPart) -> Fetched:
    """Bring one picture under its final name; a large one, or one begun earlier, goes through a part file."""
    if os.path.lexists(f"{order.target}{PART_SUFFIX}"):
        return through_part(shared, order, emit, None)
    return _SmallPicture(shared, order, emit, through_part).bring()


@dataclass(frozen=True, slots=True)
class _HeldPicture:
    """A whole picture in memory."""

    content: bytes

    @property
    def written(self) -> int:
        return len(self.content)

    @property
    def total(self) -> int:
        return len(self.content)

    def head(self, length: int) -> bytes:
        return self.content[:length]

    def tail(self, length: int) -> bytes:
        return self.content[-length:]

    def holds(self, mark: bytes | None) -> bool:
        return mark is not None and mark in self.content


class _SmallPicture:
    """One picture on its way through memory."""

    def __init__(self, shared: SharedParts, order: Order, emit: Emit, through_part: ThroughPart) -> None:
        self._shared = shared
        self._through_part = through_part
        self._order = order
        self._emit = emit
        self._part = f"{order.target}{PART_SUFFIX}"
        self._source = shared.open_source(order.urls[0], order.content)
        self._progress = FileProgress(order.key, emit, shared.ticks)

    def bring(self) -> Fetched:
        """Bring it, or raise what is wrong with what came."""
        with self._source.open({}) as answer:
            if answer.status != 200 or answer.length is None or answer.length > _MOST:
                return self._through_part(self._shared, self._order, self._emit, answer)
            self._progress.begin(0, answer.length)
            came = _HeldPicture(self._shared.reader.fetch_small_picture(answer, self._progress.moved))
        if (wrong := wrong_picture(came)) is not None:
            raise wrong
        self._emit(FileCame(self._order.key))
        return self._put(came)

    def _put(self, held: _HeldPicture) -> Fetched:
        """Write the picture, on disk before it has its name."""
        target = Path(self._order.target)
        final = with_media_suffix(target, media_suffix(held.head(HEAD)) or target.suffix)
        sha256 = hashlib.sha256(held.content).hexdigest()
        with writing(target):
            try:
                fd = self._create(target.parent)
            except FileExistsError:
                # A part was left here in the meantime; what it is good for is found out by reading it.
                return self._through_part(self._shared, self._order, self._emit, None)
            self._write(fd, held.content, final)
        self._progress.end(held.written)
        return Fetched(
            path=final,
            size=held.written,
            digests=Digests(sha256=sha256, auto_v2=sha256[:10]),
            received=self._progress.received,
            resumed=0,
        )

    def _create(self, folder: Path) -> int:
        try:
            return create_locked(self._part)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            return create_locked(self._part)

    def _write(self, fd: int, content: bytes, final: Path) -> None:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(fd, left) :]
            sync_bytes(fd)
            if os.name != "nt":  # Windows renames no open file; elsewhere the lock is held until the name is right.
                replace(self._part, final)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._part)  # noqa: PTH108 - it is a text
            raise
        finally:
            os.close(fd)
        if os.name == "nt":
            replace(self._part, final)
