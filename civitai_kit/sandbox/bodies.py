"""The bytes behind a file: given outright, or made on the fly so that a huge file needs no memory."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Protocol

from blake3 import blake3

from civitai_kit.sandbox import digest_cache

BLOCK_SIZE = 1_048_573
"""Length of the repeated block: a prime just under 1 MiB, so that a part put at a wrong offset changes the hash."""

AUTO_V1_AT, AUTO_V1_LENGTH, AUTO_V1_FLOOR = 0x100000, 0x10000, 0x200000
HEADER_LIMIT = 16 * 1024 * 1024
CACHE_FLOOR = 64 * 1024 * 1024
"""From this size on digests are kept on disk between runs."""


class Body(Protocol):
    """A sequence of bytes of known length that can be read from any offset."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    @property
    def etag(self) -> str:
        """A strong validator, quotes included; the same bytes have the same one."""

    @property
    def digests(self) -> dict[str, str]:
        """The site's hash names and upper-case hex values (API facts 10.3)."""

    def views(self, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes from `start` up to `stop`, as views that are valid until the next one."""

    def altered(self) -> Body:
        """A body of the same length with other bytes."""


@cache
def block() -> bytes:
    """The block of noise that every generated file repeats."""
    return random.Random(BLOCK_SIZE).randbytes(BLOCK_SIZE)


@dataclass(frozen=True)
class GivenBody:
    """Bytes held in memory."""

    content: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.content)

    @cached_property
    def etag(self) -> str:
        """The MD5 of the bytes, as object stores do it."""
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'

    @cached_property
    def digests(self) -> dict[str, str]:
        """The site's hashes of the bytes."""
        return dict(_digests_of_content(self.content))

    def views(self, start: int, stop: int) -> Iterator[memoryview]:
        """One view of the wanted bytes."""
        yield memoryview(self.content)[start:stop]

    def altered(self) -> GivenBody:
        """The same bytes with the last one changed."""
        if not self.content:
            return self
        return GivenBody(self.content[:-1] + bytes([self.content[-1] ^ 0xFF]))


@dataclass(frozen=True)
class GeneratedBody:
    """A prefix, then the noise block over and over from a place that depends on the seed."""

    seed: str
    length: int
    prefix: bytes = b""

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.length

    @cached_property
    def etag(self) -> str:
        """A validator made of the seed and the length; multipart in form, as large objects have it."""
        mark = hashlib.md5(f"{self.seed}/{self.length}".encode(), usedforsecurity=False).hexdigest()
        return f'"{mark}-{self.length // BLOCK_SIZE + 1}"'

    @cached_property
    def digests(self) -> dict[str, str]:
        """The site's hashes, worked out once for a seed and length; large ones are kept on disk."""
        return dict(_digests_of_generated(self.seed, self.length, self.prefix))

    @cached_property
    def shift(self) -> int:
        """Where in the noise block this file starts."""
        return int.from_bytes(hashlib.sha256(self.seed.encode()).digest()[:4], "big") % BLOCK_SIZE

    def views(self, start: int, stop: int) -> Iterator[memoryview]:
        """Views of at most one block, first the prefix's share."""
        head = self.prefix[: self.length]
        if start < min(stop, len(head)):
            yield memoryview(head)[start:stop]
            start = min(stop, len(head))
        noise = memoryview(block())
        while start < stop:
            at = (start - len(head) + self.shift) % BLOCK_SIZE
            count = min(stop - start, BLOCK_SIZE - at)
            yield noise[at : at + count]
            start += count

    def altered(self) -> GeneratedBody:
        """The same header and length with other noise."""
        return GeneratedBody(self.seed + "~", self.length, self.prefix)


def safetensors_body(seed: str, size: int, metadata: dict[str, str] | None = None) -> GeneratedBody:
    """A valid safetensors file of exactly `size` bytes, one F16 tensor filled with noise.

    `size` must leave room for the header, some two hundred bytes; a smaller one is plain noise.
    """
    header = _header_for(size, {"format": "pt", "sandbox_seed": seed} | (metadata or {}))
    if header is None:
        return GeneratedBody(seed, size)
    return GeneratedBody(seed, size, header)


def _header_for(size: int, metadata: dict[str, str]) -> bytes | None:
    """Eight length bytes and JSON whose offsets end exactly at the file's end; None when it does not fit."""
    data_size = size
    for _ in range(4):
        packed = _pack_header(data_size, metadata, odd_padding=(size % 2 == 1))
        data_size = size - len(packed)
        if data_size < 2:
            return None
    return packed if data_size % 2 == 0 else None


def _pack_header(data_size: int, metadata: dict[str, str], *, odd_padding: bool) -> bytes:
    tensor = {"dtype": "F16", "shape": [data_size // 2], "data_offsets": [0, data_size]}
    text = json.dumps({"__metadata__": metadata, "sandbox.weight": tensor}, separators=(",", ":")).encode()
    padded = text.ljust(-(-len(text) // 64) * 64 + int(odd_padding))
    return len(padded).to_bytes(8, "little") + padded


@cache
def _digests_of_content(content: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(_digest(GivenBody(content)).items())


@cache
def _digests_of_generated(seed: str, length: int, prefix: bytes) -> tuple[tuple[str, str], ...]:
    body = GeneratedBody(seed, length, prefix)
    if length < CACHE_FLOOR:
        return tuple(_digest(body).items())
    name = hashlib.sha256(prefix + f"/{seed}/{length}/{BLOCK_SIZE}".encode()).hexdigest()
    return tuple(digest_cache.remembered(name, lambda: _digest(body)).items())


def _digest(body: Body) -> dict[str, str]:
    """Every hash the site's scanner writes, in its own forms (API facts 10.3)."""
    sha, blake, crc = hashlib.sha256(), blake3(), 0
    for view in body.views(0, body.size):
        sha.update(view)
        blake.update(view)
        crc = zlib.crc32(view, crc)
    hashes = {
        "SHA256": sha.hexdigest().upper(),
        "AutoV2": sha.hexdigest()[:10].upper(),
        "AutoV3": _sha256_from(body, _tensor_start(body))[:12].upper(),
        "BLAKE3": blake.hexdigest().upper(),
        "CRC32": crc.to_bytes(4, "little").hex().upper(),
    }
    if body.size >= AUTO_V1_FLOOR:
        hashes["AutoV1"] = _sha256_from(body, AUTO_V1_AT, AUTO_V1_AT + AUTO_V1_LENGTH)[:8].upper()
    return hashes


def _tensor_start(body: Body) -> int:
    if body.size < 8:
        return body.size
    length = int.from_bytes(b"".join(body.views(0, 8)), "little")
    return min(body.size, 8 + length) if length < HEADER_LIMIT else 8


def _sha256_from(body: Body, start: int, stop: int | None = None) -> str:
    sha = hashlib.sha256()
    for view in body.views(start, body.size if stop is None else stop):
        sha.update(view)
    return sha.hexdigest()
