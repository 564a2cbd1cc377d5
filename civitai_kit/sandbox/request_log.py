"""What was asked of the pretend site, in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload


@dataclass(slots=True)
class RequestRecord:
    """One request; `status` is 0 until the answer's headers are sent, `started` is `time.monotonic()`."""

    host: Literal["site", "storage"]
    method: str
    path: str
    query: str
    headers: dict[str, str]
    started: float
    status: int = 0


class RequestLog(Sequence[RequestRecord]):
    """A list of requests that several threads may write to; with `most` it forgets the oldest beyond twice that."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._records: list[RequestRecord] = []

    def add(self, record: RequestRecord) -> None:
        """Append one."""
        with self._lock:
            self._records.append(record)
            if self._most is not None and len(self._records) > 2 * self._most:
                del self._records[: -self._most]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._records.clear()

    @overload
    def __getitem__(self, index: int) -> RequestRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[RequestRecord]: ...
    def __getitem__(self, index: int | slice) -> RequestRecord | list[RequestRecord]:
        with self._lock:
            return self._records[index]

    def __iter__(self) -> Iterator[RequestRecord]:
        with self._lock:
            return iter(list(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"RequestLog({list(self)!r})"
