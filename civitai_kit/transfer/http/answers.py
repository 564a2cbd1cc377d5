"""What the site's download endpoint and the storage hosts answer when they do not give (site.md 1.4, 7.2, 7.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.errors import Forbidden, NotFound, RateLimited, SiteError, Unavailable
from civitai_kit.core.retry import Setback as Setback
from civitai_kit.core.retry import Trouble, retry_after_of
from civitai_kit.core.site.error_text import error_text
from civitai_kit.core.site.replies import error_for, trouble_in

_HTML_HEADS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--")
_XML_HEADS = (b"<?xml", b"<error")
_ERROR_OBJECT = re.compile(rb'\{\s*"(?:error|message|name|code|issues)"\s*:')
_TEXT_SUFFIXES = frozenset({".json", ".txt", ".yaml", ".yml", ".xml", ".html", ".htm", ".md", ".csv", ".toml"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not the file: header names in lower case, `body` its first 64 KiB, `endpoint` the path."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    endpoint: str


def refusal_of_site(reply: Reply, *, with_key: bool) -> Setback:
    """What a refusal of the site's download endpoint amounts to (site.md 7.2)."""
    trouble = trouble_in(reply.status, reply.headers, reply.body, download=True)
    error: SiteError = error_for(reply.status, reply.headers, reply.body, reply.endpoint, with_key=with_key)
    if trouble is Trouble.WALLED:
        error = Unavailable(error.message, status=reply.status, endpoint=reply.endpoint, hint=error.hint)
    return Setback(error, trouble, retry_after=retry_after_of(reply.headers))


def refusal_of_storage(reply: Reply, *, signed: bool) -> Setback:
    """What a refusal of a storage or image host amounts to; `signed` links can be had anew (site.md 7.6)."""
    trouble = trouble_in(reply.status, reply.headers, reply.body, download=signed)
    parts: dict[str, Any] = {"status": reply.status, "endpoint": reply.endpoint}
    retry_after = retry_after_of(reply.headers)
    if reply.status in (404, 410) and (reply.status == 404 or not signed):
        return Setback(NotFound("The storage no longer has this file.", **parts), trouble)
    if reply.status == 429:
        late = RateLimited("The storage host asks to slow down.", retry_after=retry_after, **parts)
        return Setback(late, Trouble.TOO_FAST, retry_after=retry_after)
    if reply.status in (400, 401, 403, 410):
        return _refused_link(reply, trouble, parts, signed=signed)
    error = Unavailable(f"The storage host answered {reply.status}{_words_after(reply)}.", **parts)
    return Setback(error, trouble, retry_after=retry_after)


def looks_like_page(head: bytes) -> bool:
    """Whether these first bytes are those of a page or an error document and of no model file."""
    return _is_html(head) or _is_xml(head) or _ERROR_OBJECT.match(_trimmed(head)) is not None


def is_suspect(content_type: str, head: bytes, suffix: str) -> bool:
    """Whether a body is a page or an error text rather than the file named with `suffix`, going by its looks."""
    if looks_like_page(head):
        return True
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return True
    return kind in ("application/json", "application/xml", "text/xml") and suffix.lower() not in _TEXT_SUFFIXES


def _refused_link(reply: Reply, trouble: Trouble, parts: dict[str, Any], *, signed: bool) -> Setback:
    if trouble is Trouble.WALLED:
        return Setback(Unavailable("The storage host's gatekeeper refused us.", **parts), trouble)
    if not signed:
        return Setback(Forbidden(f"The host refused the file{_words_after(reply)}.", **parts), Trouble.REFUSED)
    error = Unavailable(f"The storage refused the site's link with {reply.status}{_words_after(reply)}.", **parts)
    return Setback(error, Trouble.BUSY, stale=True)


def _words_after(reply: Reply) -> str:
    """What an error document says, to go on after a sentence of ours; nothing where it says nothing."""
    said = error_text(reply.body) or _title_of(reply.body)
    return f": {said.rstrip('.')}" if said else ""


def _title_of(body: bytes) -> str:
    """The title of a page, or the message of an error in XML, on one line."""
    title = re.search(rb"<(title|message)[^>]*>([^<]{1,200})<", body, re.IGNORECASE)
    return " ".join(title.group(2).decode("utf-8", "replace").split()) if title else ""


def _is_html(head: bytes) -> bool:
    return _trimmed(head)[:20].lower().startswith(_HTML_HEADS)


def _is_xml(head: bytes) -> bool:
    return _trimmed(head)[:20].lower().startswith(_XML_HEADS)


def _trimmed(head: bytes) -> bytes:
    return head[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
