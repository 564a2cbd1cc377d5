"""A site with one file of a few megabytes, fetchers for it, and small servers that misbehave byte by byte."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.events import Event, FileMoved, FileWaits
from civitai_kit.core.plans.order import Content, Fetched, Order, Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.sandbox.worlds.records import WorldFile, WorldVersion
from civitai_kit.testing import Sandbox, World
from civitai_kit.transfer.file.fetch import Fetcher
from civitai_kit.transfer.file.limits import Sizes

QUICK = RetryRules(max_retries=3, first_wait=0.002)
SIZE = 5_000_003


@dataclass
class Desk:
    """One file of the sandbox's, a folder to fetch it into, and what was heard on the way."""

    sandbox: Sandbox
    folder: Path
    version: WorldVersion
    file: WorldFile
    closing: ExitStack
    events: list[Event] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    sizes: Sizes = field(default_factory=Sizes)

    @property
    def url(self) -> str:
        """The file's download URL."""
        return f"{self.sandbox.url}/api/download/models/{self.version.id}?fileId={self.file.id}"

    @property
    def target(self) -> Path:
        """The final path."""
        return self.folder / "a folder" / "model.safetensors"

    @property
    def content(self) -> bytes:
        """The right bytes."""
        return b"".join(bytes(view) for view in self.file.body.views(0, self.file.body.size))

    @property
    def sha256(self) -> str:
        """The right digest."""
        return self.file.body.digests["SHA256"].lower()

    def sha256_of(self, length: int) -> str:
        """The digest of the first bytes."""
        return hashlib.sha256(self.content[:length]).hexdigest()

    def order(self, **changes: Any) -> Order:
        """The order for the file, proved by its SHA256 unless changed."""
        parts: dict[str, Any] = {
            "key": "model.safetensors",
            "urls": (self.url,),
            "target": self.target,
            "proof": Proof(sha256=self.sha256, size=self.file.body.size),
        }
        return Order(**{**parts, **changes})

    def fetcher(self, **changes: Any) -> Fetcher:
        """A fetcher for the sandbox with quick retries, closed at the end of the test."""
        parts: dict[str, Any] = {
            "site": self.sandbox.url,
            "api_key": self.sandbox.api_key,
            "user_agent": "civitai-kit-tests/1",
            "timeout": 2.0,
            "retries": QUICK,
            "stop": self.stop,
            "log": self.logged.append,
            "sizes": self.sizes,
        }
        return self.closing.enter_context(Fetcher(**{**parts, **changes}))

    def fetch(self, order: Order | None = None, **changes: Any) -> Fetched:
        """Fetch with a fetcher of its own."""
        return self.fetcher(**changes).fetch(order or self.order(), self.events.append)

    def asked(self, host: str) -> int:
        """How many requests a host has had."""
        return sum(record.host == host for record in self.sandbox.requests)

    def ranges(self) -> list[str]:
        """The Range headers that storage has had, empty where there was none."""
        return [record.headers.get("range", "") for record in self.sandbox.requests if record.host == "storage"]

    def names(self) -> list[str]:
        """What lies in the folder of the target."""
        return sorted(path.name for path in self.target.parent.iterdir()) if self.target.parent.exists() else []

    @property
    def waits(self) -> list[float]:
        """The seconds of every announced wait."""
        return [event.seconds for event in self.events if isinstance(event, FileWaits)]

    @property
    def moved(self) -> list[FileMoved]:
        """Every announced progress."""
        return [event for event in self.events if isinstance(event, FileMoved)]


@pytest.fixture
def desk(civitai_sandbox: Sandbox, tmp_path: Path) -> Iterator[Desk]:
    """A sandbox with one model file of five megabytes."""
    with ExitStack() as closing:
        yield make_desk(civitai_sandbox, tmp_path, closing, SIZE)


@pytest.fixture
def desk_of(civitai_sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[[int], Desk]]:
    """A sandbox with one model file of a size of the test's choice."""
    with ExitStack() as closing:
        yield lambda size: make_desk(civitai_sandbox, tmp_path, closing, size)


def make_desk(sandbox: Sandbox, folder: Path, closing: ExitStack, size: int) -> Desk:
    """A world with a model of one file."""
    world = World()
    version = world.add_version(world.add_model("Desk"))
    file = world.add_file(version, "model.safetensors", size=size)
    sandbox.reset(world)
    return Desk(sandbox, folder, version, file, closing)


__all__ = ["QUICK", "Content", "Desk"]
