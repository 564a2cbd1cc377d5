"""Bytes beside curl and openssl: wall time, processor time and peak memory, rounds alternating, as ratios.

    python bench/transfer.py [--size MIB] [--rounds N] [--into DIR] [--only WORD]

Needs curl and openssl; nginx (with a certificate made here) where it is installed, else a small plain server.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

MIB = 1024 * 1024
MANY = 8
DOWNLOAD = "/api/download/models/1"


@dataclass(frozen=True)
class Cost:
    """What one job took: seconds on the wall and of the processor, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Served:
    """The file to fetch: its URL, the site that redirects to it, its digest, and the CA that vouches for TLS."""

    url: str
    site: str
    sha256: str
    ca: Path | None


@dataclass(frozen=True)
class Job:
    """One way to fetch: `command` gets the folder to fetch into."""

    name: str
    command: Callable[[Path], list[str]]
    reference: bool = False


def main() -> None:
    """Measure and print."""
    options = _options()
    if options.drive:
        _drive(options)
        return
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as held, _folder(options.into) as into:
        sha256 = _make_file(Path(held) / "file.bin", options.size * MIB)
        small = _make_file(Path(held) / "small.bin", options.size * MIB // MANY)
        for label, served, less in _servers(Path(held), sha256, small):
            one = _one_jobs(served)
            _report(f"one file of {options.size} MiB, {label}", one, into, options)
            many = _many_jobs(less)
            _report(f"{MANY} files of {options.size // MANY} MiB at once, {label}", many, into, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the one file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--into", type=Path, help="folder to fetch into (a temporary one)")
    parser.add_argument("--only", default="", help="only the tables whose title holds this")
    parser.add_argument("--drive", nargs=4, metavar=("SITE", "SHA256", "FILES", "CONNECTIONS"), help=argparse.SUPPRESS)
    return parser.parse_args()


# -- the jobs ---------------------------------------------------------------------------------------------------


def _one_jobs(served: Served) -> list[Job]:
    curl = f"{_curl(served)} -o one.bin {served.url}"
    return [
        Job("curl, then openssl dgst", _shell(f"{curl} && openssl dgst -sha256 one.bin >/dev/null"), True),
        Job("curl alone", _shell(curl)),
        Job("civitai-kit", _ours(served, 1, 1)),
        Job("civitai-kit, 4 connections", _ours(served, 1, 4)),
    ]


def _many_jobs(served: Served) -> list[Job]:
    numbers = " ".join(str(number) for number in range(MANY))
    curls = f"for n in {numbers}; do {_curl(served)} -o $n.bin {served.url} & done; wait"
    sums = f"for n in {numbers}; do openssl dgst -sha256 $n.bin >/dev/null & done; wait"
    return [
        Job(f"{MANY} curls, then {MANY} openssl dgst", _shell(f"{curls}; {sums}"), True),
        Job(f"{MANY} curls alone", _shell(curls)),
        Job("civitai-kit", _ours(served, MANY, 1)),
    ]


def _curl(served: Served) -> str:
    trust = f" --cacert {served.ca}" if served.ca else ""
    return f"curl -sS --fail{trust}"


def _shell(line: str) -> Callable[[Path], list[str]]:
    return lambda into: ["sh", "-c", f"cd {into} && {line}"]


def _ours(served: Served, files: int, connections: int) -> Callable[[Path], list[str]]:
    drive = ["--drive", served.site, served.sha256, str(files), str(connections)]
    return lambda into: [sys.executable, __file__, "--into", str(into), *drive]


def _drive(options: argparse.Namespace) -> None:
    """Fetch with our own engine; this runs in a process of its own."""
    from civitai_kit.core.order import Order, Proof
    from civitai_kit.core.retry import RetryRules
    from civitai_kit.transfer.fetch import Fetcher
    from civitai_kit.transfer.pool import Pool

    site, sha256, files, connections = options.drive
    orders = [
        Order(
            key=str(number),
            urls=(site + DOWNLOAD,),
            target=options.into / f"ours{number}.bin",
            proof=Proof(sha256=sha256),
            connections=int(connections),
        )
        for number in range(int(files))
    ]
    with Fetcher(site=site, api_key="k", user_agent="bench/1", timeout=30, retries=RetryRules()) as fetcher:
        jobs = [lambda order=order: fetcher.fetch(order, lambda _: None) for order in orders]
        for outcome in Pool().run(jobs, len(jobs)):
            if outcome.error is not None:
                raise outcome.error


# -- measuring --------------------------------------------------------------------------------------------------


def _report(title: str, jobs: list[Job], into: Path, options: argparse.Namespace) -> None:
    if options.only not in title:
        return
    costs: dict[str, list[Cost]] = {job.name: [] for job in jobs}
    for number in range(options.rounds):
        turned = jobs[number % len(jobs) :] + jobs[: number % len(jobs)]
        for job in turned:
            costs[job.name].append(_measure(job, into))
    reference = next(_median(costs[job.name]) for job in jobs if job.reference)
    print(f"\n{title} (median of {options.rounds}, best in brackets)")
    print(f"  {'':38} {'wall s':>14} {'cpu s':>14} {'MB':>6} {'wall':>7} {'cpu':>7}")
    for job in jobs:
        middle, best = _median(costs[job.name]), _best(costs[job.name])
        print(
            f"  {job.name:38} {middle.wall:6.2f} ({best.wall:5.2f}) {middle.cpu:6.2f} ({best.cpu:5.2f})"
            f" {middle.memory:6.0f} {middle.wall / reference.wall:6.2f}x {middle.cpu / reference.cpu:6.2f}x"
        )


def _measure(job: Job, into: Path) -> Cost:
    with tempfile.TemporaryDirectory(dir=into) as folder:
        began = time.monotonic()
        running = subprocess.Popen(job.command(Path(folder)))
        _, status, usage = os.wait4(running.pid, 0)
        wall = time.monotonic() - began
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"{job.name} ended with {running.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.memory for cost in costs),
    )


def _best(costs: list[Cost]) -> Cost:
    return Cost(min(cost.wall for cost in costs), min(cost.cpu for cost in costs), 0)


# -- serving ----------------------------------------------------------------------------------------------------


def _servers(held: Path, sha256: str, small: str) -> Iterator[tuple[str, Served, Served]]:
    if shutil.which("nginx") is None:
        with _small_server(held) as root:
            yield ("plain HTTP", *_served(root, sha256, small, None))
        return
    with _nginx(held) as (plain, tls, ca):
        yield ("plain HTTP", *_served(plain, sha256, small, None))
        os.environ["SSL_CERT_FILE"] = str(ca)
        yield ("TLS", *_served(tls, sha256, small, ca))


def _served(root: str, sha256: str, small: str, ca: Path | None) -> tuple[Served, Served]:
    return (
        Served(f"{root}/file.bin", f"{root}/one", sha256, ca),
        Served(f"{root}/small.bin", f"{root}/many", small, ca),
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
    plain, tls = _free_port(), _free_port()
    ca = held / "cert.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
        f" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {held}/key.pem -out {ca}".split(),
        check=True,
        capture_output=True,
    )
    held.chmod(0o755)
    (held / "nginx.conf").write_text(_NGINX.format(held=held, plain=plain, tls=tls))
    server = subprocess.Popen(["nginx", "-c", str(held / "nginx.conf"), "-e", str(held / "error.log")])
    try:
        _await_port(plain)
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


def _make_file(path: Path, size: int) -> str:
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // MIB):
            chunk = os.urandom(MIB)
            sha256.update(chunk)
            file.write(chunk)
    return sha256.hexdigest()


def _memory_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _await_port(port: int) -> None:
    for _ in range(100):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("nginx did not start")


if __name__ == "__main__":
    main()
