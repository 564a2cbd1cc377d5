"""How a storage can do wrong with one file: what it sends, and the codes that a failure may truly have."""

from __future__ import annotations

import gzip
import itertools
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from torture.site import Request, Site, answer, span

Act = Callable[[Site, Request], bool | None]
Row = tuple[str, Act, str]

PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_XML = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'


def _content(site: Site, request: Request) -> bytes:
    return site.bodies[int(request.path.rpartition("/")[2])].read()


def _raw(head: bytes, body: bytes | None = None, *, close: bool = True) -> Act:
    """A head sent as it is (its `LEN` filled in), then the right body or the one given."""

    def act(site: Site, request: Request) -> bool | None:
        content = _content(site, request) if body is None else body
        request.send(head.replace(b"LEN", str(len(content)).encode()) + b"\r\n\r\n" + content)
        return None if close else True

    return act


def _with(*lines: bytes, body: bytes | None = None) -> Act:
    """A 200 of the right length with these header lines more."""
    return _raw(b"\r\n".join((b"HTTP/1.1 200 OK", b"Content-Length: LEN", *lines)), body)


def _reply(status: int, content: bytes = b"", **headers: str) -> Act:
    """A well-formed answer; header names have `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    whole = answer(status, content, named)

    def act(site: Site, request: Request) -> bool | None:
        request.send(whole)
        return True

    return act


def _cut(at: int = 100_000, *, tag: Callable[[], str] = lambda: '"e101"', ranges: bool = True) -> Act:
    """Every answer ends after so many bytes; with `ranges` it honours them."""

    def act(site: Site, request: Request) -> bool | None:
        content = _content(site, request)
        etag = tag()
        start, stop = (span(request, len(content), etag) if ranges else None) or (0, len(content))
        lines = {"Content-Length": str(stop - start), "ETag": etag, "Accept-Ranges": "bytes"}
        if (start, stop) != (0, len(content)):
            lines["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
        request.send(answer(206 if "Content-Range" in lines else 200, b"", lines) + content[start : start + at])
        return None

    return act


def _ranged(range_line: str, *, status: int = 206, at: int | None = None) -> Act:
    """A good first half, cut; then for the rest a `Content-Range` that lies."""

    def act(site: Site, request: Request) -> bool | None:
        content = _content(site, request)
        if "range" not in request.headers:
            request.send(answer(200, b"", {"Content-Length": str(len(content)), "ETag": '"e101"'}) + content[:100_000])
            return None
        start = int(request.headers["range"].partition("=")[2].partition("-")[0])
        rest = content[start if at is None else at :]
        lines = {"Content-Length": str(len(rest)), "ETag": '"e101"'}
        if range_line:
            lines["Content-Range"] = range_line.format(start=start, stop=len(content) - 1, size=len(content))
        request.send(answer(status, b"", lines) + rest)
        return None

    return act


def _endless(head: bytes, piece: bytes, *, between: bytes = b"\r\n\r\n") -> Act:
    """A body, or without anything `between` a head, that ends when the other side has had enough."""

    def act(site: Site, request: Request) -> bool | None:
        request.send(head + between)
        site.pour(request, itertools.repeat(piece, 200_000_000 // len(piece)))
        return None

    return act


def _drip(pieces: Callable[[], Iterator[bytes]], pause: float) -> Act:
    """A few bytes at a time, with a pause between them."""

    def act(site: Site, request: Request) -> bool | None:
        for piece in pieces():
            request.send(piece)
            time.sleep(pause)
        return None

    return act


def _headers_for_ever() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    yield from (f"X-{number}: y\r\n".encode() for number in range(100_000))


def _half_then_silence(site: Site, request: Request) -> bool | None:
    content = _content(site, request)
    request.send(answer(200, b"", {"Content-Length": str(len(content))}) + content[:1000])
    time.sleep(8)
    return None


def _reset(site: Site, request: Request) -> bool | None:
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return None


def _redirect(location: str) -> Act:
    return _reply(302, Location=location)


def _redirect_home(site: Site, request: Request) -> bool | None:
    request.send(answer(302, headers={"Location": request.target}))
    return True


def _zeroed(site: Site, request: Request) -> bool | None:
    """The right length, the right start, wrong bytes after it."""
    content = _content(site, request)
    request.send(answer(200, content[:150_000] + bytes(len(content) - 150_000), {"ETag": '"e101"'}))
    return True


def _gzipped(site: Site, request: Request) -> bool | None:
    request.send(answer(200, gzip.compress(_content(site, request)), {"Content-Encoding": "gzip"}))
    return True


@cache
def bomb() -> bytes:
    """A gzip of some 300 KB that unfolds to 300 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()


def _bombed(site: Site, request: Request) -> bool | None:
    request.send(answer(200, bomb(), {"Content-Encoding": "gzip"}))
    return True


def _chunked(site: Site, request: Request, last: bytes = b"0\r\n\r\n", size: str = "{:x}") -> bool | None:
    content = _content(site, request)
    request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    request.send(size.format(len(content)).encode() + b"\r\n" + content + b"\r\n" + last)
    return None


def _twice(first: Act, then: Act) -> Act:
    """One answer to the first request, another to those that follow."""

    def act(site: Site, request: Request) -> bool | None:
        asked = sum(each.path == request.path for each in site.asked_storage())
        return (first if asked == 1 else then)(site, request)

    return act


def _right(site: Site, request: Request) -> bool | None:
    return site.serve(request)


def _numbered_tags() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f'"node{next(numbers)}"'


_HTTP = "network unexpected_reply size_mismatch unavailable"
_BODY = f"{_HTTP} hash_mismatch not_a_model"
STORAGE: tuple[Row, ...] = (
    # lengths
    ("a length too small", _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 199900"), f"ok {_BODY}"),
    ("a length too large", _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 200100"), f"ok {_BODY}"),
    ("a length below zero", _raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5"), f"ok {_BODY}"),
    ("a length that is a word", _raw(b"HTTP/1.1 200 OK\r\nContent-Length: many"), f"ok {_BODY}"),
    ("a length of 30 digits", _raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30), f"ok {_BODY}"),
    ("a length of 5,000 digits", _raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000), f"ok {_BODY}"),
    ("two lengths", _raw(b"HTTP/1.1 200 OK\r\nContent-Length: LEN\r\nContent-Length: 7"), f"ok {_BODY}"),
    (
        "a length and chunks",
        _raw(b"HTTP/1.1 200 OK\r\nContent-Length: LEN\r\nTransfer-Encoding: chunked"),
        f"ok {_BODY}",
    ),
    ("no length", _raw(b"HTTP/1.1 200 OK"), "ok"),
    ("no length, cut", _raw(b"HTTP/1.1 200 OK", b"short"), _BODY),
    ("a length of nothing", _with(body=b""), _BODY),
    ("chunks", _chunked, "ok"),
    ("chunks that do not end", lambda site, request: _chunked(site, request, b""), f"ok {_BODY}"),
    ("a chunk of a size that is none", lambda site, request: _chunked(site, request, size="xyz"), _BODY),
    ("a chunk of 16 digits", lambda site, request: _chunked(site, request, size="ffffffffffffffff"), _BODY),
    # bodies
    ("a body without an end", _endless(b"HTTP/1.1 200 OK", bytes(65536)), _BODY),
    (
        "chunks without an end",
        _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"400\r\n" + bytes(1024) + b"\r\n"),
        _BODY,
    ),
    ("a body of 10 GB", _endless(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000", bytes(65536)), _BODY),
    ("a gzip", _gzipped, f"ok {_BODY}"),
    ("a gzip that is none", _with(b"Content-Encoding: gzip"), f"ok {_BODY}"),
    ("an unknown encoding", _with(b"Content-Encoding: bogus"), f"ok {_BODY}"),
    ("a gzip bomb", _bombed, _BODY),
    ("wrong bytes", _zeroed, "hash_mismatch"),
    ("a body cut each time", _cut(50_000), "ok"),
    ("a body cut, ranges ignored", _cut(100_000, ranges=False), _BODY),
    ("silence after a kilobyte", _half_then_silence, "network"),
    ("a login page", _reply(200, PAGE, Content_Type="text/html"), "not_a_model login_required"),
    ("a login page without a type", _reply(200, PAGE), "not_a_model hash_mismatch"),
    ("an error as JSON", _reply(200, b'{"error":"File not found"}', Content_Type="application/json"), "not_a_model"),
    ("an error as XML", _reply(200, _XML, Content_Type="application/xml"), "not_a_model hash_mismatch"),
    # ranges
    ("200 for a range", _twice(_cut(), _raw(b"HTTP/1.1 200 OK\r\nContent-Length: LEN")), "ok"),
    ("200 for a range, with the ETag sent", _twice(_cut(), _cut(150_000, ranges=False)), f"ok {_BODY}"),
    ("206 without a range", _ranged(""), f"ok {_BODY}"),
    (
        "206 that was not asked for",
        _raw(b"HTTP/1.1 206 X\r\nContent-Length: LEN\r\nContent-Range: bytes 5-9/10"),
        f"ok {_BODY}",
    ),
    ("a range that begins elsewhere", _ranged("bytes 7-{stop}/{size}", at=7), f"ok {_BODY}"),
    ("a range that lies about its start", _ranged("bytes {start}-{stop}/{size}", at=7), f"ok {_BODY}"),
    ("a range of a huge total", _ranged("bytes {start}-{stop}/99999999999999"), f"ok {_BODY}"),
    (
        "a first range of a huge total",
        _raw(b"HTTP/1.1 206 X\r\nContent-Length: LEN\r\nContent-Range: bytes 0-199999/99999999999999"),
        f"ok {_BODY}",
    ),
    ("a range of 5,000 digits", _ranged("bytes {start}-" + "9" * 5000 + "/{size}"), f"ok {_BODY}"),
    ("a range of words", _ranged("bytes from here to there"), f"ok {_BODY}"),
    ("a range below zero", _ranged("bytes -5--1/{size}"), f"ok {_BODY}"),
    ("416 for everything", _reply(416, Content_Range="bytes */200000"), _HTTP),
    ("416 of a huge total", _twice(_cut(), _reply(416, Content_Range="bytes */99999999999999")), f"ok {_BODY}"),
    # validators
    ("an ETag with a line feed's ghost", _twice(_cut(tag=lambda: '"e\x0b101"'), _right), "ok"),
    ("an ETag beyond ASCII", _twice(_cut(tag=lambda: '"é\xff101"'), _right), "ok"),
    ("an ETag of 60,000 letters", _twice(_cut(tag=lambda: f'"{"e" * 60_000}"'), _right), f"ok {_HTTP}"),
    ("an ETag without quotes", _twice(_cut(tag=lambda: "e101"), _right), "ok"),
    ("an ETag of each node", _cut(80_000, tag=_numbered_tags()), f"ok {_BODY}"),
    ("a date that is none", _with(b"Last-Modified: yesterday", b"Date: \xff\xfe"), f"ok {_HTTP}"),
    # heads
    ("nothing at all", lambda site, request: None, "network unavailable"),
    ("a reset", _reset, "network unavailable"),
    ("no HTTP", _raw(b"SSH-2.0-OpenSSH_9.9", b""), _HTTP),
    ("HTTP/0.9", _raw(b"<html>hello</html>", b""), _HTTP),
    ("a status of 999", _reply(999), _HTTP),
    ("a status that is a word", _raw(b"HTTP/1.1 fine OK"), _HTTP),
    ("101 Switching Protocols", _reply(101), _HTTP),
    ("204 No Content", _reply(204), _BODY),
    ("100 without an end", _endless(b"HTTP/1.1 100 Continue", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), _HTTP),
    ("a header of a megabyte", _with(b"X-Long: " + b"x" * 1_000_000), f"ok {_HTTP}"),
    ("100,000 headers", _with(*(b"X: y" for _ in range(100_000))), f"ok {_HTTP}"),
    ("headers without an end", _endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000, between=b""), _HTTP),
    ("a header that drips", _drip(_headers_for_ever, 0.1), _HTTP),
    ("a header with a NUL", _with(b"X-Nul: a\x00b"), f"ok {_HTTP}"),
    ("a header without a colon", _with(b"no colon here"), f"ok {_HTTP}"),
    ("a header beyond ASCII", _with(b"X-\xff: \xff\xfe"), f"ok {_HTTP}"),
    ("a disposition that leads out", _with(b'Content-Disposition: attachment; filename="../../outside/x"'), "ok"),
    # redirects
    ("a redirect to itself", _redirect_home, _HTTP),
    ("a redirect to a file", _redirect("file:///etc/passwd"), _HTTP),
    ("a redirect to data", _redirect("data:text/plain,hello"), _HTTP),
    ("a redirect to nowhere", _reply(302), _HTTP),
    ("a redirect of 100,000 letters", _redirect("/" + "x" * 100_000), f"{_HTTP} not_found"),
    ("a redirect that is no address", _redirect("http://[::1"), _HTTP),
    ("a redirect to a port beyond all", _redirect("http://127.0.0.2:99999/f/101"), _HTTP),
    # statuses
    ("403 once", _twice(_reply(403, _XML), _right), "ok"),
    ("403 always", _reply(403, _XML), "no_access unexpected_reply network unavailable login_required"),
    ("404", _reply(404, _XML), "not_found unavailable"),
    ("429 always", _reply(429, b"slow down", Retry_After="0"), "rate_limited"),
    ("429 until next year", _reply(429, b"slow down", Retry_After="99999999"), "rate_limited"),
    ("429 until a word", _twice(_reply(429, b"slow down", Retry_After="soon"), _right), "ok rate_limited"),
    ("503 always", _reply(503, _XML), "unavailable network"),
)
