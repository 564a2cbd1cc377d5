"""What no well-meaning program sends, over a raw socket: none gets a file or a change, and the server stays."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.web.conftest import TOKEN, Server, served

SECRET = b"what nobody may see"
MAP = "/api/admin/models/civitai-map"
BEARER = f"Authorization: Bearer {TOKEN}"
LAST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ORIGINAL = bytes(range(200))


@dataclass
class Ground:
    """A server with model files, a secret beside its save path, and links that lead there."""

    server: Server
    outside: Path

    def send(self, content: bytes) -> bytes:
        """What is answered on one connection, with a good request behind, until the server closes it."""
        host, port = self.server.url.removeprefix("http://").split(":")
        said = b""
        with socket.create_connection((host, int(port)), timeout=20) as raw, suppress(ConnectionError):
            raw.sendall(content + LAST)
            while chunk := raw.recv(65536):
                said += chunk
        return said

    def check(self, said: bytes) -> None:
        """Nothing was given away or changed, and the server is as it was."""
        assert SECRET not in said and b"root:" not in said and b"Traceback" not in said
        assert not re.search(rb"HTTP/1.1 5\d\d", said), said[:300]
        assert self.server.ask("GET", "/healthz", token=None).status_code == 200
        assert not (self.server.folder / "catalog").exists()
        assert (self.server.folder / "loras" / "a.safetensors").read_bytes() == ORIGINAL
        assert (self.outside / "secret.safetensors").read_bytes() == SECRET


def statuses(said: bytes) -> list[int]:
    """Of the answers, in order."""
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d{3}) ", said)]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One for all of these tests: that it is as it was after each is what they are about."""
    home = tmp_path_factory.mktemp("hostile")
    save, outside, library = home / "downloads", home / "outside", home / "downloads" / "library"
    for folder in (save / "loras", outside, library):
        folder.mkdir(parents=True)
    (outside / "secret.safetensors").write_bytes(SECRET)
    (home / "secret.safetensors").write_bytes(SECRET)
    (save / "loras" / "a.safetensors").write_bytes(ORIGINAL)
    for hidden in (save / ".hidden.safetensors", save / "loras" / ".hidden.safetensors", save / ".civitai-kit.lock"):
        hidden.write_bytes(SECRET)
    (library / "processed_files.json").write_bytes(SECRET)
    for place in (save / "out", library / "out"):
        place.symlink_to(outside)
    (save / "out.safetensors").symlink_to(outside / "secret.safetensors")
    (save / "loop.safetensors").symlink_to("loop.safetensors")
    with served(home, with_files=True, api_url="http://127.0.0.1:9") as server:
        yield Ground(server, outside)


PATHS = [
    "/../secret.safetensors",
    "/files/../../secret.safetensors",
    "/files/%2e%2e/%2e%2e/secret.safetensors",
    "/files/..%2f..%2fsecret.safetensors",
    "/files/%2e%2e%2f%2e%2e%2fsecret.safetensors",
    "/files/%252e%252e%252f%252e%252e%252fsecret.safetensors",
    "/files/..%5c..%5csecret.safetensors",
    "/files/..\\..\\secret.safetensors",
    "/files/loras/....//....//....//secret.safetensors",
    "/files/%c0%ae%c0%ae/%c0%ae%c0%ae/secret.safetensors",
    "/files/%u002e%u002e/secret.safetensors",
    "/files/%ef%bc%8e%ef%bc%8e/secret.safetensors",
    "/files//OUTSIDE/secret.safetensors",
    "/files/%2fOUTSIDE%2fsecret.safetensors",
    "//OUTSIDE/secret.safetensors",
    "/files/loras/a.safetensors/../../../secret.safetensors",
    "/files/loras/a.safetensors%00.json",
    "/files/%00",
    "/files/secret%00.safetensors",
    "/files/out/secret.safetensors",
    "/files/out.safetensors",
    "/files/loop.safetensors",
    "/out/secret.safetensors",
    "/files/C:/secret.safetensors",
    "/files/C:%5csecret.safetensors",
    "/files/%5c%5chost%5cshare%5csecret.safetensors",
    "/files/NUL.safetensors",
    "/files/COM1:.safetensors",
    "/files/loras/a.safetensors::$DATA",
    "/files/.hidden.safetensors",
    "/files/loras/.hidden.safetensors",
    "/files/.civitai-kit.lock",
    "/files/civitai_download_db/data.mdb",
    "/files/catalog/models.json",
    "/files/" + "a" * 5000 + ".safetensors",
    "/files/" + "a/" * 5000 + "a.safetensors",
    "/files/%zz.safetensors",
    "/files/%",
    "/files/%ff%fe.safetensors",
    "/files/%ed%a0%80.safetensors",
    "/processed_files.json",
    "/api/admin/../../secret.safetensors",
    "/api/admin/models/..%2f..%2fsecret.safetensors/catalog",
    "/api/admin/civitai/add/" + "9" * 6000,
    "/api/admin/civitai/add/-1",
    "/api/admin/civitai/add/%d9%a3",
    "/api/admin/civitai/add/5.0",
    "/api/admin/civitai/add/5%00",
    "/api/admin/civitai/promote-to-lora/" + "9" * 6000,
    "/api/admin/download/" + "9" * 6000,
    "/api/admin/download/-1",
    "/api/admin/download/..%2f1",
    "/api/download/models/" + "9" * 6000,
    "/api/download/models/..%2f..%2fsecret.safetensors",
    "/api/v1/model-versions/" + "9" * 6000,
    "/api/v1/model-versions/by-hash/..%2f..%2fsecret.safetensors",
    "/api/v1/model-versions/by-hash/" + "0" * 6000,
    "/api/v1/model-versions/by-hash/%00",
    "/api/v1/models?ids=" + "9" * 6000,
    "http://evil.example/files/loras/a.safetensors",
    "http://127.0.0.1/api/admin/models/civitai-map",
    "*",
    "evil.example:443",
    "files/loras/a.safetensors",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_gets_a_file_or_a_change(ground: Ground, path: str) -> None:
    path = path.replace("OUTSIDE", str(ground.outside).lstrip("/"))
    for method in ("GET", "POST", "DELETE"):
        said = ground.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{BEARER}\r\n\r\n".encode())
        assert statuses(said)[0] in (400, 404, 405, 431), (method, said[:200])
        ground.check(said)


def head(*lines: str, method: str = "GET", path: str = MAP, host: str | None = "Host: localhost") -> bytes:
    """A request with these lines; without another it is one for the map."""
    named = () if host is None else (host,)
    return "\r\n".join((f"{method} {path} HTTP/1.1", *named, *lines, "", "")).encode("latin-1")


ADD = {"method": "POST", "path": "/api/admin/civitai/add/5"}
HEADS: dict[str, tuple[bytes, set[int]]] = {
    "the name of a stranger": (head(BEARER, host="Host: evil.example"), {421}),
    "a name that begins as ours": (head(BEARER, host="Host: localhost.evil.example"), {421}),
    "an address in a name": (head(BEARER, host="Host: 127.0.0.1.evil.example"), {421}),
    "a user before the name": (head(BEARER, host="Host: localhost:80@evil.example"), {421}),
    "an address as a number": (head(BEARER, host="Host: 2130706433"), {421}),
    "two names in one line": (head(BEARER, host="Host: localhost, evil.example"), {421}),
    "no name": (head(BEARER, host="Host:"), {400, 421}),
    "no line for a name": (head(BEARER, host=None), {400}),
    "two lines for a name": (head(BEARER, "Host: evil.example"), {400}),
    "a name that a proxy is said to have had": (
        head(BEARER, "X-Forwarded-Host: localhost", "Forwarded: host=localhost", host="Host: evil.example"),
        {421},
    ),
    "an old version without a name": (f"GET {MAP} HTTP/1.0\r\n{BEARER}\r\n\r\n".encode(), {421}),
    "the token in the query": (head(path=f"{MAP}?token={TOKEN}&access_token={TOKEN}"), {401}),
    "the token in a cookie": (head(f"Cookie: token={TOKEN}"), {401}),
    "the token by another scheme": (head(f"Authorization: Basic {TOKEN}"), {401}),
    "the token without a scheme": (head(f"Authorization: {TOKEN}"), {401}),
    "the token with more behind it": (head(f"{BEARER}, Bearer x"), {401}),
    "half the token": (head(BEARER[:-4]), {401}),
    "the token, then another": (head(BEARER, "Authorization: Bearer x"), {401}),
    "another, then the token": (head("Authorization: Bearer x", BEARER), {401}),
    "the path under another spelling": (head(path="/api/%61dmin/models/civitai-map"), {401}),
    "the path with more slashes": (head(path="//api/admin/models/civitai-map"), {404}),
    "the path with dots": (head(path="/x/../api/admin/models/civitai-map"), {404}),
    "the path in capitals": (head(path="/API/ADMIN/models/civitai-map"), {404}),
    "a method that overrides another": (head(BEARER, "X-HTTP-Method-Override: DELETE", path="/nothing"), {404}),
    "PUT": (head(BEARER, "Content-Length: 0", method="PUT", path="/files/loras/a.safetensors"), {405}),
    "DELETE of a file": (head(BEARER, method="DELETE", path="/files/loras/a.safetensors"), {405}),
    "TRACE": (head(BEARER, method="TRACE"), {404, 405}),
    "CONNECT": (head(BEARER, method="CONNECT", path="evil.example:443"), {400, 404, 405}),
    "OPTIONS without the token": (head(method="OPTIONS"), {404, 405}),
    "a method that nobody knows": (head(BEARER, method="FROBNICATE"), {404, 405}),
    "a method in small letters": (head(BEARER, method="get"), {404, 405}),
    "a method of a kilobyte": (head(BEARER, method="A" * 1024), {400, 404, 405}),
    "a WebSocket": (head(BEARER, "Connection: Upgrade", "Upgrade: websocket", path="/nothing"), {404}),
    "another protocol": (head(BEARER, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", path="/nothing"), {404}),
    "a long body": (head(BEARER, "Content-Length: 70000", **ADD), {413}),
    "a body without end": (head(BEARER, "Content-Length: 99999999999999999999", **ADD), {400, 413}),
    "a body of less than nothing": (head(BEARER, "Content-Length: -5", **ADD), {400}),
    "a body of +5": (head(BEARER, "Content-Length: +5", **ADD), {400}),
    "a body of two lengths": (head(BEARER, "Content-Length: 5", "Content-Length: 6", **ADD), {400}),
    "a body in chunks": (head(BEARER, "Transfer-Encoding: chunked", **ADD) + b"5\r\nhello\r\n0\r\n\r\n", {413}),
    "a body of a length and in chunks": (
        head(BEARER, "Content-Length: 6", "Transfer-Encoding: chunked", **ADD) + b"0\r\n\r\nX",
        {400, 413},
    ),
    "a body in another encoding": (head(BEARER, "Transfer-Encoding: gzip, chunked", **ADD), {400, 413, 501}),
    "chunks by a name with a space": (head(BEARER, "Transfer-Encoding : chunked", **ADD), {400}),
    "a request in the body of another": (
        head("Content-Length: 86", path="/healthz") + head(BEARER, **ADD),
        {200},
    ),
    "a line that goes on": (head("X: a\r\n b", path="/nothing"), {400, 404}),
    "a line with a NUL": (head("X: a\0b", path="/nothing"), {400}),
    "a line without a name": (head(": a", path="/nothing"), {400}),
    "a line without a colon": (head("nothing", path="/nothing"), {400}),
    "a carriage return alone": (head("X: a\rAuthorization: b", path="/nothing"), {400}),
    "a line of 20 KiB": (head("X: " + "a" * 20_480, path="/nothing"), {400, 431}),
    "2,000 lines": (head(*(f"X{number}: a" for number in range(2000)), path="/nothing"), {400, 431}),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n", {400}),
    "an HTTP without lines": (b"GET /\r\n\r\n", {400}),
    "a later HTTP": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 421}),
    "an unheard-of HTTP": (f"GET {MAP} HTTP/9.9\r\nHost: localhost\r\n{BEARER}\r\n\r\n".encode(), {200, 400, 505}),
    **{
        f"a download of {body[:20]!r}": (
            head(BEARER, f"Content-Length: {len(body)}", method="POST", path="/api/admin/download") + body,
            {400},
        )
        for body in (
            *(b"", b"{", b"null", b"[]", b"3", b"[" * 60_000, b"9" * 60_000, b'{"ref": 1e400}', b"\xff\xfe"),
            *(b'{"ref": "https://evil.example/models/1"}', b'{"ref": "../../etc/passwd"}', b'{"ref": "-o/etc"}'),
            *(
                b'{"plan": {}}',
                b'{"version_id": "1"}',
                b'{"version_id": NaN}',
                b'{"ref": "\\ud83d"}',
                b'{"ref": "1\\u0000"}',
            ),
            b'{"plan": {"schema": 1, "items": [{"path": "../../secret.safetensors"}]}}',
        )
    },
    **{
        f"hashes: {body[:20]!r}": (
            head(f"Content-Length: {len(body)}", method="POST", path="/api/v1/model-versions/by-hash") + body,
            {200, 400},
        )
        for body in (
            b"",
            b"{",
            b"null",
            b"{}",
            b"[3]",
            b"[null]",
            b"[" * 60_000,
            b'["' + b"0" * 60_000 + b'"]',
            b"\xff",
        )
    },
    "a space in the path": (head(BEARER, path="/a b"), {400}),
    "letters in the path": (head(BEARER, path="/\xe9"), {400}),
}


@pytest.mark.parametrize("what", HEADS)
def test_no_head_gets_a_file_or_a_change(ground: Ground, what: str) -> None:
    content, expected = HEADS[what]
    said = ground.send(content)
    assert statuses(said)[0] in expected, said[:300]
    ground.check(said)


RANGES = [
    *("bytes=0-,0-", "bytes=-0", "bytes=5-2", "bytes=abc", "bytes=99999999999999999999999-", "bytes=-99999999999999"),
    *("bytes=--5", "bytes=0x1-5", "items=0-5", "bytes=", "bytes", "bytes=0-5;q=1", "bytes=\xb2-\xb3", "bytes=1-2-3"),
    "bytes=" + ",".join(["0-199"] * 1500),
    "bytes=" + ",".join(f"{number}-{number}" for number in range(0, 200, 2)),
    "bytes=" + "9" * 8000 + "-",
]


@pytest.mark.parametrize("wanted", RANGES)
def test_no_range_gets_more_than_the_file(ground: Ground, wanted: str) -> None:
    said = ground.send(head(f"Range: {wanted}", path="/files/loras/a.safetensors"))
    assert statuses(said)[0] in (200, 206, 400, 416), said[:300]
    assert len(said) < 32_768
    ground.check(said)


def test_who_says_a_request_slowly_or_nothing_is_let_go(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    half = head(BEARER, "Content-Length: 50", method="POST", path="/api/admin/download") + b"{"
    with served(tmp_path, patience=0.2) as server:
        host, port = server.url.removeprefix("http://").split(":")
        for begun in (b"", b"GET / HTT", head(path="/healthz"), half):
            with socket.create_connection((host, int(port)), timeout=20) as raw:
                raw.sendall(begun)
                if begun.endswith(b"\r\n\r\n"):
                    assert raw.recv(65536)
                    raw.sendall(b"GET / HTT")
                began = time.monotonic()
                while raw.recv(65536):
                    pass
                assert time.monotonic() - began < 10
        assert server.ask("GET", "/healthz", token=None).status_code == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_who_reads_nothing_keeps_nobody_waiting(ground: Ground) -> None:
    host, port = ground.server.url.removeprefix("http://").split(":")
    big = ground.server.folder / "loras" / "big.safetensors"
    with big.open("wb") as file:
        file.truncate(64 * 2**20)
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        raw.sendall(head(path="/files/loras/big.safetensors"))
        ground.check(raw.recv(100))
    big.unlink()


def test_who_reads_nothing_for_long_is_let_go(tmp_path: Path) -> None:
    with served(tmp_path, with_files=True, unread=0.2) as server:
        server.folder.mkdir()
        with (server.folder / "big.safetensors").open("wb") as file:
            file.truncate(64 * 2**20)
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            raw.sendall(head(path="/files/big.safetensors"))
            assert _is_refused(raw)


def test_a_file_that_is_cut_while_it_is_sent_closes_the_connection_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(tmp_path, with_files=True) as server:
        server.folder.mkdir()
        big = server.folder / "big.safetensors"
        with big.open("wb") as file:
            file.truncate(64 * 2**20)
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as raw:
            raw.sendall(head(path="/files/big.safetensors"))
            raw.recv(100)
            os.truncate(big, 2**20)
            while raw.recv(2**20):
                pass
    assert not [record for record in caplog.records if record.exc_info]


def _is_refused(raw: socket.socket) -> bool:
    """Whether the other end closes a connection within 20 seconds; nothing is read of it."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            raw.sendall(b"\r\n")
        except ConnectionError:
            return True
        time.sleep(0.02)
    return False
