"""Events, drawn and logged: a live display on a terminal, one plain line for each finished item elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

from civitai_kit.cli.output.console import Console
from civitai_kit.cli.output.logs import log_event
from civitai_kit.cli.output.progress_lines import frame
from civitai_kit.cli.output.safe_text import cut, shown, width
from civitai_kit.core.amounts import shown_bytes, shown_seconds
from civitai_kit.core.codes import Code
from civitai_kit.core.events import (
    Event,
    FileDone,
    FileFailed,
    FileKept,
    FileWaits,
    SiteWaits,
    Warned,
)
from civitai_kit.core.under_way import State

FRAMES_A_SECOND = 8
# A pause that a person would wonder about.
LONG_WAIT_SEC = 3.0


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
        """Take an event from any thread: into the log, and into what is shown."""
        log_event(event)
        self.take(event)

    def take(self, event: Event) -> None:
        """Bring what is shown up to date."""
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
