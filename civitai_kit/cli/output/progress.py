"""Events, drawn: a live display on a terminal, one plain line for each finished item elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from civitai_kit.cli.output.console import Console
from civitai_kit.cli.output.safe_text import cut, padded, shown, width
from civitai_kit.core.amounts import shown_bytes, shown_seconds
from civitai_kit.core.codes import Code
from civitai_kit.core.events import (
    Event,
    FileCame,
    FileDone,
    FileFailed,
    FileKept,
    FileMoved,
    FileStarted,
    FileWaits,
    PageRead,
    RunStarted,
    Saved,
    SiteWaits,
    Warned,
)

FRAMES_A_SECOND = 8
# Speeds are those of the last seconds, so that a pause shows and an old spurt does not.
WINDOW_SEC = 5.0
# A pause that a person would wonder about.
LONG_WAIT_SEC = 3.0


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
        if len(self.marks) < 2:
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
    page: PageRead | None = None
    pause: str = ""
    moving: dict[str, Moving] = field(default_factory=dict)
    pace: SpeedMeter = field(default_factory=SpeedMeter)

    def take(self, event: Event, now: float) -> None:
        """Bring the state up to date."""
        match event:
            case PageRead():
                self.page, self.pause = event, ""
            case RunStarted():
                self.files, self.size, self.page = event.files, event.size, None
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
            case SiteWaits():
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


class Progress:
    """The sink of a command's events; a context manager, so that the terminal is left as it was."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.state = State()
        self._lock = threading.Lock()
        self._live: Any = None
        # The same notice comes each time that the parts are opened: before the yes, and after it.
        self._warned: set[Warned] = set()

    def __enter__(self) -> Self:
        """Begin to draw, where somebody watches."""
        if self.console.is_terminal and not self.console.quiet:
            self._live = _Live(self)
            self.console.display = self._live
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wipe the display away."""
        self.pause()

    def pause(self) -> None:
        """Stop drawing, for good or for a question; what is said then goes straight to stderr."""
        self.console.display = None
        if self._live is not None:
            self._live.stop()
            self._live = None

    def ask(self, question: str) -> bool:
        """A question with yes or no, the display out of its way; UsageError where nobody can answer.

        After a no nothing is drawn any more.
        """
        self.pause()
        agreed = self.console.ask(question, flag="--yes")
        if agreed:
            self.__enter__()
        return agreed

    def __call__(self, event: Event) -> None:
        """Take an event from any thread."""
        with self._lock:
            self.state.take(event, time.monotonic())
        self._say(event)

    def frame(self, columns: int, rows: int) -> list[str]:
        """The display as it stands now."""
        with self._lock:
            return frame(self.state, time.monotonic(), columns, rows)

    def _say(self, event: Event) -> None:
        match event:
            case FileDone():
                resumed = f" ({shown_bytes(event.resumed)} kept from before)" if event.resumed else ""
                self._tell_place("done    ", event.key, f"{shown_bytes(event.size)}{resumed}")
            case FileKept():
                self._tell_place("there   ", event.key, shown_bytes(event.size))
            case FileFailed() if event.error.code is not Code.INTERRUPTED:
                # Its whole path and what helps are in the list at the end.
                name = event.key.rsplit("/", 1)[-1]
                self._tell_failure(shown(name), shown(event.error.message))
            case SiteWaits() | FileWaits() if event.seconds >= LONG_WAIT_SEC:
                self.console.tell(f"waiting {shown_seconds(event.seconds)}: {shown(event.why)}")
            case Warned() if event not in self._warned:
                self._warned.add(event)
                self.console.warn(event.message, event.hint)
            case _:
                pass

    def _tell_place(self, what: str, key: str, facts: str) -> None:
        """One line for a finished item, its path cut to the terminal, whole elsewhere."""
        place = shown(key)
        if (columns := self._columns()) is not None:
            place = cut(place, max(12, columns - len(what) - len(facts) - 2))
        self.console.tell(f"{what}{place}  {facts}")

    def _tell_failure(self, name: str, why: str) -> None:
        """One line for a failure; on a terminal name and reason share it."""
        if (columns := self._columns()) is not None:
            room = max(24, columns - len("failed    "))
            name = cut(name, max(room // 2, room - width(why)))
            why = cut(why, room - width(name))
        self.console.tell(f"failed  {name}  {why}")

    def _columns(self) -> int | None:
        """The columns of a terminal that is drawn on, None elsewhere."""
        live: Any = self._live
        return None if live is None else live.terminal.width


def frame(state: State, now: float, columns: int, rows: int) -> list[str]:
    """A line for each file on its way, as many as fit, and one for all."""
    if state.page is not None:
        read = f"{state.page.models:,} models read, {state.page.items:,} files to fetch"
        return [cut(f"page {state.page.pages:,}: {read}{f' · {shown(state.pause)}' if state.pause else ''}", columns)]
    if not state.files:
        return [cut(shown(state.pause), columns)] if state.pause else []
    room = max(1, rows - 3)
    moving = list(state.moving.items())
    lines = [_file_line(key, file, now, columns) for key, file in moving[:room]]
    hidden = [f"… and {len(moving) - room} more under way"] if len(moving) > room else []
    return [*lines, *(cut(line, columns) for line in (*hidden, _total_line(state, now)))]


def _file_line(key: str, file: Moving, now: float, columns: int) -> str:
    speed = file.pace.speed(now)
    size = shown_bytes(file.size) if file.size is not None else "?"
    share = f"{min(100, 100 * file.done // file.size):>3}%" if file.size else "    "
    left = shown_seconds((file.size - file.done) / speed) if file.size and speed >= 1 else "-"
    state = shown(file.waits) if file.waits else f"{shown_bytes(speed)}/s  {left}"
    facts = f"{share}  {padded(size, 8, right=True)}  {padded(state, 20)}".rstrip()
    room = max(8, columns - max(width(facts), 36) - 2)
    name = cut(shown(key.rsplit("/", 1)[-1]), room)
    return cut(f"{padded(name, room)}  {facts}", columns)


def _total_line(state: State, now: float) -> str:
    speed = state.pace.speed(now)
    done = state.done_bytes
    left = f"  {shown_seconds((state.size - done) / speed)} left" if speed >= 1 and state.size > done else ""
    failed = f", {state.failed} failed" if state.failed else ""
    amounts = f"{shown_bytes(done)} of {shown_bytes(state.size)}"
    return f"{state.finished:,} of {state.files:,} files{failed}  {amounts}  {shown_bytes(speed)}/s{left}"


class _Live:
    """The display at the bottom of the terminal, through rich."""

    def __init__(self, progress: Progress) -> None:
        from rich.console import Console as Terminal
        from rich.live import Live

        self.terminal = Terminal(file=sys.stderr, no_color=not progress.console.color, highlight=False)
        self.progress = progress
        self.live = Live(
            console=self.terminal,
            get_renderable=self._drawn,
            refresh_per_second=FRAMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        self.live.start()

    def stop(self) -> None:
        self.live.stop()

    def above(self, line: str) -> None:
        """Print a line above the display; its colours are ours, its text is cleaned already."""
        from rich.text import Text

        self.terminal.print(Text.from_ansi(line), soft_wrap=True)

    def _drawn(self) -> Any:
        from rich.text import Text

        size = self.terminal.size
        return Text("\n".join(self.progress.frame(size.width - 1, size.height)), no_wrap=True, overflow="crop")
