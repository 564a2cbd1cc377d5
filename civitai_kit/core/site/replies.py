"""What an answer is: a result, an error in the site's words, a login page, a page of the edge, or broken JSON."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from civitai_kit.core.errors import (
    BadQuery,
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
from civitai_kit.core.remedies import BAD_KEY, LOGIN, REMEDIES
from civitai_kit.core.retry import Trouble, retry_after_of, trouble_of
from civitai_kit.core.site.error_text import error_text, one_line
from civitai_kit.core.site.strict_json import NotJson, parse_json


class BodyKind(StrEnum):
    """What a body holds."""

    JSON = "json"
    EMPTY = "empty"
    PAGE = "page"  # HTML of the site or of something on the way
    CHALLENGE = "challenge"  # HTML of the edge that asks whether we are human
    LOGIN = "login"  # the login page
    BROKEN = "broken"  # JSON that is none, or holds what JSON cannot
    OTHER = "other"  # plain text, XML, bytes


def kind_of(headers: Mapping[str, str], body: bytes) -> BodyKind:
    """Tell what a body is, by its own first bytes; the Content-Type only decides where these say nothing."""
    head = body[:200_000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return BodyKind.EMPTY
    if head[:1] in b'{["' or head[:4] in (b"null", b"true"):
        return BodyKind.JSON
    lower = head.lower()
    if not (lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")) or _html(headers)):
        return BodyKind.OTHER
    if any(mark in lower for mark in _CHALLENGE_MARKS):
        return BodyKind.CHALLENGE
    return BodyKind.LOGIN if any(mark in lower for mark in _LOGIN_MARKS) else BodyKind.PAGE


def is_login_address(address: str) -> bool:
    """Whether a redirect leads to the site's login page (site.md 7.2)."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.path.rstrip("/") == "/login" or "reason=download-auth" in parts.query


def trouble_in(status: int, headers: Mapping[str, str], body: bytes, *, download: bool = False) -> Trouble:
    """What an answer that is no result means for trying again."""
    page = kind_of(headers, body) in (BodyKind.PAGE, BodyKind.CHALLENGE, BodyKind.LOGIN)
    return trouble_of(status, text=error_text(body) or "", page=page, download=download)


def error_for(
    status: int, headers: Mapping[str, str], body: bytes, endpoint: str, *, with_key: bool = False
) -> SiteError:
    """The error that an answer stands for: `message` in the site's words, `hint` what to do about it.

    `headers` have names in lower case, `endpoint` is the path that was asked, without its query. A 2xx answer
    given here is one whose body could not be used. `with_key` says that a key was sent: then it is no good.
    """
    kind = kind_of(headers, body)
    said = None if kind in _PAGES else error_text(body)
    where: dict[str, Any] = {"status": status, "endpoint": endpoint, "retry_after": retry_after_of(headers)}
    if kind is BodyKind.LOGIN and status < 500:
        return login_required(endpoint, status=status, with_key=with_key)
    if kind is BodyKind.CHALLENGE and status in (200, 403):
        return UnexpectedReply("The site's edge (Cloudflare) wants to see a browser.", hint=_CHALLENGED, **where)
    if status == 403 and kind is BodyKind.PAGE:
        return UnexpectedReply("The site's edge answered with a page that forbids.", hint=_CHALLENGED, **where)
    if status < 300:
        return _unusable(kind, said, where)
    if status == 401:
        return _unauthorized(said, endpoint, with_key=with_key)
    special = _BY_STATUS.get(status)
    if special is not None:
        return special(said, headers, body, where)
    if status >= 500 or status in (408, 425, 499):
        return Unavailable(said or _trouble_at(status), hint=_LATER, **where)
    return UnexpectedReply(said or f"The site answered with status {status}.", hint=_ADDRESS, **where)


def login_required(
    endpoint: str, *, status: int | None = 401, said: str | None = None, with_key: bool = False
) -> Unauthorized:
    """The error of something that wants a login; `with_key` says that a key was sent, which is then no good."""
    hint = BAD_KEY if with_key else LOGIN
    return Unauthorized(said or "The site wants a login for this.", status=status, endpoint=endpoint, hint=hint)


_LATER = "Try again later; what was done so far is kept."
_NO_SCOPE = "This key lacks a right that is needed; make one with more rights in the account settings of the site."
_ADDRESS = "Is the site's address (--api-url, base_url) right?"
_CHALLENGED = "Wait some minutes, ask for less at once, or use another network; a VPN or proxy often causes this."

_PAGES = frozenset({BodyKind.PAGE, BodyKind.CHALLENGE, BodyKind.LOGIN})
_CHALLENGE_MARKS = (b"/cdn-cgi/challenge-platform", b"cf-chl", b"cf_chl", b"just a moment", b"attention required!")
_LOGIN_MARKS = (b"reason=download-auth", b"/login?returnurl", b"/api/auth/signin", b"<title>log in", b"<title>sign in")


def _bad_query(said: str | None, headers: Mapping[str, str], body: bytes, where: dict[str, Any]) -> SiteError:
    return BadQuery(said or "The site refused the question.", hint="Correct what is named and ask again.", **where)


def _unauthorized(said: str | None, endpoint: str, *, with_key: bool) -> SiteError:
    if said and "disabled downloads" in said.casefold():
        hint = "The creator lets nobody download this; a key does not help."
        return Unauthorized(said, code=Code.DOWNLOADS_DISABLED, hint=hint, status=401, endpoint=endpoint)
    plain = said if said and said.casefold() != "unauthorized" else None
    return login_required(endpoint, said=plain, with_key=with_key)


def _forbidden(said: str | None, headers: Mapping[str, str], body: bytes, where: dict[str, Any]) -> SiteError:
    try:
        answer = parse_json(body)
    except NotJson:
        answer = None
    if isinstance(answer, dict) and "insufficient_scope" in (answer.get("error"), answer.get("code")):
        words = None if said == "insufficient_scope" else said
        return Forbidden(words or "The key lacks a right for this.", hint=_NO_SCOPE, **where)
    if not isinstance(answer, dict) or answer.get("error") != "Early Access":
        hint = "Your account has no access to this; with another key it may."
        return Forbidden(said or "The site forbids this.", hint=hint, **where)
    deadline = answer.get("deadline")
    until = one_line(deadline) if isinstance(deadline, str) else None
    hint = f"It becomes free on {until}." if until else "Buy access on the site, or leave it out."
    return Forbidden(said or "Early access.", code=Code.EARLY_ACCESS, deadline=until, hint=hint, **where)


def _not_found(said: str | None, headers: Mapping[str, str], body: bytes, where: dict[str, Any]) -> SiteError:
    if kind_of(headers, body) in _PAGES:
        return NotFound("The site has no such address.", hint=_ADDRESS, no_address=True, **where)
    hint = "It may be gone, not public, or not rated yet; check the id."
    # A server's own phrase says nothing about what was asked for.
    is_bare = said is None or said.rstrip(".").lower() == "not found"
    return NotFound(said or "The site has no such thing.", hint=hint, no_address=is_bare, **where)


def _gone(said: str | None, headers: Mapping[str, str], body: bytes, where: dict[str, Any]) -> SiteError:
    return Gone(said or "The model is archived.", hint="Its creator has archived it; its files cannot be had.", **where)


def _too_many(said: str | None, headers: Mapping[str, str], body: bytes, where: dict[str, Any]) -> SiteError:
    trouble = trouble_of(429, text=said or "")
    if trouble is Trouble.TOO_DEEP:
        return BadQuery(said or "", hint="Page numbers end at 1000 rows; follow the cursor.", **where)
    if trouble is Trouble.QUOTA:
        return RateLimited(said or "", code=Code.QUOTA_EXCEEDED, hint=REMEDIES[Code.QUOTA_EXCEEDED], **where)
    after = where["retry_after"]
    slower = REMEDIES[Code.RATE_LIMITED]
    hint = slower if after is None else f"The site asks for a pause of {after:.0f} s. {slower}"
    return RateLimited(said or "The site asks us to slow down.", hint=hint, **where)


def _region(said: str | None, headers: Mapping[str, str], body: bytes, where: dict[str, Any]) -> SiteError:
    hint = "The site does not serve the country of your network; a twin host may (--api-url, base_url)."
    return RegionBlocked(said or "The site does not serve this region.", hint=hint, **where)


_BY_STATUS = {
    400: _bad_query,
    403: _forbidden,
    404: _not_found,
    410: _gone,
    429: _too_many,
    451: _region,
}


def _unusable(kind: BodyKind, said: str | None, where: dict[str, Any]) -> UnexpectedReply:
    sentences = {
        BodyKind.EMPTY: "The site answered with nothing.",
        BodyKind.PAGE: "The site answered with a web page instead of JSON.",
        BodyKind.OTHER: "The site answered with something that is no JSON.",
    }
    sentence = sentences.get(kind, "The site's answer is broken or of a shape that it never has.")
    if kind is BodyKind.JSON and said:
        sentence = f"The site answered with words alone: {said}"
    return UnexpectedReply(sentence, hint=f"Try again later. {_ADDRESS}", **where)


def _trouble_at(status: int) -> str:
    names = {499: "The site gave up on the request.", 408: "The site waited too long for the request."}
    return names.get(status, f"The site is in trouble (status {status}).")


def _html(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml"))
