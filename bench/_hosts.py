"""The hosts that a file is fetched from: nginx where it is installed, else a small plain server."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from _tools import found, missing

DOWNLOAD = "/api/download/models/1"


@dataclass(frozen=True)
class Promise:
    """What is known of a file: its SHA256 and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Served:
    """The file to fetch: its URL, the site that redirects to it, what it must be, and the CA that vouches for TLS."""

    url: str
    site: str
    promise: Promise
    ca: Path | None


def servers(held: Path, one: Promise, many: Promise) -> Iterator[tuple[str, Served, Served]]:
    """How it is served, the one file and the many, for each way of serving."""
    if missing("nginx"):
        print("Without it a small server of Python's own sends the bytes, and there is no table over TLS.")
        with _small_server(held) as root:
            yield ("plain HTTP", *_served(root, one, many, None))
        return
    with _nginx(held) as (plain, tls, ca):
        yield ("plain HTTP", *_served(plain, one, many, None))
        os.environ["SSL_CERT_FILE"] = str(ca)
        yield ("TLS", *_served(tls, one, many, ca))


def _served(root: str, one: Promise, many: Promise, ca: Path | None) -> tuple[Served, Served]:
    return (
        Served(f"{root}/file.bin", f"{root}/one", one, ca),
        Served(f"{root}/small.bin", f"{root}/many", many, ca),
    )


_NGINX = """
daemon off; worker_processes 2; pid {held}/nginx.pid; error_log {held}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {held}/t1; proxy_temp_path {held}/t2; fastcgi_temp_path {held}/t3;
  uwsgi_temp_path {held}/t4; scgi_temp_path {held}/t5;
  ssl_certificate {held}/cert.pem; ssl_certificate_key {held}/key.pem;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; root {held};
    location /one/ {{ return 307 $scheme://localhost:$server_port/file.bin; }}
    location /many/ {{ return 307 $scheme://localhost:$server_port/small.bin; }}
  }}
}}
"""


@contextmanager
def _nginx(held: Path) -> Iterator[tuple[str, str, Path]]:
    plain, tls = free_port(), free_port()
    ca = held / "cert.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
        f" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {held}/key.pem -out {ca}".split(),
        check=True,
        capture_output=True,
    )
    held.chmod(0o755)
    (held / "nginx.conf").write_text(_NGINX.format(held=held, plain=plain, tls=tls))
    server = subprocess.Popen(
        [found("nginx") or "nginx", "-c", str(held / "nginx.conf"), "-e", str(held / "error.log")]
    )
    try:
        answering(plain)
        yield f"http://localhost:{plain}", f"https://localhost:{tls}", ca
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _small_server(held: Path) -> Iterator[str]:
    """A threaded server that sends with sendfile, for machines without nginx."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path.endswith(DOWNLOAD):
                name = "file.bin" if self.path.startswith("/one") else "small.bin"
                self.send_response(307)
                self.send_header("Location", f"/{name}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            with (held / self.path.lstrip("/")).open("rb") as file:
                self._send(file, os.fstat(file.fileno()).st_size)

        def _send(self, file: BinaryIO, size: int) -> None:
            wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            start = int(wanted[1]) if wanted else 0
            stop = min(size, int(wanted[2]) + 1) if wanted and wanted[2] else size
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(stop - start))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            self.end_headers()
            self.connection.sendfile(file, start, stop - start)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def answering(port: int) -> None:
    """Wait until somebody listens on a port."""
    for _ in range(100):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("nginx did not start")
