"""Who is at an image now: of two jobs for the same bytes the second waits, and shares what the first has brought."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from civitai_kit.core.entry import Quality

_LOOK = 0.2
# Files brought lately that the store may not know of yet.
_MOST_LATELY = 1000


class Claims:
    """Images claimed by jobs, and where those brought lately lie; `stopped` is asked while waiting."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._claimed: set[tuple[int, Quality]] = set()
        self._lately: dict[tuple[int, Quality], Path] = {}
        self._change = threading.Condition()

    @contextmanager
    def claim(self, image_id: int, quality: Quality) -> Iterator[Path | None]:
        """Have an image to oneself; gives the file with its bytes where another job has brought it lately."""
        image = (image_id, quality)
        with self._change:
            while image in self._claimed and not self._stopped():
                self._change.wait(_LOOK)
            self._claimed.add(image)
            brought = self._lately.get(image)
        try:
            yield brought
        finally:
            with self._change:
                self._claimed.discard(image)
                self._change.notify_all()

    def bring(self, image_id: int, quality: Quality, place: Path) -> None:
        """An image lies there now."""
        with self._change:
            self._lately[image_id, quality] = place
            if len(self._lately) > _MOST_LATELY:
                del self._lately[next(iter(self._lately))]
