"""What is under way, kept up to date by events: for whoever draws it, or tells another program."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from civitai_kit.core.codes import Code
from civitai_kit.core.events import (
    Asked,
    Event,
    FileCame,
    FileDone,
    FileFailed,
    FileKept,
    FileMoved,
    FileStarted,
    FileWaits,
    LockWaits,
    PageRead,
    RunStarted,
    Saved,
    SiteWaits,
    Warned,
)

# Speeds are those of the last seconds, so that a pause shows and an old spurt does not.
WINDOW_SEC = 5.0


@dataclass(slots=True)
class SpeedMeter:
    """Bytes over time: how many there are, and how fast they come now."""

    marks: deque[tuple[float, int]] = field(default_factory=deque)

    def mark(self, now: float, done: int) -> None:
        """Note that `done` bytes are there at `now`; a step back (a try from zero) begins anew."""
        if self.marks and done < self.marks[-1][1]:
            self.marks.clear()
        self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[0][0] > WINDOW_SEC:
            self.marks.popleft()

    def speed(self, now: float) -> float:
        """Bytes a second over the window."""
        if len(self.marks) < 2 or now - self.marks[-1][0] > WINDOW_SEC:
            return 0.0
        (begun, first), (_, last) = self.marks[0], self.marks[-1]
        return (last - first) / max(now - begun, 0.2)


@dataclass(slots=True)
class Moving:
    """One file on its way."""

    size: int | None
    done: int = 0
    waits: str = ""
    pace: SpeedMeter = field(default_factory=SpeedMeter)


@dataclass(slots=True)
class State:
    """What is going on, as the events told it."""

    files: int = 0
    size: int = 0
    finished: int = 0
    failed: int = 0
    settled_bytes: int = 0
    kept_bytes: int = 0
    page: PageRead | Asked | None = None
    pause: str = ""
    moving: dict[str, Moving] = field(default_factory=dict)
    pace: SpeedMeter = field(default_factory=SpeedMeter)

    def take(self, event: Event, now: float) -> None:
        """Bring the state up to date."""
        match event:
            case PageRead() | Asked():
                self.page, self.pause = event, ""
            case RunStarted():
                self.files, self.size, self.page, self.pause = event.files, event.size, None, ""
            case FileStarted():
                self.moving[event.key] = Moving(event.size)
            case FileMoved():
                self._move(event, now)
            case FileWaits():
                self.moving.setdefault(event.key, Moving(None)).waits = event.why
            case FileDone() | FileKept():
                self._settle(event.key, event.size)
            case FileFailed():
                self._fail(event)
            case SiteWaits() | LockWaits():
                self.pause = event.why
            case FileCame() | Saved() | Warned():
                pass

    def _move(self, event: FileMoved, now: float) -> None:
        file = self.moving.setdefault(event.key, Moving(event.size))
        file.size, file.done, file.waits = event.size or file.size, event.done, ""
        file.pace.mark(now, event.done)
        self.pace.mark(now, self.done_bytes)

    def _fail(self, event: FileFailed) -> None:
        """Count a failure; what a stop breaks off is none, and what it had is kept."""
        if event.error.code is Code.INTERRUPTED:
            broken_off = self.moving.pop(event.key, None)
            self.kept_bytes += broken_off.done if broken_off else 0
            return
        self.failed += 1
        self._settle(event.key, 0)

    def _settle(self, key: str, size: int) -> None:
        self.moving.pop(key, None)
        self.finished += 1
        self.settled_bytes += size

    @property
    def done_bytes(self) -> int:
        """Bytes that are there, of finished files and of those on their way."""
        return self.settled_bytes + sum(file.done for file in self.moving.values())
