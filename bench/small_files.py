"""Fetches 300 model files of 4 KB with -c 8 from a site that takes 20 ms for each request, its redirects as well.
Beside it eight plain connections ask for the same, follow the same redirects, and hash.

The bar: twice the time of the plain connections for the files from the second on, 3.5 × where other work runs.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

from _costs import Cost, measure, median

COUNT, SIZE, LATENCY, CONNECTIONS = 300, 4_000, 0.02, 8
ROUNDS = 5
MOST_OVER_PLAIN, MOST_OVER_PLAIN_BUSY = 2.0, 3.5
DOWNLOAD, STORED = "/api/download/models/", "/stored/"
PAGE = 100
SAFETENSORS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"


def content(number: int) -> bytes:
    """The bytes of a file."""
    return SAFETENSORS + hashlib.sha256(b"%d" % number).digest() * ((SIZE - len(SAFETENSORS)) // 32)


def model(root: str, number: int) -> dict[str, Any]:
    """A model of one version with one file."""
    body = content(number)
    file = {
        "id": number,
        "sizeKB": len(body) / 1024,
        "name": f"tiny{number}.safetensors",
        "type": "Model",
        "primary": True,
        "metadata": {"format": "SafeTensor"},
        "hashes": {"SHA256": hashlib.sha256(body).hexdigest().upper()},
        "downloadUrl": f"{root}{DOWNLOAD}{number}",
    }
    version = {"id": number, "name": "v1", "baseModel": "SDXL 1.0", "availability": "Public", "files": [file]}
    creator = {"username": "crowd"}
    return {"id": number, "name": f"Tiny {number}", "type": "LORA", "creator": creator, "modelVersions": [version]}


def serve(port: Queue[int]) -> None:
    """Serve listing, redirects and files; tells its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            time.sleep(LATENCY)
            root = f"http://{self.headers['Host']}"
            where = urlsplit(self.path)
            if where.path.startswith(DOWNLOAD):
                self.answer(307, b"", Location=f"{root}{STORED}{where.path.rpartition('/')[2]}")
            elif where.path.startswith(STORED):
                self.answer(200, content(int(where.path.rpartition("/")[2])), ETag='"e"')
            else:
                self.answer(200, json.dumps(listing(root, parse_qs(where.query))).encode())

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            lines = {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers}
            if self.path.startswith(STORED):
                lines["Content-Type"] = "application/octet-stream"
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            self.wfile.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.put(server.server_address[1])
    server.serve_forever()


def listing(root: str, query: dict[str, list[str]]) -> dict[str, Any]:
    """A page of the models, or those of the given ids."""
    if "ids" in query:
        return {
            "items": [model(root, int(number)) for ids in query["ids"] for number in ids.split(",")],
            "metadata": {},
        }
    start, limit = int(query.get("cursor", ["1"])[0]), int(query.get("limit", [f"{PAGE}"])[0])
    stop = min(COUNT + 1, start + limit)
    return {
        "items": [model(root, number) for number in range(start, stop)],
        "metadata": {"nextCursor": f"{stop}"} if stop <= COUNT else {},
    }


@contextmanager
def site() -> Iterator[str]:
    """The root URL of the site."""
    port: Queue[int] = Queue()
    process = Process(target=serve, args=(port,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port.get(timeout=60)}"
    finally:
        process.terminate()


def fetch_plainly(root: str, into: Path, count: int) -> None:
    """Eight connections that fetch, follow, hash and write: no proof is kept and nothing synced or remembered."""
    numbers: SimpleQueue[int] = SimpleQueue()
    for number in range(1, count + 1):
        numbers.put(number)

    def work() -> None:
        line = http.client.HTTPConnection(urlsplit(root).netloc)
        while True:
            try:
                number = numbers.get_nowait()
            except Empty:
                return
            line.request("GET", f"{DOWNLOAD}{number}")
            with line.getresponse() as redirect:
                redirect.read()
                where = redirect.headers["Location"]
            line.request("GET", urlsplit(where).path)
            with line.getresponse() as answer:
                body = answer.read()
            assert hashlib.sha256(body).hexdigest() == hashlib.sha256(content(number)).hexdigest()
            (into / f"{number}.safetensors").write_bytes(body)

    workers = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def ours(python: str, root: str, folder: Path, limit: int) -> list[str]:
    """The command that fetches so many into a fresh folder."""
    kit = [python, "-m", "civitai_kit", "--api-url", root, "--api-delay", "0", "--save-path", str(folder), "--quiet"]
    return [*kit, "download", "-u", "crowd", "--limit", f"{limit}", "-c", f"{CONNECTIONS}", "--yes"]


def plain(root: str, folder: Path, count: int) -> list[str]:
    """The eight plain connections, as a program of their own."""
    folder.mkdir()
    return [sys.executable, __file__, "--plainly", root, str(folder), f"{count}"]


def rounds(python: str, root: str, base: Path) -> dict[str, list[Cost]]:
    """What all of it and a run for one file alone cost, round by round, with ours and plainly."""
    costs: dict[str, list[Cost]] = {name: [] for name in ("ours", "ours, one", "plain", "plain, one")}
    for turn in range(ROUNDS):
        commands = {
            "plain": plain(root, base / f"plain{turn}", COUNT),
            "plain, one": plain(root, base / f"plain-one{turn}", 1),
            "ours": ours(python, root, base / f"ours{turn}", COUNT),
            "ours, one": ours(python, root, base / f"one{turn}", 1),
        }
        for name, command in commands.items():
            costs[name].append(measure(name, command))
        assert len([*(base / f"ours{turn}").rglob("*.safetensors")]) == COUNT
    return costs


def report(costs: dict[str, list[Cost]]) -> bool:
    """Print the figures; says whether the bar is kept."""
    middle = {name: median(each) for name, each in costs.items()}
    wall = {name: middle[name].wall - middle[f"{name}, one"].wall for name in ("ours", "plain")}
    cpu = {name: middle[name].cpu - middle[f"{name}, one"].cpu for name in ("ours", "plain")}
    waiting = COUNT * 2 * LATENCY / CONNECTIONS
    print(
        f"{COUNT} files of {SIZE // 1000} KB, two requests of {LATENCY * 1000:.0f} ms each: {waiting:.2f} s of waiting"
    )
    for name in ("plain", "ours"):
        print(
            f"  {name:6} {middle[name].wall:5.2f} s, of which {wall[name]:5.2f} s after the first file"
            f"   processor {cpu[name] / COUNT * 1000:5.2f} ms a file"
        )
    ratio, load = wall["ours"] / wall["plain"], os.getloadavg()[0]
    most = MOST_OVER_PLAIN_BUSY if load > (os.cpu_count() or 1) else MOST_OVER_PLAIN
    kept = ratio <= most
    verdict = "kept" if kept else "MISSED"
    print(f"ours over plain, after the first file: {ratio:4.2f} x; bar {most} x at a load of {load:.1f}: {verdict}")
    return kept


def main() -> int:
    """Measure and print; 1 when the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the Python that has civitai-kit as people install it")
    parser.add_argument("--plainly", nargs=3, metavar=("ROOT", "FOLDER", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plainly:
        root, folder, count = options.plainly
        fetch_plainly(root, Path(folder), int(count))
        return 0
    with site() as root, tempfile.TemporaryDirectory() as base:
        return 0 if report(rounds(options.python, root, Path(base))) else 1


if __name__ == "__main__":
    os.environ["CIVITAI_API_KEY"] = ""
    raise SystemExit(main())
