"""What a PNG carries beside its pixels: the ComfyUI workflow that made it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from civitai_kit.core.images.generation import graph_of

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A workflow of a thousand nodes has some hundred kilobytes; what unpacks to more is none.
_LONGEST_TEXT = 16 * 1024 * 1024


def workflow_in(png: bytes) -> Any | None:
    """The graph among a PNG's texts, `workflow` before `prompt`; None where there is none."""
    texts = dict(_texts(png))
    graphs = (graph_of(texts.get(keyword, "")) for keyword in ("workflow", "prompt"))
    return next((graph for graph in graphs if graph), None)


def _texts(png: bytes) -> Iterator[tuple[str, str]]:
    """Keyword and text of every tEXt, zTXt and iTXt chunk that can be read."""
    at = len(_SIGNATURE)
    if not png.startswith(_SIGNATURE):
        return
    while at + 8 <= len(png):
        length, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        payload = png[at + 8 : at + 8 + length]
        keyword, _, rest = payload.partition(b"\0")
        text = _text(kind, rest)
        if text is not None:
            yield keyword.decode("latin-1"), text
        at += 12 + length


def _text(kind: bytes, rest: bytes) -> str | None:
    match kind:
        case b"tEXt":
            return rest.decode("utf-8", "replace")
        case b"zTXt":
            return _unpacked(rest[1:])
        case b"iTXt":
            packed, rest = rest[:1] == b"\1", rest[2:]
            body = rest.partition(b"\0")[2].partition(b"\0")[2]
            return _unpacked(body) if packed else body.decode("utf-8", "replace")
        case _:
            return None


def _unpacked(body: bytes) -> str | None:
    try:
        return zlib.decompressobj().decompress(body, _LONGEST_TEXT).decode("utf-8", "replace")
    except zlib.error:
        return None
