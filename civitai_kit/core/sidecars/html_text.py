"""Descriptions: their HTML as plain text and back, in one pass however hostile they are."""

from __future__ import annotations

import html
import re

_CODE = re.compile(r"<(?:script|style)\b", re.IGNORECASE)
_CODE_END = re.compile(r"</(?:script|style)\b", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|p|li|div|h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!?][^<>]*>", re.IGNORECASE)
# No character has a number that long, and Python refuses to read one of thousands of digits.
_NUMBER_TOO_LONG = re.compile(r"&#(?=\d{8})")


def plain_text(description: str) -> str:
    """A description without its tags: paragraphs and line breaks become lines."""
    words = _without_code(_without_comments(description))
    words = _TAG.sub("", _BREAK.sub("\n", words))
    words = html.unescape(_NUMBER_TOO_LONG.sub("&amp;#", words))
    lines = (" ".join(line.split()) for line in words.splitlines())
    return "\n".join(line for line in lines if line)


def as_html(words: str) -> str:
    """Plain text as a description that shows the same."""
    return html.escape(words, quote=False).replace("\n", "<br>")


def _without_comments(description: str) -> str:
    first, *others = description.split("<!--")
    return first + "".join(other.partition("-->")[2] for other in others)


def _without_code(description: str) -> str:
    first, *others = _CODE.split(description)
    ends = ((other, _CODE_END.search(other)) for other in others)
    return first + "".join(other[end.start() :] for other, end in ends if end is not None)
