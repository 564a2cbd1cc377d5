"""Progress of images: thousands of small files whose number nobody knows beforehand."""

from __future__ import annotations

import threading
import time

from civitai_kit.cli.cleaning import cut, shown
from civitai_kit.cli.console import Console
from civitai_kit.cli.progress import Progress
from civitai_kit.core.amounts import shown_bytes
from civitai_kit.core.events import Event, FileDone, FileFailed, PageRead

# Names of files under way that are shown at once.
_MOST_NAMES = 4


class ImagesProgress(Progress):
    """Pages, pictures and bytes so far; on a terminal only what failed gets a line of its own."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._pages = PageRead(0, 0, 0)
        self._counting = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Take an event from any thread."""
        if isinstance(event, PageRead):
            with self._counting:
                self._pages = event
            return
        if isinstance(event, FileDone) and self.console.is_terminal:
            with self._counting:
                self.state.take(event, time.monotonic())
            return
        super().__call__(event)
        if isinstance(event, FileFailed):
            with self._counting:
                self.state.moving.pop(event.key, None)

    def frame(self, columns: int, rows: int) -> list[str]:
        """The display as it stands now: a line in all, and some of what is under way."""
        with self._counting:
            state, pages = self.state, self._pages
            names = [shown(key.rsplit("/", 1)[-1]) for key in [*state.moving][:_MOST_NAMES]]
            speed = state.pace.speed(time.monotonic())
            done = state.done_bytes
        failed = f", {state.failed:,} failed" if state.failed else ""
        looked = f"{pages.models:,} images on {pages.pages:,} pages, {pages.items:,} to fetch"
        came = f"{state.finished - state.failed:,} there{failed}, {shown_bytes(done)}, {shown_bytes(speed)}/s"
        lines = [cut(f"{looked}; {came}", columns)]
        if state.pause:
            lines.append(cut(shown(state.pause), columns))
        return [cut(f"  {', '.join(names)}", columns), *lines] if names else lines
