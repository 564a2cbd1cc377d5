"""The text of a file that a person or another tool made: UTF-8, or UTF-16 as Windows programs write it."""

from __future__ import annotations

import codecs

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(content: bytes) -> str:
    """The text, without a byte order mark; raises UnicodeDecodeError where it is none of these encodings."""
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    return content.decode(marked or _unmarked(content))


def _unmarked(content: bytes) -> str:
    """UTF-8, unless every second byte at the start is zero: Latin text in UTF-16 whose mark is missing."""
    start = content[: len(content) // 2 * 2][:200]
    if start and not any(start[1::2]):
        return "utf-16-le"
    return "utf-16-be" if start and not any(start[::2]) else "utf-8-sig"
