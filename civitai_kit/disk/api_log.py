"""The log of questions and answers (`--log-api`): a line of JSON each, never with a secret in it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from civitai_kit.core.errors import DiskError
from civitai_kit.files.errors import writing
from civitai_kit.files.opening import open_own


class ApiLog:
    """Appends lines to a file; several threads may write.

    A log that cannot be written keeps nobody from the work: `failed` is told once, and nothing more is written.
    """

    def __init__(self, path: Path, failed: Callable[[DiskError], None]) -> None:
        self._path = path
        self._failed = failed
        self._lock = Lock()
        self._descriptor: int | None = None
        self._attempt(self._open)

    def write(self, exchange: Any) -> None:
        """Append one exchange: any dataclass of plain values."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **asdict(exchange)}
        content = json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            self._attempt(lambda: self._append(content))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = open_own(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def _append(self, content: bytes) -> None:
        left = memoryview(content)
        while left and self._descriptor is not None:
            left = left[os.write(self._descriptor, left) :]

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            with writing(self._path):
                act()
        except DiskError as error:
            self._close()
            self._failed(error)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
