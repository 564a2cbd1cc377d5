"""What the site's download endpoint and the storage hosts answer when they do not give (site.md 1.4, 7.2, 7.6)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.errors import (
    BadQuery,
    CivitaiKitError,
    Code,
    Forbidden,
    Gone,
    NotFound,
    RateLimited,
    RegionBlocked,
    SiteError,
    Unauthorized,
    Unavailable,
    UnexpectedReply,
)
from civitai_kit.core.remedies import BAD_KEY, REMEDIES
from civitai_kit.core.retry import Trouble, retry_after_of, trouble_of

_LONGEST_TEXT = 300
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


class Setback(Exception):
    """An attempt failed: `error` is what it amounts to if nothing cures it, `trouble` says whether waiting might.

    `stale` says that the signed link is the trouble: the site is to be asked for another.
    """

    def __init__(
        self,
        error: CivitaiKitError,
        trouble: Trouble,
        *,
        retry_after: float | None = None,
        stale: bool = False,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.trouble = trouble
        self.retry_after = retry_after
        self.stale = stale


def refusal_of_site(reply: Reply, *, with_key: bool) -> Setback:
    """What a refusal of the site's download endpoint amounts to (site.md 7.2)."""
    said = _said(reply.body)
    page = _is_html(reply.body)
    trouble = trouble_of(reply.status, text=said.text, page=page, download=True)
    parts: dict[str, Any] = {"status": reply.status, "endpoint": reply.endpoint}
    error = _site_error(reply, said, trouble, parts, with_key=with_key)
    return Setback(error, trouble, retry_after=retry_after_of(reply.headers))


def refusal_of_storage(reply: Reply, *, signed: bool) -> Setback:
    """What a refusal of a storage or image host amounts to; `signed` links can be had anew (site.md 7.6)."""
    said = _said(reply.body)
    page = _is_html(reply.body)
    trouble = trouble_of(reply.status, text=said.text, page=page, download=signed)
    parts: dict[str, Any] = {"status": reply.status, "endpoint": reply.endpoint}
    retry_after = retry_after_of(reply.headers)
    if reply.status in (404, 410) and (reply.status == 404 or not signed):
        return Setback(NotFound("The storage no longer has this file.", **parts), trouble)
    if reply.status == 429:
        late = RateLimited("The storage host asks to slow down.", retry_after=retry_after, **parts)
        return Setback(late, Trouble.TOO_FAST, retry_after=retry_after)
    if reply.status in (400, 401, 403, 410):
        return _refused_link(reply, said, trouble, parts, signed=signed)
    error = Unavailable(f"The storage host answered {reply.status}{said.tail}.", **parts)
    return Setback(error, trouble, retry_after=retry_after)


def login_required(endpoint: str, *, status: int, with_key: bool, text: str = "") -> Unauthorized:
    """The site wants a login for this file."""
    return Unauthorized(
        text or "The creator of this asset requires you to be logged in to download it.",
        status=status,
        endpoint=endpoint,
        hint=BAD_KEY if with_key else REMEDIES[Code.LOGIN_REQUIRED],
    )


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


@dataclass(frozen=True, slots=True)
class _Said:
    text: str = ""
    deadline: str | None = None

    @property
    def tail(self) -> str:
        return f": {self.text.rstrip('.')}" if self.text else ""


def _site_error(reply: Reply, said: _Said, trouble: Trouble, parts: dict[str, Any], *, with_key: bool) -> SiteError:
    match reply.status:
        case 400:
            return BadQuery(f"The site refused the download request{said.tail}.", **parts)
        case 401:
            return _unauthorized(reply, said, with_key=with_key)
        case 403:
            return _forbidden(said, trouble, parts)
        case 404:
            return NotFound(f"The site has no such file{said.tail}.", **parts)
        case 410:
            return Gone(said.text or "The model is archived and cannot be downloaded.", **parts)
        case 429:
            return _rate_limited(reply, said, trouble, parts)
        case 451:
            return RegionBlocked(said.text or "The site does not serve this region.", **parts)
        case status if status >= 500 or status in (408, 425, 499):
            return Unavailable(f"The site answered {status}{said.tail}.", **parts)
    return UnexpectedReply(f"The site answered {reply.status} to a download{said.tail}.", **parts)


def _unauthorized(reply: Reply, said: _Said, *, with_key: bool) -> SiteError:
    if "disabled downloads" in said.text:
        return Unauthorized(said.text, code=Code.DOWNLOADS_DISABLED, status=reply.status, endpoint=reply.endpoint)
    text = "" if said.text.casefold() == "unauthorized" else said.text
    return login_required(reply.endpoint, status=reply.status, with_key=with_key, text=text)


def _forbidden(said: _Said, trouble: Trouble, parts: dict[str, Any]) -> SiteError:
    if trouble is Trouble.WALLED:
        return Unavailable(
            "The site's gatekeeper (Cloudflare) answered with a page that asks for a browser.",
            hint="Wait a while and try again with fewer downloads at once.",
            **parts,
        )
    if "early access" in said.text.casefold():
        until = f" It ends {said.deadline}." if said.deadline else ""
        return Forbidden(f"{said.text}{until}", code=Code.EARLY_ACCESS, deadline=said.deadline, **parts)
    return Forbidden(said.text or "You do not have access to download this file.", **parts)


def _rate_limited(reply: Reply, said: _Said, trouble: Trouble, parts: dict[str, Any]) -> SiteError:
    quota = trouble is Trouble.QUOTA
    return RateLimited(
        said.text or "The site asks to slow down.",
        code=Code.QUOTA_EXCEEDED if quota else Code.RATE_LIMITED,
        retry_after=retry_after_of(reply.headers),
        hint=REMEDIES[Code.QUOTA_EXCEEDED] if quota else None,
        **parts,
    )


def _refused_link(reply: Reply, said: _Said, trouble: Trouble, parts: dict[str, Any], *, signed: bool) -> Setback:
    if trouble is Trouble.WALLED:
        return Setback(Unavailable("The storage host's gatekeeper refused us.", **parts), trouble)
    if not signed:
        return Setback(Forbidden(f"The host refused the file{said.tail}.", **parts), Trouble.REFUSED)
    error = Unavailable(f"The storage refused the site's link with {reply.status}{said.tail}.", **parts)
    return Setback(error, Trouble.BUSY, stale=True)


def _said(body: bytes) -> _Said:
    """The readable text of an error body of any shape, one line, bounded."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return _Said(_one_line(_text_of_document(body)))
    deadline = found.get("deadline") if isinstance(found, dict) else None
    return _Said(_one_line(_text_of(found)), deadline if isinstance(deadline, str) else None)


def _text_of(found: object) -> str:
    match found:
        case str():
            return found
        case {"error": str(error), "message": str(message)}:
            return message if error.casefold() in ("unauthorized", "forbidden") else f"{error}: {message}"
        case {"error": inner} | {"message": inner}:
            return _text_of(inner)
        case [first, *_]:
            return _text_of(first)
        case _:
            return ""


def _text_of_document(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    if _is_html(body) or _is_xml(body):
        title = re.search(r"<(title|message)[^>]*>([^<]{1,200})<", text, re.IGNORECASE)
        return title.group(2) if title else ""
    return text


def _one_line(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:_LONGEST_TEXT]


def _is_html(head: bytes) -> bool:
    return _trimmed(head)[:20].lower().startswith(_HTML_HEADS)


def _is_xml(head: bytes) -> bool:
    return _trimmed(head)[:20].lower().startswith(_XML_HEADS)


def _trimmed(head: bytes) -> bytes:
    return head[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
