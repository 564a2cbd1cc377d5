"""The bytes behind a file: given outright, or made on the fly so that a huge file needs no memory."""

from __future__ import annotations

import hashlib
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Protocol

from civitai_kit.core.plans.digests import ALL, FIRST_HALF, SECOND_HALF, Digester, Digests

BLOCK_SIZE = 1_048_573
"""Length of the repeated block: a prime just under 1 MiB, so that a part put at a wrong offset changes the hash."""

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
        """The site's hash names and upper-case hex values (site.md 10.3)."""

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
    header = _header_for(size, seed, tuple((metadata or {}).items()))
    if header is None:
        return GeneratedBody(seed, size)
    return GeneratedBody(seed, size, header)


# The standard world is made anew for every test.
@lru_cache(1024)
def _header_for(size: int, seed: str, more: tuple[tuple[str, str], ...]) -> bytes | None:
    """Eight length bytes and JSON whose offsets end exactly at the file's end; None when it does not fit."""
    metadata = {"format": "pt", "sandbox_seed": seed, **dict(more)}
    # The offsets' digits are part of the header: those of the whole size are never fewer, the rest is padding.
    room = -(-len(_header_text(size, metadata)) // 64) * 64 + size % 2
    data_size = size - 8 - room
    if data_size < 2:
        return None
    return room.to_bytes(8, "little") + _header_text(data_size, metadata).ljust(room)


def _header_text(data_size: int, metadata: dict[str, str]) -> bytes:
    tensor = {"dtype": "F16", "shape": [data_size // 2], "data_offsets": [0, data_size]}
    return json.dumps({"__metadata__": metadata, "sandbox.weight": tensor}, separators=(",", ":")).encode()


@cache
def _digests_of_content(content: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(_digest(GivenBody(content)).items())


@cache
def _digests_of_generated(seed: str, length: int, prefix: bytes) -> tuple[tuple[str, str], ...]:
    body = GeneratedBody(seed, length, prefix)
    if length < CACHE_FLOOR:
        return tuple(_digest(body).items())
    name = hashlib.sha256(prefix + f"/{seed}/{length}/{BLOCK_SIZE}".encode()).hexdigest()
    return tuple(kept_digests(name, lambda: _digest(body)).items())


def _digest(body: Body) -> dict[str, str]:
    """Every hash the site's scanner writes, upper case as it does; large bodies are hashed in two threads."""
    if body.size < CACHE_FLOOR:
        known = _measured(body, ALL)
    else:
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(_measured, (body, body), (FIRST_HALF, SECOND_HALF))
        known = first.joined(second)
    return {name: value.upper() for name, value in known.as_site_names().items()}


def _measured(body: Body, names: frozenset[str]) -> Digests:
    digester = Digester(names)
    for view in body.views(0, body.size):
        digester.update(view)
    return digester.digests()


def kept_digests(name: str, compute: Callable[[], dict[str, str]]) -> dict[str, str]:
    """The digests stored under `name`; without any, what `compute` gives, stored for the next run if possible."""
    path = digest_folder() / f"{name}.json"
    try:
        known = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        known = None
    if isinstance(known, dict) and "SHA256" in known:
        return known
    digests = compute()
    _keep(path, digests)
    return digests


def digest_folder() -> Path:
    """Where digests of large bodies lie: in the temporary folder, for the next run."""
    return Path(tempfile.gettempdir()) / f"civitai-kit-sandbox-{_owner()}"


def _owner() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _keep(path: Path, digests: dict[str, str]) -> None:
    staged = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        staged.write_text(json.dumps(digests), encoding="ascii")
        staged.replace(path)
    except OSError:
        return
