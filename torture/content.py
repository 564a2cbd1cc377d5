"""What the suite's own site shows: models, files and pictures as the real API words them, and bytes to go with them."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

# Not a power of two: bytes at a wrong offset are wrong bytes.
_PERIOD = 1_048_573
_READ = 1_048_576


class Body:
    """The bytes of a file, made when asked for: as large as need be, at no cost of memory."""

    def __init__(self, size: int, seed: int = 1) -> None:
        self.size = size
        self._seed = seed
        header = json.dumps({"t": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode().ljust(120)
        self._head = (struct.pack("<Q", len(header)) + header)[:size]

    @cached_property
    def _block(self) -> bytes:
        return random.Random(self._seed).randbytes(min(_PERIOD, self.size))

    @cached_property
    def sha256(self) -> str:
        """The digest of all of it."""
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return digest.hexdigest()

    def pieces(self, start: int, stop: int, most: int = _READ) -> Iterator[bytes]:
        """The bytes from `start` to `stop`, at most so many at a time."""
        while start < stop:
            piece = self._at(start, min(stop, start + most))
            yield piece
            start += len(piece)

    def read(self) -> bytes:
        """All of it, of a small one."""
        return b"".join(self.pieces(0, self.size))

    def _at(self, start: int, stop: int) -> bytes:
        if start < len(self._head):
            return self._head[start:stop]
        offset = start % len(self._block)
        return self._block[offset : offset + stop - start]


def file_row(file_id: int, name: str, body: Body) -> dict[str, Any]:
    """A file of a version."""
    return {
        "id": file_id,
        "name": name,
        "sizeKB": body.size / 1024,
        "type": "Model",
        "primary": True,
        "metadata": {"format": "SafeTensor", "size": None, "fp": None},
        "pickleScanResult": "Success",
        "virusScanResult": "Success",
        "hashes": {"SHA256": body.sha256.upper()},
    }


def version_row(version_id: int, model_id: int, files: Sequence[Any]) -> dict[str, Any]:
    """A version of a model."""
    return {
        "id": version_id,
        "modelId": model_id,
        "name": "v1",
        "baseModel": "SDXL 1.0",
        "status": "Published",
        "availability": "Public",
        "publishedAt": "2026-01-01T00:00:00.000Z",
        "trainedWords": [],
        "images": [],
        "files": list(files),
    }


def model_row(model_id: int, versions: Sequence[Any]) -> dict[str, Any]:
    """A model."""
    return {
        "id": model_id,
        "name": f"Model {model_id}",
        "type": "LORA",
        "nsfw": False,
        "nsfwLevel": 1,
        "poi": False,
        "availability": "Public",
        "mode": None,
        "tags": ["style"],
        "creator": {"username": "maker"},
        "modelVersions": list(versions),
    }


def picture_row(image_id: int, url: str, **over: Any) -> dict[str, Any]:
    """An image of the gallery."""
    return {
        "id": image_id,
        "url": url,
        "hash": "U",
        "width": 1,
        "height": 1,
        "nsfwLevel": "None",
        "nsfw": False,
        "browsingLevel": 1,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "postId": 5,
        "type": "image",
        "stats": {},
        "meta": {"prompt": "a cat", "Model": "foo"},
        "username": "maker",
        "baseModel": "SDXL 1.0",
        "modelVersionIds": [],
        **over,
    }


def png(text: str, size: int = 0) -> bytes:
    """A whole PNG of one pixel that says `text`, and `size` bytes more."""
    rows = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)), (b"tEXt", b"parameters\0" + text.encode())]
    if size:
        rows.append((b"prVt", random.Random(text).randbytes(size)))
    rows += [(b"IDAT", zlib.compress(b"\0\0\0\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in rows
    )
