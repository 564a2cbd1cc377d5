"""The six digests by which the site names a file, fed chunk by chunk in one pass (site.md 10.3)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Protocol

from blake3 import blake3

try:  # Three times zlib's rate, where the `speed` extra is installed.
    from isal.isal_zlib import crc32 as _crc32
except ImportError:
    _crc32 = zlib.crc32


class DigestName(StrEnum):
    """Our names of the digests, the same as the fields of `Digests`."""

    SHA256 = "sha256"
    AUTO_V1 = "auto_v1"
    AUTO_V2 = "auto_v2"
    AUTO_V3 = "auto_v3"
    BLAKE3 = "blake3"
    CRC32 = "crc32"


SITE_NAMES: dict[DigestName, str] = {
    DigestName.SHA256: "SHA256",
    DigestName.AUTO_V1: "AutoV1",
    DigestName.AUTO_V2: "AutoV2",
    DigestName.AUTO_V3: "AutoV3",
    DigestName.BLAKE3: "BLAKE3",
    DigestName.CRC32: "CRC32",
}

ALL: frozenset[str] = frozenset(DigestName)

# Two threads: SHA-256 of the whole file in one, the second SHA-256 (AutoV3) and the cheap rest in the other.
# With this split all six cost no more time than SHA-256 alone; join the two results with `Digests.joined`.
FIRST_HALF: frozenset[str] = frozenset({DigestName.SHA256, DigestName.AUTO_V2})
SECOND_HALF: frozenset[str] = ALL - FIRST_HALF


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of one file as lower-case hex; None means not computed, or that the digest does not apply."""

    sha256: str | None = None
    auto_v1: str | None = None
    auto_v2: str | None = None
    auto_v3: str | None = None
    blake3: str | None = None
    crc32: str | None = None

    def as_site_names(self) -> dict[str, str]:
        """The digests that are known, by the site's names (`SHA256`, `AutoV1` …), lower-case hex."""
        known = ((site, getattr(self, ours)) for ours, site in SITE_NAMES.items())
        return {site: value for site, value in known if value is not None}

    def joined(self, other: Digests) -> Digests:
        """These digests, and `other`'s where these have none (the two halves of a pass in two threads)."""
        found = {part.name: getattr(other, part.name) for part in fields(self) if getattr(self, part.name) is None}
        return replace(self, **found)


@dataclass(frozen=True, slots=True)
class FileStamp:
    """By what a file is known to be untouched: device, inode, size in bytes, modification time in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int


class Digester:
    """Computes the digests in `names` over a file's bytes, given in order in chunks of any size."""

    def __init__(self, names: frozenset[str] = ALL) -> None:
        wanted = {DigestName(name) for name in names}
        # AutoV2 is the head of SHA-256: one hash serves both.
        hashed = {DigestName.SHA256 if name is DigestName.AUTO_V2 else name for name in wanted}
        self._wanted = wanted
        self._gauges: dict[DigestName, _Gauge] = {name: _GAUGES[name]() for name in sorted(hashed)}
        self._updates: tuple[Callable[[memoryview], object], ...] = tuple(
            gauge.update for gauge in self._gauges.values()
        )

    def update(self, chunk: memoryview) -> None:
        """Take the next bytes of the file."""
        for update in self._updates:
            update(chunk)

    def digests(self) -> Digests:
        """The digests of the bytes so far; more may follow."""
        found = {name: gauge.hexdigest() for name, gauge in self._gauges.items()}
        sha256 = found.get(DigestName.SHA256)
        if sha256 is not None:
            found[DigestName.AUTO_V2] = sha256[:10]
        return Digests(**{str(name): found[name] for name in self._wanted})


class _Gauge(Protocol):
    def update(self, chunk: memoryview, /) -> object: ...

    def hexdigest(self) -> str | None: ...


class _Sha256:
    def __init__(self) -> None:
        sha256 = hashlib.sha256()
        self.update, self.hexdigest = sha256.update, sha256.hexdigest


class _Blake3:
    def __init__(self) -> None:
        # More threads gain nothing at these chunk sizes and would take a core from SHA-256.
        hasher = blake3(max_threads=1)
        self.update, self.hexdigest = hasher.update, hasher.hexdigest


class _Crc32:
    """CRC-32 (IEEE), printed in the site's order: least significant byte first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, chunk: memoryview) -> None:
        self._value = _crc32(chunk, self._value)

    def hexdigest(self) -> str:
        return self._value.to_bytes(4, "little").hex()


class _AutoV1:
    """SHA-256 of 64 KiB at 1 MiB, eight digits; files under 2 MiB have none."""

    _START, _END, _LEAST = 0x100000, 0x110000, 0x200000

    def __init__(self) -> None:
        self._window = hashlib.sha256()
        self._offset = 0

    def update(self, chunk: memoryview) -> None:
        start = self._offset
        self._offset += len(chunk)
        if self._offset > self._START and start < self._END:
            self._window.update(chunk[max(0, self._START - start) : self._END - start])

    def hexdigest(self) -> str | None:
        return self._window.hexdigest()[:8] if self._offset >= self._LEAST else None


class _AutoV3:
    """SHA-256 of what follows a safetensors header, twelve digits; the site computes it for any kind of file.

    The first eight bytes are the header's length; one of 16 MiB or more is taken for none, and then only
    these eight bytes are left out.
    """

    _LENGTH, _LONGEST = 8, 16 * 1024 * 1024

    def __init__(self) -> None:
        self._head = b""
        self._skip = 0
        self._tensors = hashlib.sha256()

    def update(self, chunk: memoryview) -> None:
        if len(self._head) < self._LENGTH:
            chunk = self._take_head(chunk)
        if self._skip:
            skipped = min(self._skip, len(chunk))
            self._skip -= skipped
            chunk = chunk[skipped:]
        if len(chunk):
            self._tensors.update(chunk)

    def hexdigest(self) -> str | None:
        return self._tensors.hexdigest()[:12] if len(self._head) == self._LENGTH else None

    def _take_head(self, chunk: memoryview) -> memoryview:
        missing = self._LENGTH - len(self._head)
        self._head += bytes(chunk[:missing])
        if len(self._head) == self._LENGTH:
            length = int.from_bytes(self._head, "little")
            self._skip = length if length < self._LONGEST else 0
        return chunk[missing:]


_GAUGES: dict[DigestName, Callable[[], _Gauge]] = {
    DigestName.SHA256: _Sha256,
    DigestName.AUTO_V1: _AutoV1,
    DigestName.AUTO_V3: _AutoV3,
    DigestName.BLAKE3: _Blake3,
    DigestName.CRC32: _Crc32,
}
