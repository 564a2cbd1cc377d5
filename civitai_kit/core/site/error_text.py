"""The site's own words out of its error bodies, which have many shapes (site.md 1.4)."""

from __future__ import annotations

import re
from typing import Any

from civitai_kit.core.site.strict_json import NotJson, parse_json
from civitai_kit.core.url_keys import without_keys

# An error longer than this is cut: it is for reading.
LONGEST_MESSAGE = 400


def error_text(body: bytes) -> str | None:
    """The site's own words out of any of its error bodies, on one line (site.md 1.4); None where it has none."""
    try:
        return _words(parse_json(body))
    except NotJson:
        return one_line(body.decode("utf-8", "replace")) if body[:1] not in (b"<", b"{", b"[") and body else None


def one_line(text: str) -> str | None:
    """One readable line: no control characters, no markup, no keys, not too long; None for nothing."""
    plain = re.sub(r"</?[A-Za-z!][^<>]*>", " ", text)
    words = without_keys(" ".join("".join(letter if letter.isprintable() else " " for letter in plain).split()))
    return (words if len(words) <= LONGEST_MESSAGE else f"{words[:LONGEST_MESSAGE]}…") or None


def _words(answer: Any) -> str | None:
    """Sentences from an error of any shape: issue lists, wrapped or not, texts with issue lists in them."""
    if isinstance(answer, str):
        return one_line(_issues_in(answer))
    if isinstance(answer, list):
        return one_line("; ".join(words for issue in answer if (words := _issue(issue)))) or None
    if not isinstance(answer, dict):
        return None
    error, message = answer.get("error"), answer.get("message")
    if error is None and message is None:
        message = answer.get("detail")  # What a server of ours says, as a mirror.
    if isinstance(error, dict | list):
        return _words(error) or _words(message)
    # The sentence where there is one; "An unexpected error occurred" says less than the error beside it.
    told = error if isinstance(error, str) and (not isinstance(message, str) or "unexpected" in message) else message
    return _words(told) if isinstance(told, str) else None


def _issues_in(text: str) -> str:
    """A text with a JSON list of issues at its end, or with the validator's marks, as plain words."""
    start = text.find("[")
    if start >= 0:
        try:
            listed = _words(parse_json(text[start:].encode("utf-8", "replace")))
        except NotJson:
            listed = None
        if listed:
            return f"{text[:start].strip()} {listed}".strip()
    issues = re.findall(r"✖ ([^\n]*)(?:\n\s*→ at ([^\n]*))?", text)
    return "; ".join(f"{at.strip()}: {what}" if at else what for what, at in issues) or text


def _issue(issue: Any) -> str | None:
    if not isinstance(issue, dict) or not isinstance(issue.get("message"), str):
        return None
    path = issue.get("path")
    name = ".".join(str(part) for part in path) if isinstance(path, list) else ""
    return f"{name}: {issue['message']}" if name else issue["message"]
