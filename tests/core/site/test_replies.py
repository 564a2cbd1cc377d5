"""What an answer is, whatever came: every error body that the site is known to send, and worse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from civitai_kit.core.retry import Trouble
from civitai_kit.core.site.error_text import LONGEST_MESSAGE, error_text
from civitai_kit.core.site.replies import BodyKind, error_for, is_login_address, kind_of, trouble_in
from civitai_kit.core.site.strict_json import NotJson, parse_json

RECORDS = Path(__file__).parents[4] / "shared" / "data"
JSON = {"content-type": "application/json; charset=utf-8"}
HTML = {"content-type": "text/html; charset=utf-8"}
ENDPOINT = "/api/v1/models"

CHALLENGE = b"""<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>
<script>cpo.src = '/cdn-cgi/challenge-platform/h/g/orchestrate/managed/v1?ray=7';</script></body></html>"""
LOGIN = b"""<!DOCTYPE html><html><head><title>Log in | Civitai</title></head><body>
<a href="/login?returnUrl=%2Fmodel-versions%2F1&reason=download-auth">Sign in</a></body></html>"""
PAGE = b"<!doctype html><html><body><h1>502 Bad Gateway</h1><hr><center>cloudflare</center></body></html>"
NOT_FOUND_PAGE = b"<!DOCTYPE html><html><head><title>404</title></head><body>This page could not be found</body></html>"

ISSUES = [
    {
        "code": "too_big",
        "maximum": 100,
        "path": ["limit"],
        "message": "Too big: expected number to be <=100",
    },
    {"code": "invalid_value", "path": ["types", 0], "message": 'Invalid option: expected one of "LORA"'},
]
READABLE = 'limit: Too big: expected number to be <=100; types.0: Invalid option: expected one of "LORA"'


def error(status: int, body: Any, headers: dict[str, str] | None = None) -> SiteError:
    """The error of an answer with this body, bytes or what shall be JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return error_for(status, headers or (JSON if not isinstance(body, bytes) else HTML), raw, ENDPOINT)


# -- JSON -----------------------------------------------------------------------------------------------------


def test_sound_json_is_read_as_it_stands() -> None:
    body = '{"seed": 17739416935733250000, "name": "バ😀", "half": "\\ud800", "size": 1.5e3}'.encode()
    assert parse_json(body) == {"seed": 17739416935733250000, "name": "バ😀", "half": "\ud800", "size": 1500.0}
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e400]",
        b"[-1e400]",
        b"[" + b"9" * 5000 + b"]",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"[1] [2]",
        b"<html>",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_cannot_be_written_back_as_json_is_none(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse_json(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_are_not(body: bytes) -> None:
    try:
        value = parse_json(body)
    except NotJson:
        return
    assert json.loads(json.dumps(value, allow_nan=False)) == value


def test_a_recorded_page_that_somebody_broke_is_refused() -> None:
    (path,) = (RECORDS / "broken-json").glob("*") if (RECORDS / "broken-json").exists() else (None,)
    if path is None:
        pytest.skip("no recorded data here")
    with pytest.raises(NotJson):
        parse_json(b"{" + path.read_bytes())


# -- kinds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        (JSON, b'{"error": "x"}', BodyKind.JSON),
        (HTML, b'{"error": "x"}', BodyKind.JSON),
        (JSON, b"", BodyKind.EMPTY),
        (HTML, b" \n", BodyKind.EMPTY),
        (HTML, PAGE, BodyKind.PAGE),
        (JSON, PAGE, BodyKind.PAGE),
        ({}, b"\xef\xbb\xbf\n<HTML><body>", BodyKind.PAGE),
        (HTML, b"some words", BodyKind.PAGE),
        (HTML, CHALLENGE, BodyKind.CHALLENGE),
        ({}, CHALLENGE, BodyKind.CHALLENGE),
        (HTML, LOGIN, BodyKind.LOGIN),
        ({}, b"File not found", BodyKind.OTHER),
        ({}, b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', BodyKind.OTHER),
        ({}, b"\x00\x01", BodyKind.OTHER),
    ],
)
def test_a_body_is_told_by_its_own_bytes(headers: dict[str, str], body: bytes, kind: BodyKind) -> None:
    assert kind_of(headers, body) is kind


def test_a_recorded_challenge_page_is_recognised() -> None:
    path = RECORDS / "error-body" / "github-issues__cloudflare-managed-challenge-fragment.html"
    if not path.exists():
        pytest.skip("no recorded data here")
    assert kind_of(HTML, path.read_bytes()) is BodyKind.CHALLENGE


def test_a_recorded_wish_for_a_login_is_told_in_the_sites_words() -> None:
    path = RECORDS / "error-body" / "github-issues__401-download-login-required.json"
    if not path.exists():
        pytest.skip("no recorded data here")
    found = error_for(401, JSON, path.read_bytes(), "/api/download/models/1")
    assert (found.code, found.message) == (
        Code.LOGIN_REQUIRED,
        "The creator of this asset requires you to be logged in to download it",
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/login?returnUrl=%2Fmodel-versions%2F5&reason=download-auth", True),
        ("https://civitai.com/login", True),
        ("https://civitai.com/somewhere?reason=download-auth", True),
        ("https://civitai.com/model-versions/5", False),
        ("https://files.example/login.safetensors", False),
        ("http://[broken", False),
    ],
)
def test_the_way_to_the_login_page_is_known(address: str, expected: bool) -> None:
    assert is_login_address(address) is expected


# -- words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "No model with id 123"}, "No model with id 123"),
        ({"error": {"name": "ZodError", "message": json.dumps(ISSUES, indent=2)}}, READABLE),
        ({"name": "ZodError", "message": json.dumps(ISSUES)}, READABLE),
        (ISSUES, READABLE),
        ({"error": f"Request must include an array of SHA256 Hashes. {json.dumps(ISSUES[:1])}"},
         "Request must include an array of SHA256 Hashes. limit: Too big: expected number to be <=100"),
        ({"error": "✖ Too big: expected number to be <=2147483647\n  → at id"},
         "id: Too big: expected number to be <=2147483647"),
        ({"error": "✖ Invalid option: expected one of \"full\"|\"pruned\"\n  → at size\n✖ Too long\n  → at fp"},
         'size: Invalid option: expected one of "full"|"pruned"; fp: Too long'),
        ({"message": "User not found"}, "User not found"),
        ({"error": "Image search failed", "code": "BAD_REQUEST"}, "Image search failed"),
        ({"message": "An unexpected error occurred", "error": "timeout exceeded"}, "timeout exceeded"),
        ({"error": "An unexpected error occurred", "message": "An unexpected error occurred",
          "code": "INTERNAL_SERVER_ERROR"}, "An unexpected error occurred"),
        ({"error": "Not found", "message": "Not found", "code": "NOT_FOUND"}, "Not found"),
        ({"error": {"formErrors": [], "fieldErrors": {"id": ["x"]}}, "message": "The request could not be processed",
          "code": "BAD_REQUEST"}, "The request could not be processed"),
        ({"error": "Unauthorized", "message": "The creator has disabled downloads"},
         "The creator has disabled downloads"),
        ({"error": "two\nlines\tand \u0007 a bell"}, "two lines and a bell"),
        ({"error": "<b>bold</b> words and 1 < 2"}, "bold words and 1 < 2"),
        ({"error": {"message": "inner"}}, "inner"),
        ("plain JSON text", "plain JSON text"),
        ({"detail": "This server is not called by that name."}, "This server is not called by that name."),
        ({"error": "Early Access", "detail": "x"}, "Early Access"),
        ({}, None),
        ({"error": None}, None),
        ({"error": ""}, None),
        ([], None),
        (5, None),
        ([{"path": []}, None, 3], None),
    ],
)  # fmt: skip
def test_every_shape_of_error_becomes_readable(body: Any, words: str | None) -> None:
    assert error_text(json.dumps(body, ensure_ascii=False).encode()) == words


def test_plain_text_is_its_own_words_and_markup_has_none() -> None:
    assert error_text(b"File not found") == "File not found"
    assert error_text(PAGE) is None
    assert error_text(b'{"broken": ') is None
    assert error_text(b"") is None


def test_a_long_error_is_cut() -> None:
    assert len(error_text(json.dumps({"error": "word " * 1000}).encode()) or "") == LONGEST_MESSAGE + 1


# -- errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "words"),
    [
        (400, {"error": "bad"}, BadQuery, Code.USAGE, "bad"),
        (401, {"error": "Unauthorized"}, Unauthorized, Code.LOGIN_REQUIRED, "The site wants a login for this."),
        (401, {"error": "Unauthorized", "message": "The creator of this asset has disabled downloads on this file"},
         Unauthorized, Code.DOWNLOADS_DISABLED, "The creator of this asset has disabled downloads on this file"),
        (403, {"error": "You do not have access to download this file"}, Forbidden, Code.NO_ACCESS,
         "You do not have access to download this file"),
        (403, b"Forbidden", Forbidden, Code.NO_ACCESS, "Forbidden"),
        (403, CHALLENGE, UnexpectedReply, Code.UNEXPECTED_REPLY,
         "The site's edge (Cloudflare) wants to see a browser."),
        (403, PAGE, UnexpectedReply, Code.UNEXPECTED_REPLY, "The site's edge answered with a page that forbids."),
        (404, {"error": "Model not found"}, NotFound, Code.NOT_FOUND, "Model not found"),
        (404, NOT_FOUND_PAGE, NotFound, Code.NOT_FOUND, "The site has no such address."),
        (405, {"error": "Method not allowed"}, UnexpectedReply, Code.UNEXPECTED_REPLY, "Method not allowed"),
        (410, {"error": "Model archived, not available for download"}, Gone, Code.ARCHIVED,
         "Model archived, not available for download"),
        (429, {"error": "Rate limit exceeded, please retry shortly."}, RateLimited, Code.RATE_LIMITED,
         "Rate limit exceeded, please retry shortly."),
        (429, PAGE, RateLimited, Code.RATE_LIMITED, "The site asks us to slow down."),
        (429, {"error": "We've noticed an unusual amount of downloading from your account."}, RateLimited,
         Code.QUOTA_EXCEEDED, "We've noticed an unusual amount of downloading from your account."),
        (429, {"error": "You've requested too many pages, please use cursors instead"}, BadQuery, Code.USAGE,
         "You've requested too many pages, please use cursors instead"),
        (451, {"error": "Not available in your region", "code": "REGION_BLOCKED"}, RegionBlocked, Code.REGION_BLOCKED,
         "Not available in your region"),
        (403, {"error": "insufficient_scope"}, Forbidden, Code.NO_ACCESS, "The key lacks a right for this."),
        (403, {"message": "ModelsRead is missing", "code": "insufficient_scope"}, Forbidden, Code.NO_ACCESS,
         "ModelsRead is missing"),
        (499, b"", Unavailable, Code.UNAVAILABLE, "The site gave up on the request."),
        (500, {"message": "An unexpected error occurred", "error": "boom"}, Unavailable, Code.UNAVAILABLE, "boom"),
        (503, {"error": "Server busy, please retry shortly."}, Unavailable, Code.UNAVAILABLE,
         "Server busy, please retry shortly."),
        (524, PAGE, Unavailable, Code.UNAVAILABLE, "The site is in trouble (status 524)."),
        (302, b"", UnexpectedReply, Code.UNEXPECTED_REPLY, "The site answered with status 302."),
        (200, PAGE, UnexpectedReply, Code.UNEXPECTED_REPLY, "The site answered with a web page instead of JSON."),
        (200, LOGIN, Unauthorized, Code.LOGIN_REQUIRED, "The site wants a login for this."),
        (200, b"", UnexpectedReply, Code.UNEXPECTED_REPLY, "The site answered with nothing."),
        (200, {"error": "odd"}, UnexpectedReply, Code.UNEXPECTED_REPLY, "The site answered with words alone: odd"),
        (200, b'{"a": ', UnexpectedReply, Code.UNEXPECTED_REPLY,
         "The site's answer is broken or of a shape that it never has."),
    ],
)  # fmt: skip
def test_an_answer_stands_for_one_error(status: int, body: Any, kind: type[SiteError], code: Code, words: str) -> None:
    plain = {"content-type": "text/plain"} if body == b"Forbidden" else None
    found = error(status, body, plain)
    assert type(found) is kind
    assert (found.code, found.message, found.status, found.endpoint) == (code, words, status, ENDPOINT)
    assert found.hint


def test_early_access_says_until_when() -> None:
    body = {"error": "Early Access", "deadline": "2026-12-01T00:00:00.000Z", "message": "In Early Access."}
    found = error(403, body)
    assert isinstance(found, Forbidden)
    assert (found.code, found.deadline) == (Code.EARLY_ACCESS, "2026-12-01T00:00:00.000Z")
    assert "2026-12-01" in (found.hint or "")


def test_early_access_for_ever_has_no_deadline() -> None:
    found = error(403, {"error": "Early Access", "message": "In Early Access."})
    assert isinstance(found, Forbidden)
    assert (found.code, found.deadline, bool(found.hint)) == (Code.EARLY_ACCESS, None, True)


def test_a_rate_limit_says_for_how_long() -> None:
    found = error(429, {"error": "slow"}, {**JSON, "retry-after": "17"})
    assert isinstance(found, RateLimited)
    assert found.retry_after == 17.0 and "17 s" in (found.hint or "")


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (429, b'{"error": "You\'ve requested too many pages, please use cursors instead"}', Trouble.TOO_DEEP),
        (429, b"We've noticed an unusual amount of downloading from your account.", Trouble.QUOTA),
        (429, PAGE, Trouble.TOO_FAST),
        (403, CHALLENGE, Trouble.WALLED),
        (403, b'{"error": "Forbidden"}', Trouble.REFUSED),
        (503, PAGE, Trouble.BUSY),
        (200, PAGE, Trouble.GARBLED),
        (200, b'{"a"', Trouble.GARBLED),
    ],
)
def test_an_answers_trouble_is_read_from_its_body_too(status: int, body: bytes, trouble: Trouble) -> None:
    assert trouble_in(status, {}, body) is trouble


WORDS = st.text().map(lambda text: json.dumps({"error": text, "message": text}).encode())
HEADERS = st.dictionaries(st.sampled_from(["content-type", "retry-after", "date"]), st.text())


@given(st.integers(100, 599), HEADERS, st.binary(max_size=300) | WORDS)
def test_any_answer_makes_one_readable_error(status: int, headers: dict[str, str], body: bytes) -> None:
    found = error_for(status, headers, body, ENDPOINT)
    assert isinstance(found, SiteError) and found.status == status
    assert found.message.isprintable() and 0 < len(found.message) <= LONGEST_MESSAGE + 100
    trouble_in(status, headers, body)


@pytest.mark.parametrize(
    ("body", "is_bare"),
    [
        (b"<!doctype html><p>404</p>", True),
        (b'{"detail": "Not Found"}', True),
        (b"", True),
        (b'{"error": "Model not found"}', False),
        (b'{"error": "No model with id 5"}', False),
    ],
)
def test_a_404_without_a_word_of_the_sites_own_is_no_answer_about_a_thing(body: bytes, *, is_bare: bool) -> None:
    error = error_for(404, {}, body, "/api/v1/model-versions/5")
    assert isinstance(error, NotFound) and error.no_address is is_bare
