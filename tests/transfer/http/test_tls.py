"""Over TLS: the same bytes by the same way, and no trust where none is due."""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from civitai_kit.core.errors import CivitaiKitError, Code, Interrupted
from civitai_kit.core.plans.order import Fetched, Order, Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.machine import cores
from civitai_kit.transfer.file.fetch import Fetcher
from civitai_kit.transfer.http.connection import HttpClient
from civitai_kit.transfer.stopping import Stopping

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")

CONTENT = os.urandom(5_000_001)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path == "/twice":  # A redirect on the same connection, so that two answers come over it.
            self.send_response(307)
            self.send_header("Location", "/file")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path == "/cut":
            self.wfile.write(CONTENT[:1_000_000])
            self.close_connection = True
            return
        if self.path == "/stall":
            self.wfile.write(CONTENT[:2_000_000])
            time.sleep(8)
            return
        self.wfile.write(CONTENT)


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us is no news."""


@pytest.fixture
def url(certificate: Path) -> Iterator[str]:
    """Where the file is served."""
    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, str(certificate) + ".key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()


def fetch(url: str, target: Path, stop: threading.Event | None = None) -> Fetched:
    proof = Proof(sha256=hashlib.sha256(CONTENT).hexdigest())
    rules = RetryRules(max_retries=1, first_wait=0.001)
    with Fetcher(site=url, api_key=None, user_agent="t/1", timeout=20, retries=rules, stop=stop) as fetcher:
        return fetcher.fetch(Order(key="k", urls=(url,), target=target, proof=proof), lambda _: None)


def test_the_file_comes_right(url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetch(url + "/file", tmp_path / "f.bin").size == len(CONTENT)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(url: str, tmp_path: Path) -> None:
    with pytest.raises(CivitaiKitError) as caught:
        fetch(url + "/file", tmp_path / "f.bin")
    assert caught.value.code is Code.NETWORK
    assert "SSL_CERT_FILE" in str(caught.value.hint)


def test_a_stop_wakes_a_stalled_body(
    url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        fetch(url + "/stall", tmp_path / "f.bin", stop)
    assert time.monotonic() - began < 3.5
    assert (tmp_path / "f.bin.part").stat().st_size == 2_000_000


def test_two_answers_come_over_one_connection(
    url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetch(url + "/twice", tmp_path / "f.bin").digests.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_connection_that_ends_in_the_middle_is_no_end_of_the_file(
    url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(CivitaiKitError) as caught:
        fetch(url + "/cut", tmp_path / "f.bin")
    assert caught.value.code is Code.NETWORK
    assert not (tmp_path / "f.bin").exists()
    assert (tmp_path / "f.bin.part").stat().st_size == 1_000_000


def test_many_files_at_once_come_right(
    url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ThreadPoolExecutor(8) as threads:
        brought = list(threads.map(lambda number: fetch(url + "/file", tmp_path / f"{number}.bin"), range(8)))
    assert all(one.size == len(CONTENT) for one in brought)


def test_what_is_read_after_a_cut_is_of_the_file_and_not_of_the_cipher(
    url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    http = HttpClient(user_agent="t/1", timeout=20, stopping=Stopping(threading.Event()))
    with http.get(httpx2.URL(url + "/file"), {}) as answer:
        came, buffer = answer.first(), memoryview(bytearray(65_536))
        sock = answer.raw_socket()
        assert sock is not None
        answer.cut()
        with suppress(OSError):
            while count := sock.recv_into(buffer):
                came += buffer[:count]
    http.close()
    assert came == CONTENT[: len(came)]


def test_hosts_that_fall_silent_keep_no_other_transfer_waiting(
    url: str, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    stop = threading.Event()
    proof = Proof(sha256=hashlib.sha256(CONTENT).hexdigest())
    rules = RetryRules(max_retries=1, first_wait=0.001)
    silent = [tmp_path / f"silent{number}.bin" for number in range(cores() + 1)]

    with (
        Fetcher(site=url, api_key=None, user_agent="t/1", timeout=20, retries=rules, stop=stop) as fetcher,
        ThreadPoolExecutor(len(silent)) as threads,
    ):

        def bring(path: str, target: Path) -> Fetched:
            return fetcher.fetch(Order(key="k", urls=(url + path,), target=target, proof=proof), lambda _: None)

        stalled = [threads.submit(bring, "/stall", target) for target in silent]
        while not all(size_of(target.with_name(f"{target.name}.part")) for target in silent):
            assert not any(one.done() for one in stalled)
        began = time.monotonic()
        assert bring("/file", tmp_path / "f.bin").size == len(CONTENT)
        assert time.monotonic() - began < 6
        stop.set()
        assert all(isinstance(one.exception(), Interrupted) for one in stalled)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
