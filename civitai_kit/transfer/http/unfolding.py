"""Unfolding a body that came compressed although nobody asked for it: a little at a time, so that no bomb goes off."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx2

_MOST_AT_ONCE = 256 * 1024

# Compressed bytes that unfold to nothing are read up to here.
_MOST_FOR_NOTHING = 1024 * 1024

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def is_folded(coding: str) -> bool:
    """Whether a Content-Encoding is unfolded here; anything else, and several of them, leave a body as it comes."""
    return coding in ("gzip", "x-gzip", "deflate")


def unfold(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The unfolded bytes, at most 256 KiB each; raises DecodingError where they are broken, cut or next to none."""
    unfolding = zlib.decompressobj(_GZIP_OR_ZLIB)
    came = given = 0
    for chunk in chunks:
        came += len(chunk)
        left = chunk
        while left and not unfolding.eof:
            piece = _unfolded(unfolding, left)
            left = unfolding.unconsumed_tail
            given += len(piece)
            if piece:
                yield piece
        if unfolding.eof:
            return
        if came > given + given // 8 + _MOST_FOR_NOTHING:
            raise httpx2.DecodingError("it unfolds to nothing")
    if came and not unfolding.eof:
        raise httpx2.DecodingError("it ends too early")


def _unfolded(unfolding: zlib._Decompress, left: bytes) -> bytes:
    try:
        return unfolding.decompress(left, _MOST_AT_ONCE)
    except zlib.error as error:
        raise httpx2.DecodingError(str(error)) from error
