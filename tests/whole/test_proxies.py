"""A proxy between us and the site, as HTTP, CONNECT and SOCKS have it: heeded, named, and never told the key."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from civitai_kit import Client
from civitai_kit.core.errors import CivitaiKitError, Code, Unavailable, UsageError
from civitai_kit.core.plans.order import Order, Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.testing import Sandbox
from civitai_kit.transfer.file.fetch import Fetcher

Use = Callable[[str], Any]

SWIFT = RetryRules(first_wait=0.001)
WANTS_LOGIN = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
BLOCKED = b"HTTP/1.1 403 Blocked\r\nContent-Length: 0\r\n\r\n"
FILE = Path(__file__).read_bytes()


class ProxyServer:
    """Speaks HTTP, CONNECT and SOCKS 5 on one port; with an `answer` it gives that to everybody instead."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.heads: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            first = client.recv(65536)
            if first[:1] == b"\x05":
                self._socks(client, first)
                return
            while b"\r\n\r\n" not in first:
                first += client.recv(65536)
            self.heads.append(first)
            if self.answer is not None:
                client.sendall(self.answer)
                return
            method, target, _ = first.split(b"\r\n")[0].split(b" ")
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                _join(client, target.decode(), b"")
            else:
                host = urlsplit(target.decode()).netloc
                _join(client, host, first.replace(f"http://{host}".encode(), b"", 1))

    def _socks(self, client: socket.socket, first: bytes) -> None:
        self.heads.append(first)
        client.sendall(b"\x05\x00")
        asked = client.recv(300)
        name = asked[5 : 5 + asked[4]].decode() if asked[3] == 3 else socket.inet_ntoa(asked[4:8])
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        _join(client, f"{name}:{int.from_bytes(asked[-2:], 'big')}", b"")


def _join(client: socket.socket, host: str, first: bytes) -> None:
    name, _, port = host.rpartition(":")
    with socket.create_connection((name, int(port))) as server:
        server.sendall(first)
        threading.Thread(target=_pump, args=(client, server), daemon=True).start()
        _pump(server, client)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


class TlsServer:
    """Gives a list of models with nothing in it, or a file, over TLS; counts who connected."""

    def __init__(self, certificate: Path) -> None:
        self.connections = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, f"{certificate}.key")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                self.connections += 1
                with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as secure:
                    asked = secure.recv(65536)
                    body = b'{"id": 7}' if b"/api/v1/" in asked else FILE
                    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
                    secure.sendall(head + body)


@pytest.fixture
def proxy() -> Iterator[ProxyServer]:
    """A proxy that nobody has been told of yet."""
    server = ProxyServer()
    yield server
    server.close()


@pytest.fixture
def tls(certificate: Path) -> Iterator[TlsServer]:
    """A site whose certificate nobody vouches for."""
    server = TlsServer(certificate)
    yield server
    server.close()


@pytest.fixture
def trusted(tls: TlsServer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> TlsServer:
    """A site whose certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return tls


def ask(url: str, **options: Any) -> Any:
    with Client(base_url=url, retry=SWIFT, timeout=10, **options) as client:
        return client.model(7)


def fetch(url: str, target: Path, **options: Any) -> None:
    known = {"site": url, "api_key": None, "user_agent": "t/1", "timeout": 10, "retries": SWIFT, **options}
    order = Order(key="k", urls=(f"{url}/f",), target=target, proof=Proof(sha256=hashlib.sha256(FILE).hexdigest()))
    with Fetcher(**known) as fetcher:
        fetcher.fetch(order, lambda _: None)


@pytest.fixture(params=["ask", "fetch"])
def use(request: pytest.FixtureRequest, tmp_path: Path) -> Use:
    """Asks the site at a URL, or fetches a file from there: both go the same way."""
    return ask if request.param == "ask" else lambda url: fetch(url, tmp_path / "f.bin")


def failure(use: Use, url: str) -> CivitaiKitError:
    with pytest.raises(CivitaiKitError) as caught:
        use(url)
    return caught.value


# -- which one ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "socks", "socks5", "socks5h"])
def test_a_site_is_asked_and_a_file_fetched_through_each_kind_of_proxy(
    scheme: str, proxy: ProxyServer, trusted: TlsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"{scheme}://{proxy.address}/")
    assert ask(trusted.url).id == 7
    fetch(trusted.url, tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == FILE
    assert len(proxy.heads) == trusted.connections == 2


def test_the_proxies_of_a_desktop_that_the_request_does_not_use_may_be_anything(
    proxy: ProxyServer, civitai_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
    for name in ("https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "gopher://nowhere")
    with Client(base_url=civitai_sandbox.url, retry=SWIFT) as client:
        assert next(client.models(limit=1)).id
    assert proxy.heads


def test_no_proxy_is_heeded(use: Use, trusted: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://x")
    monkeypatch.setenv("NO_PROXY", "localhost")
    use(trusted.url)
    assert trusted.connections == 1


# -- what goes wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["http://example.test", "https://example.test"])
def test_a_proxy_that_wants_a_password_is_named_and_not_asked_again(
    use: Use, site: str, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.answer = WANTS_LOGIN
    monkeypatch.setenv("ALL_PROXY", f"http://me:s3cret@{proxy.address}")
    error = failure(use, site)
    said = f"{error.message} {error.hint}"
    assert error.code is Code.NETWORK
    assert "ALL_PROXY" in said and proxy.address in error.message and "s3cret" not in said
    assert len(proxy.heads) == 1


def test_a_proxy_that_blocks_a_site_is_named_and_not_asked_again(
    use: Use, proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.answer = BLOCKED
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    error = failure(use, "https://example.test")
    assert error.code is Code.NETWORK and "HTTPS_PROXY" in error.message
    assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("http://127.0.0.1:1", Code.NETWORK),
        ("socks5://127.0.0.1:1", Code.NETWORK),
        ("gopher://127.0.0.1:1", Code.USAGE),
    ],
)
def test_every_error_of_a_proxy_names_its_variable(
    use: Use, value: str, code: Code, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", value)
    error = failure(use, "http://example.test")
    assert error.code is code and "http_proxy" in error.message


def test_a_missing_package_for_socks_is_told_with_the_command_that_adds_it(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['socksio'] = None; from civitai_kit.cli.start import main; sys.exit(main())"
    done = run(tmp_path, "scan", "1", program=("-c", blocked), env={"ALL_PROXY": "socks5://127.0.0.1:1"})
    (error,) = json.loads(done.stdout)["errors"]
    assert done.returncode == 2 and error["code"] == "usage"
    assert "ALL_PROXY" in error["message"] and "httpx2[socks]" in error["hint"]


# -- the key --------------------------------------------------------------------------------------------------


def run(folder: Path, *words: str, program: tuple[str, ...] = ("-m", "civitai_kit"), env: dict[str, str]) -> Any:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, *program, *words, "--save-path", str(folder), "--json"]
    said = {**kept, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), **env}
    return subprocess.run(command, cwd=folder, env=said, capture_output=True, text=True, check=False, timeout=60)


def test_a_key_for_this_machine_does_not_go_through_a_proxy_in_clear(
    proxy: ProxyServer, civitai_sandbox: Sandbox, tmp_path: Path
) -> None:
    where = ("--api-url", civitai_sandbox.url)
    variables = {"CIVITAI_API_KEY": "abc123-xyz", "HTTP_PROXY": f"http://{proxy.address}"}
    done = run(tmp_path, "download", "--limit", "1", "--yes", *where, env=variables)
    assert proxy.heads and not any(b"abc123-xyz" in head for head in proxy.heads)
    assert "The API key is not sent" in done.stderr and "NO_PROXY=127.0.0.1" in done.stderr


def test_a_client_refuses_to_send_a_key_in_clear(proxy: ProxyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="in clear"):
        Client("a-key", base_url="http://example.org")
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    with pytest.raises(UsageError, match="HTTP_PROXY"):
        Client("a-key", base_url="http://127.0.0.1:1")


# -- certificates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("through", ["straight", "proxy"])
def test_a_certificate_that_is_not_trusted_is_not_tried_again_and_says_what_to_do(
    use: Use, through: str, proxy: ProxyServer, tls: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if through == "proxy":
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
    error = failure(use, tls.url)
    assert error.code is Code.NETWORK and "certificate" in error.message
    assert all(word in str(error.hint) for word in ("clock", "SSL_CERT_FILE", "proxy"))
    assert tls.connections == 1


def test_a_file_of_certificates_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError) as caught:
        Client()
    assert "SSL_CERT_FILE" in str(caught.value.hint)


def test_a_refusal_of_the_site_itself_is_not_blamed_on_the_proxy(
    proxy: ProxyServer, civitai_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    civitai_sandbox.faults.clear()
    monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
    with Client(base_url=civitai_sandbox.url, retry=SWIFT) as client, pytest.raises(CivitaiKitError) as caught:
        client.model(999_999_999)
    assert caught.value.code is Code.NOT_FOUND and not isinstance(caught.value, Unavailable)
