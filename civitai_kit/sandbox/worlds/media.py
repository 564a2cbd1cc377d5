"""Tiny valid pictures and a clip, made from nothing: PNG, WebP, JPEG, GIF and MP4."""

from __future__ import annotations

import struct
import zlib
from functools import cache


@cache
def png(width: int = 8, height: int = 8, colour: tuple[int, int, int] = (200, 80, 40), text: str = "") -> bytes:
    """A PNG of one colour, with `text` as its `parameters` chunk when there is any."""
    rows = (b"\0" + bytes(colour) * width) * height
    parameters = b"parameters\0" + text.encode("latin-1", "replace")
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            _chunk(b"tEXt", parameters) if text else b"",
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


@cache
def webp(comment: str = "") -> bytes:
    """A lossless WebP of one pixel; `comment` makes it a different file without touching the picture."""
    pixel = bytes.fromhex("2f00000010071011118888fe0700")
    chunks = _riff(b"VP8L", pixel) + (_riff(b"XMP ", comment.encode()) if comment else b"")
    if comment:
        chunks = _riff(b"VP8X", struct.pack("<IHBHB", 0x04, 0, 0, 0, 0)) + chunks
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _riff(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


@cache
def jpeg(comment: str = "") -> bytes:
    """A baseline JPEG of 8 by 8 grey pixels; `comment` goes into a COM segment."""
    zigzag = bytes([16] * 64)
    segments = [
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        (0xFE, comment.encode()),
        (0xDB, b"\0" + zigzag),
        (0xC0, bytes.fromhex("080008000801011100")),
        (0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00"),
        (0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\x00"),
        (0xDA, bytes.fromhex("010100003f00")),
    ]
    body = b"".join(
        b"\xff" + bytes([mark]) + struct.pack(">H", len(payload) + 2) + payload for mark, payload in segments if payload
    )
    return b"\xff\xd8" + body + b"\x3f" + b"\xff\xd9"


@cache
def gif() -> bytes:
    """A GIF of one transparent pixel."""
    return bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


@cache
def mp4(seed: str = "", size: int = 2048) -> bytes:
    """A short MP4: file type, an empty movie and filler up to `size` bytes."""
    head = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + _box(b"moov", _box(b"mvhd", _movie_header()))
    room = max(size - len(head) - 8, len(seed.encode()))
    return head + _box(b"mdat", seed.encode().ljust(room, b"\0"))


def _movie_header() -> bytes:
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    return (
        struct.pack(">IIIII", 0, 0, 0, 1000, 1000)
        + struct.pack(">IH10x", 0x10000, 0x100)
        + matrix
        + bytes(24)
        + b"\0\0\0\2"
    )


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload) + 8) + kind + payload
