"""What happens while work runs; services and transfers emit these, the command line draws them.

`key` is the path of the item concerned, relative to the save path, unique within a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from civitai_kit.core.errors import CivitaiKitError


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page of a listing was worked through: totals so far."""

    pages: int
    models: int
    items: int


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run of `files` files with `size` bytes begins."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class FileStarted:
    """A transfer has taken its slot; `size` in bytes, None when unknown."""

    key: str
    size: int | None


@dataclass(frozen=True, slots=True)
class FileMoved:
    """`done` bytes of `size` are on disk (resumed ones included); emitted a few times a second at most."""

    key: str
    done: int
    size: int | None


@dataclass(frozen=True, slots=True)
class FileCame:
    """Every byte of a picture has come; what is left is work of this machine."""

    key: str


@dataclass(frozen=True, slots=True)
class FileWaits:
    """A transfer pauses `seconds` before another try; `why` is one sentence."""

    key: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class FileDone:
    """A file stands under its final name, proved; `received` bytes came over the network, `resumed` were there."""

    key: str
    size: int
    received: int
    resumed: int


@dataclass(frozen=True, slots=True)
class FileKept:
    """A right file was already there and was adopted or left."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file could not be had."""

    key: str
    error: CivitaiKitError


@dataclass(frozen=True, slots=True)
class SiteWaits:
    """The client pauses `seconds` before asking the site again; `why` is one sentence."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A sidecar, info file or image was written at `path` (relative to the save path)."""

    path: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is not as it should be, and the work goes on."""

    message: str
    hint: str | None = None


Event = (
    PageRead
    | RunStarted
    | FileStarted
    | FileMoved
    | FileCame
    | FileWaits
    | FileDone
    | FileKept
    | FileFailed
    | SiteWaits
    | Saved
    | Warned
)
Emit = Callable[[Event], None]
