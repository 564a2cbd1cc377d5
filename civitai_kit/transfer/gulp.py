"""The short walk of a small picture: it is held in memory, proved there, and written once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from civitai_kit.core.digests import Digester
from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.events import Emit, FileCame
from civitai_kit.core.order import Fetched, Order
from civitai_kit.transfer.answers import Setback
from civitai_kit.transfer.disk_errors import disk_errors
from civitai_kit.transfer.durable import open_locked, rename, sync_bytes
from civitai_kit.transfer.fill import Gear
from civitai_kit.transfer.journal import PART_SUFFIX
from civitai_kit.transfer.pictures import HEAD, media_suffix, with_media_suffix, wrong_picture
from civitai_kit.transfer.progress import Progress
from civitai_kit.transfer.walk import walk

# A picture of at most this many bytes is held whole; clips and scans of paintings take the long walk.
_MOST = 4 * 1024 * 1024

_NAMES = frozenset({"sha256", "auto_v2"})


def gulp(gear: Gear, order: Order, emit: Emit) -> Fetched:
    """Bring one picture under its final name as `walk` does; a large one, or one begun earlier, walks."""
    part = Path(order.target).with_name(order.target.name + PART_SUFFIX)
    if len(order.urls) != 1 or os.path.lexists(part):
        return walk(gear, order, emit)
    return _Gulp(gear, order, emit, part).bring()


@dataclass(frozen=True, slots=True)
class _Held:
    """A whole picture in memory."""

    content: bytes

    @property
    def written(self) -> int:
        return len(self.content)

    def head(self, length: int) -> bytes:
        return self.content[:length]

    def tail(self, length: int) -> bytes:
        return self.content[-length:]

    def holds(self, mark: bytes | None) -> bool:
        return mark is not None and mark in self.content


class _Gulp:
    """One picture's short walk; whatever comes in its way is left to the long one, which knows what to do."""

    def __init__(self, gear: Gear, order: Order, emit: Emit, part: Path) -> None:
        self._gear = gear
        self._order = order
        self._emit = emit
        self._part = part
        self._source = gear.open_source(order.urls[0], order.content)
        self._progress = Progress(order.key, emit, gear.ticks)

    def bring(self) -> Fetched:
        """Bring it; once more from nothing when what came is no whole picture."""
        wrong: CivitaiKitError | None = None
        for _ in range(2):
            came = self._attempt()
            if isinstance(came, Fetched):
                return came
            if (wrong := wrong_picture(came)) is None:
                self._emit(FileCame(self._order.key))
                return self._put(came)
            self._source.forget()
        assert wrong is not None
        raise wrong

    def _attempt(self) -> _Held | Fetched:
        """The picture's bytes, or what the long walk made of it."""
        try:
            with self._source.open({}) as answer:
                if answer.status != 200 or answer.length is None or answer.length > _MOST:
                    return walk(self._gear, self._order, self._emit, begun=answer)
                self._progress.begin(0, answer.length)
                return _Held(self._gear.mover.gulp(answer, self._progress.moved))
        except Setback as setback:
            return walk(self._gear, self._order, self._emit, begun=setback)

    def _put(self, held: _Held) -> Fetched:
        """Write the picture, on disk before it has its name."""
        final = with_media_suffix(Path(self._order.target), media_suffix(held.head(HEAD)) or self._order.target.suffix)
        digester = Digester(_NAMES)
        digester.update(memoryview(held.content))
        with disk_errors(self._part):
            fd = self._open()
            try:
                _write(fd, held.content)
                sync_bytes(fd)
                if os.name != "nt":  # Windows renames no open file; elsewhere the lock is held until the name is right.
                    rename(self._part, final)
            except BaseException:
                self._part.unlink(missing_ok=True)
                raise
            finally:
                os.close(fd)
            if os.name == "nt":
                rename(self._part, final)
        self._progress.end(held.written)
        return Fetched(
            path=final,
            size=held.written,
            digests=digester.digests(),
            received=self._progress.received,
            resumed=0,
        )

    def _open(self) -> int:
        if not os.path.isdir(self._part.parent):  # noqa: PTH112 - asked for every picture, a path costs more
            self._part.parent.mkdir(parents=True, exist_ok=True)
        return open_locked(self._part)


def _write(fd: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(fd, left) :]
