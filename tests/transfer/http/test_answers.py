"""What the site and the storage say when they do not give, sorted; and redirects that lead astray."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import EXIT_OF, CivitaiKitError, Code
from civitai_kit.core.retry import Trouble
from civitai_kit.transfer.http.answers import Reply, is_suspect, refusal_of_site, refusal_of_storage
from civitai_kit.transfer.http.source import source_name
from tests.transfer.conftest import Desk

LOGIN = "The creator of this asset requires you to be logged in to download it"
DISABLED = "The creator of this asset has disabled downloads on this file"
QUOTA = (
    "We've noticed an unusual amount of downloading from your account. Contact support@civitai.com or come back later."
)
EARLY = {"error": "Early Access", "deadline": "2027-01-01T00:00:00Z", "message": "This asset is in Early Access."}
CLOUDFLARE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"


def reply(status: int, body: Any, headers: dict[str, str] | None = None) -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, headers or {}, content, "/api/download/models/1")


@pytest.mark.parametrize(
    ("status", "body", "code", "trouble"),
    [
        (400, {"error": "✖ Invalid option\n  → at type"}, Code.USAGE, Trouble.REFUSED),
        (400, {"error": {"name": "ZodError", "message": "[]"}}, Code.USAGE, Trouble.REFUSED),
        (401, {"error": "Unauthorized", "message": LOGIN}, Code.LOGIN_REQUIRED, Trouble.REFUSED),
        (401, {"error": "Unauthorized"}, Code.LOGIN_REQUIRED, Trouble.REFUSED),
        (401, {"error": "Unauthorized", "message": DISABLED}, Code.DOWNLOADS_DISABLED, Trouble.REFUSED),
        (403, EARLY, Code.EARLY_ACCESS, Trouble.REFUSED),
        (403, {"error": "You do not have access to download this file"}, Code.NO_ACCESS, Trouble.REFUSED),
        (403, b"Forbidden", Code.NO_ACCESS, Trouble.REFUSED),
        (403, CLOUDFLARE, Code.UNAVAILABLE, Trouble.WALLED),
        (404, {"error": "File not found"}, Code.NOT_FOUND, Trouble.NO_SUCH_FILE),
        (404, b"<!DOCTYPE html><title>404</title>", Code.NOT_FOUND, Trouble.NO_SUCH_FILE),
        (410, {"error": "Model archived, not available for download"}, Code.ARCHIVED, Trouble.REFUSED),
        (429, {"error": QUOTA}, Code.QUOTA_EXCEEDED, Trouble.QUOTA),
        (429, QUOTA.encode(), Code.QUOTA_EXCEEDED, Trouble.QUOTA),
        (429, CLOUDFLARE, Code.RATE_LIMITED, Trouble.TOO_FAST),
        (451, {"error": "Not here", "code": "REGION_BLOCKED"}, Code.REGION_BLOCKED, Trouble.REFUSED),
        (499, b"", Code.UNAVAILABLE, Trouble.BUSY),
        (500, {"message": "An unexpected error occurred", "error": "x"}, Code.UNAVAILABLE, Trouble.BUSY),
        (503, {"error": "Server busy"}, Code.UNAVAILABLE, Trouble.BUSY),
        (524, CLOUDFLARE, Code.UNAVAILABLE, Trouble.BUSY),
        (418, b"", Code.UNEXPECTED_REPLY, Trouble.REFUSED),
    ],
)
def test_the_sites_answers(status: int, body: Any, code: Code, trouble: Trouble) -> None:
    setback = refusal_of_site(reply(status, body), with_key=True)
    assert (setback.error.code, setback.trouble) == (code, trouble)
    assert setback.error.as_row()["message"]


XML = b'<?xml version="1.0"?><Error><Code>ExpiredRequest</Code><Message>Request has expired</Message></Error>'


@pytest.mark.parametrize(
    ("status", "body", "signed", "sorted_as"),
    [
        (403, XML, True, (Code.UNAVAILABLE, Trouble.BUSY, True)),
        (400, XML, True, (Code.UNAVAILABLE, Trouble.BUSY, True)),
        (401, b"", True, (Code.UNAVAILABLE, Trouble.BUSY, True)),
        (410, b"", True, (Code.UNAVAILABLE, Trouble.BUSY, True)),
        (403, CLOUDFLARE, True, (Code.UNAVAILABLE, Trouble.WALLED, False)),
        (403, XML, False, (Code.NO_ACCESS, Trouble.REFUSED, False)),
        (404, XML, True, (Code.NOT_FOUND, Trouble.NO_SUCH_FILE, False)),
        (404, XML, False, (Code.NOT_FOUND, Trouble.REFUSED, False)),
        (410, b"", False, (Code.NOT_FOUND, Trouble.REFUSED, False)),
        (429, XML, True, (Code.RATE_LIMITED, Trouble.TOO_FAST, False)),
        (503, XML, True, (Code.UNAVAILABLE, Trouble.BUSY, False)),
    ],
)
def test_the_storages_answers(status: int, body: bytes, *, signed: bool, sorted_as: tuple[Code, Trouble, bool]) -> None:
    setback = refusal_of_storage(reply(status, body), signed=signed)
    assert (setback.error.code, setback.trouble, setback.stale) == sorted_as


@given(st.integers(300, 599), st.binary(max_size=200), st.booleans())
def test_any_answer_at_all_is_sorted(status: int, body: bytes, flag: bool) -> None:
    for setback in (
        refusal_of_site(reply(status, body), with_key=flag),
        refusal_of_storage(reply(status, body), signed=flag),
    ):
        assert setback.error.code in EXIT_OF
        assert setback.error.message.isprintable()
        assert len(setback.error.message) < 500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "message", "x"]), inner),
)


@given(st.sampled_from([400, 401, 403, 404, 429, 500]), json_values)
def test_error_bodies_of_any_shape_are_read(status: int, body: Any) -> None:
    assert refusal_of_site(reply(status, body), with_key=True).error.message


@pytest.mark.parametrize(
    ("kind", "head", "suffix", "suspect"),
    [
        ("text/html; charset=utf-8", b"anything", ".safetensors", True),
        ("application/octet-stream", b"\xef\xbb\xbf\n <!DOCTYPE html>", ".safetensors", True),
        ("application/octet-stream", b"<?xml version", ".safetensors", True),
        ("application/json", b'{"nodes": []}', ".safetensors", True),
        ("application/json", b'{"nodes": []}', ".json", False),
        ("application/json", b'{"error": "File not found"}', ".json", True),
        ("text/plain", b"a: 1", ".yaml", False),
        ("", b"PK\x03\x04", ".zip", False),
        ("binary/octet-stream", b"\x10\x00\x00\x00\x00\x00\x00\x00{", ".safetensors", False),
    ],
)
def test_looks_of_a_page(kind: str, head: bytes, suffix: str, suspect: bool) -> None:
    assert is_suspect(kind, head, suffix) == suspect


def test_a_sources_name_holds_neither_host_nor_key() -> None:
    url = httpx2.URL("https://h/api/download/models/1?token=secret&fileId=2#x")
    assert source_name(url) == "/api/download/models/1?fileId=2"


# -- redirects that lead astray -----------------------------------------------------------------------------------


class Scripted(socketserver.ThreadingTCPServer):
    """Answers every request with the one answer it was given, and keeps what was asked."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.answer = b""
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def redirect(self, location: str) -> None:
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        self.answer = head.encode("latin-1")


class _Handler(socketserver.StreamRequestHandler):
    server: Scripted

    def handle(self) -> None:
        while True:
            lines = []
            while (line := self.rfile.readline().decode("latin-1")) not in ("\r\n", ""):
                lines.append(line)
            if not lines:
                return
            self.server.asked.append("".join(lines))
            self.wfile.write(self.server.answer)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("/login?returnUrl=%2Fmodels%2F1&reason=download-auth", Code.LOGIN_REQUIRED),
        ("https://example.invalid/x?reason=download-auth", Code.LOGIN_REQUIRED),
        ("file:///etc/passwd", Code.UNEXPECTED_REPLY),
        ("ftp://127.0.0.1/x", Code.UNEXPECTED_REPLY),
        ("javascript:alert(1)", Code.UNEXPECTED_REPLY),
        ("http://", Code.UNEXPECTED_REPLY),
        ("http://[::1", Code.UNEXPECTED_REPLY),
        ("http://127.0.0.1:99999/", Code.UNEXPECTED_REPLY),
        ("", Code.UNEXPECTED_REPLY),
        ("/again", Code.UNEXPECTED_REPLY),
    ],
)
def test_a_redirect_that_leads_astray_is_not_followed(
    desk: Desk, scripted: Scripted, location: str, code: Code
) -> None:
    scripted.redirect(location)
    with pytest.raises(CivitaiKitError) as caught:
        desk.fetch(desk.order(urls=(scripted.url + "/api/download/models/1",)), site=scripted.url)
    assert caught.value.code is code
    assert len(scripted.asked) <= 6
    assert desk.names() == []


def test_user_info_in_a_redirect_is_dropped_and_no_key_goes_there(desk: Desk, scripted: Scripted) -> None:
    scripted.redirect(f"http://someone:word@localhost:{scripted.server_address[1]}/x")
    with pytest.raises(CivitaiKitError):
        desk.fetch(desk.order(urls=(scripted.url + "/a",)), site=scripted.url)
    assert "Authorization: Bearer" in scripted.asked[0]
    assert not any("authorization" in asked.lower() for asked in scripted.asked[1:])


def test_the_same_host_on_another_port_is_not_the_site(desk: Desk, scripted: Scripted) -> None:
    scripted.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(CivitaiKitError):
        desk.fetch(desk.order(urls=(scripted.url + "/a",)))
    assert "authorization" not in scripted.asked[0].lower()


def test_an_answer_that_is_no_http_is_the_networks_fault(desk: Desk, scripted: Scripted) -> None:
    scripted.answer = b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
    with pytest.raises(CivitaiKitError) as caught:
        desk.fetch(desk.order(urls=(scripted.url + "/a",)), site=scripted.url)
    assert caught.value.code is Code.NETWORK


@pytest.mark.parametrize("length", ["-5", "5, 6", "abc", "99999999999999999999999"])
def test_a_length_that_makes_no_sense_ends_sound(desk: Desk, scripted: Scripted, length: str) -> None:
    scripted.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\nhello".encode()
    with pytest.raises(CivitaiKitError):
        desk.fetch(desk.order(urls=(scripted.url + "/a",)), site=scripted.url, timeout=0.2)
    assert not desk.target.exists()


def test_nobody_there_is_the_networks_fault(desk: Desk) -> None:
    with pytest.raises(CivitaiKitError) as caught:
        desk.fetch(desk.order(urls=("http://127.0.0.1:9/x",)), site="http://127.0.0.1:9")
    assert caught.value.code is Code.NETWORK
    assert len(desk.waits) == 3


def test_a_server_that_repeats_the_key_does_not_get_it_into_the_error(desk: Desk, scripted: Scripted) -> None:
    body = f"the key {desk.sandbox.api_key} is bad"
    scripted.answer = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with pytest.raises(CivitaiKitError) as caught:
        desk.fetch(desk.order(urls=(scripted.url + "/a",)), site=scripted.url)
    assert caught.value.message == "the key *** is bad"
