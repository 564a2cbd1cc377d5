"""What the transfer room is asked for (Order), by what its bytes are proved (Proof), and what came (Fetched)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath

from civitai_kit.core.plans.digests import Digests


class Content(StrEnum):
    """What the body must be: a model file, or a picture or clip whose bytes decide its extension."""

    MODEL = "model"
    IMAGE = "image"


class Verdict(StrEnum):
    """What a proof says of bytes: right, wrong by hash, wrong by size, or nothing to judge by."""

    RIGHT = "right"
    WRONG_HASH = "wrong_hash"
    WRONG_SIZE = "wrong_size"
    UNPROVED = "unproved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the site promises of a file: SHA256 decides where given, else BLAKE3, else CRC32, else the size."""

    sha256: str | None = None
    blake3: str | None = None
    crc32: str | None = None
    size: int | None = None

    @property
    def has_hash(self) -> bool:
        """Whether a hash decides, not the size alone."""
        return bool(self.sha256 or self.blake3 or self.crc32)

    def judge(self, digests: Digests, size: int) -> Verdict:
        """Hold the digests and the length of some bytes against the promise (site.md 10.3: CRC32 in either order)."""
        if self.sha256:
            return _by_hash(digests.sha256 == self.sha256.lower())
        if self.blake3:
            return _by_hash(digests.blake3 == self.blake3.lower())
        if self.crc32:
            promised = self.crc32.lower()
            return _by_hash(digests.crc32 in (promised, bytes.fromhex(promised)[::-1].hex()))
        if self.size is not None:
            return Verdict.RIGHT if abs(self.size - size) <= size_tolerance(self.size) else Verdict.WRONG_SIZE
        return Verdict.UNPROVED


def size_tolerance(size: int) -> int:
    """How many bytes the site's rounded `sizeKB` may be off: none below 13 GB, then ten significant digits."""
    return 0 if size < 13 * 10**9 else size // 10**9


def _by_hash(equal: bool) -> Verdict:
    return Verdict.RIGHT if equal else Verdict.WRONG_HASH


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One file wanted: `urls` are absolute and tried in turn when the site answers 404 (site.md 7.2, 7.3).

    `target` is the absolute final path (for images its extension may change with the content). `key` names the
    item in events. `connections` over 1 fetches ranges side by side where the server allows it.
    """

    key: str
    urls: tuple[str, ...]
    target: PurePath
    proof: Proof = field(default_factory=Proof)
    content: Content = Content.MODEL
    connections: int = 1
    allow_hash_mismatch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came: the final `path`, its `size`, all `digests`, `received` bytes from the network and `resumed` bytes
    kept from an earlier part file; `mismatch` when a wrong hash was allowed to stay, `linked` when the bytes were here
    already and the file was placed by link or copy."""

    path: PurePath
    size: int
    digests: Digests
    received: int
    resumed: int
    mismatch: bool = False
    linked: bool = False
