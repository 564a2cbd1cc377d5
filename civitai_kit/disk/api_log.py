"""The log of questions and answers (`--log-api`): a line of JSON each, never with a secret in it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from civitai_kit.files.errors import writing
from civitai_kit.files.opening import open_own


class ApiLog:
    """Appends lines to a file; several threads may write. Raises NotWritable when the file cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            self._file = os.fdopen(descriptor, "a", encoding="utf-8")

    def write(self, exchange: Any) -> None:
        """Append one exchange: any dataclass of plain values."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **asdict(exchange)}
        with self._lock:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
