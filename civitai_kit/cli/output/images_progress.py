"""Progress of images: thousands of small files whose number nobody knows beforehand."""

from __future__ import annotations

import threading

from civitai_kit.cli.output.console import Console
from civitai_kit.cli.output.progress import Progress
from civitai_kit.cli.output.safe_text import cut, shown
from civitai_kit.core.amounts import counted, shown_bytes
from civitai_kit.core.events import Event, FileDone, FileFailed, FileMoved, FileStarted, PageRead

# Names of files under way that are shown at once.
_MOST_NAMES = 4


class ImagesProgress(Progress):
    """Pages, pictures and bytes so far; on a terminal only what failed gets a line of its own."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._pages = PageRead(0, 0, 0)
        self._bytes = self._done = self._failed = 0
        self._under_way: dict[str, None] = {}
        self._counting = threading.Lock()
        self._live_here = console.is_terminal

    def take(self, event: Event) -> None:
        """Bring what is shown up to date."""
        match event:
            case FileMoved():
                return
            case PageRead():
                self._pages = event
                return
            case FileStarted():
                with self._counting:
                    self._under_way[event.key] = None
                return
            case FileDone() | FileFailed():
                self._end(event)
                if self._live_here and isinstance(event, FileDone):
                    return
            case _:
                pass
        super().take(event)

    def _end(self, event: FileDone | FileFailed) -> None:
        with self._counting:
            stem = event.key.rpartition(".")[0] if isinstance(event, FileDone) else event.key
            self._under_way.pop(stem, None)
            if isinstance(event, FileDone):
                self._done += 1
                self._bytes += event.size
            else:
                self._failed += 1

    def frame(self, columns: int, rows: int) -> list[str]:
        """The display as it stands now: what is under way, and a line for all."""
        with self._counting:
            names = [shown(key.rsplit("/", 1)[-1]) for key in [*self._under_way][:_MOST_NAMES]]
            pages, done, failed, size = self._pages, self._done, self._failed, self._bytes
        looked = f"{counted(pages.models, 'image')} on {counted(pages.pages, 'page')}, {pages.items:,} to fetch"
        came = f"{done:,} there{f', {failed:,} failed' if failed else ''}, {shown_bytes(size)}"
        lines = [f"  {', '.join(names)}"] if names else []
        pause = [shown(self.state.pause)] if self.state.pause else []
        return [cut(line, columns) for line in (*lines, *pause, f"{looked}; {came}")]
