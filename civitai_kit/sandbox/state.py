"""What the two hosts of one running sandbox share: the world, the faults to come, and the log of requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, overload

from civitai_kit.sandbox.faults import FaultBox
from civitai_kit.sandbox.worlds.world import World

API_KEY = "sandbox-key"
KEY_USER_ID = 4242
KEY_USER_NAME = "sandbox_user"


@dataclass(slots=True)
class RequestRecord:
    """One request that the sandbox was asked."""

    host: Literal["site", "storage"]
    """Which of the two hosts was asked."""
    method: str
    """`GET`, `POST` …"""
    path: str
    """Without the query."""
    query: str
    """As it came, without the question mark."""
    headers: dict[str, str]
    """Names in lower case."""
    started: float
    """By `time.monotonic()`."""
    status: int = 0
    """0 until the answer's headers are sent."""
    sent: int = 0
    """How many bytes of a body came from the storage."""


class RequestLog(Sequence[RequestRecord]):
    """The requests so far, from any thread; with `most`, the oldest are dropped from twice that number on."""

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


@dataclass(slots=True)
class SandboxState:
    """The world shown, the faults to come and the requests so far; `world` may be exchanged while it runs."""

    world: World
    faults: FaultBox = field(default_factory=FaultBox)
    requests: RequestLog = field(default_factory=RequestLog)
    site_url: str = ""
    storage_url: str = ""
