"""What happens while work runs; services and transfers emit these, the command line draws them.

`key` is the path of the item concerned, relative to the save path, unique within a run. They are tuples because a run
of small pictures makes thousands a second, and a frozen dataclass takes three times as long, as a class and as a value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from civitai_kit.core.errors import CivitaiKitError


class PageRead(NamedTuple):
    """A page of a listing was worked through: totals so far."""

    pages: int
    models: int
    items: int


class Asked(NamedTuple):
    """So many things (`thing` names one) were asked about so far."""

    number: int
    thing: str


class RunStarted(NamedTuple):
    """A run of `files` files with `size` bytes begins."""

    files: int
    size: int


class FileStarted(NamedTuple):
    """A transfer has taken its slot; `size` in bytes, None when unknown."""

    key: str
    size: int | None


class FileMoved(NamedTuple):
    """`done` bytes of `size` are on disk (resumed ones included); emitted a few times a second at most."""

    key: str
    done: int
    size: int | None


class FileCame(NamedTuple):
    """Every byte of a picture has come; what is left is work of this machine."""

    key: str


class FileWaits(NamedTuple):
    """A transfer pauses `seconds` before another try; `why` is one sentence, `too_fast` that the host asks for less."""

    key: str
    seconds: float
    why: str
    too_fast: bool = False


class FileDone(NamedTuple):
    """A file stands under its final name, proved; `received` bytes came over the network, `resumed` were there."""

    key: str
    size: int
    received: int
    resumed: int


class FileKept(NamedTuple):
    """A right file was already there and was adopted or left."""

    key: str
    size: int


class FileFailed(NamedTuple):
    """A file could not be had."""

    key: str
    error: CivitaiKitError


class SiteWaits(NamedTuple):
    """The client pauses `seconds` before asking the site again; `why` is one sentence."""

    seconds: float
    why: str


class LockWaits(NamedTuple):
    """The run waits until another program no longer writes under the save path; `why` is one sentence."""

    why: str


class Saved(NamedTuple):
    """A sidecar, info file or image was written at `path` (relative to the save path)."""

    path: str


class Warned(NamedTuple):
    """Something is not as it should be, and the work goes on."""

    message: str
    hint: str | None = None


Event = (
    PageRead
    | Asked
    | RunStarted
    | FileStarted
    | FileMoved
    | FileCame
    | FileWaits
    | FileDone
    | FileKept
    | FileFailed
    | SiteWaits
    | LockWaits
    | Saved
    | Warned
)
Emit = Callable[[Event], None]
