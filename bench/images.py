"""Fetches 1,000 pictures of 100 KB from a host that takes 20 ms for each, with -c 8, beside `curl -Z` with as many
connections; then lists and fetches 50,000 small ones for the memory it takes.

The bars: 1.5 × the waiting that 8 connections must do, from the second picture on 1.15 × curl, 150 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from _tools import missing

COUNT, SIZE, LATENCY, CONNECTIONS = 1000, 100_000, 0.02, 8
ROUNDS = 5
MOST_OVER_CURL = 1.15
MANY, MOST_MEMORY = 50_000, 150.0
PAGE = 200
ACCOUNT = "/xG1nkqKTMzGDvpLrqFT7WA/"
PNG = b"\x89PNG\r\n\x1a\n"
IEND = b"\x00\x00\x00\x00IEND\xaeB\x60\x82"


def item(root: str, number: int) -> dict[str, Any]:
    """An image of the listing, with generation data of the usual weight."""
    uuid = f"00000000-0000-0000-0000-{number:012}"
    return {
        "id": 1_000_000 - number,
        "url": f"{root}{ACCOUNT}{uuid}/original=true/{uuid}.jpeg",
        "width": 832,
        "height": 1216,
        "nsfwLevel": "None",
        "type": "image",
        "browsingLevel": 1,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "postId": number // 10 + 1,
        "username": "crowd",
        "baseModel": "SDXL 1.0",
        "modelVersionIds": [12345],
        "meta": {"prompt": "words of a prompt " * 40, "seed": number, "steps": 20, "Model": f"model {number % 7}"},
        "tags": [{"id": 1, "name": "crowd"}],
    }


def serve(port: Queue[int], count: int, size: int, latency: float) -> None:
    """Serve the listing and the pictures; tells its port."""
    body = PNG + b"\x00" * (size - len(PNG) - len(IEND)) + IEND

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            time.sleep(latency)
            if self.path.startswith(ACCOUNT):
                self.answer("image/png", body)
                return
            query = parse_qs(urlsplit(self.path).query)
            offset, limit = int(query.get("cursor", ["0"])[0]), int(query.get("limit", ["100"])[0])
            root = f"http://{self.headers['Host']}"
            rows = [item(root, number) for number in range(offset, min(count, offset + limit))]
            metadata = {"nextCursor": f"{offset + limit}"} if offset + limit < count else {}
            self.answer("application/json", json.dumps({"items": rows, "metadata": metadata}).encode())

        def answer(self, kind: str, content: bytes) -> None:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
            self.wfile.write(head.encode() + content if len(content) < 65_536 else head.encode())
            if len(content) >= 65_536:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.put(server.server_address[1])
    server.serve_forever()


@contextmanager
def site(count: int, size: int, latency: float) -> Iterator[str]:
    """The root URL of a site with so many pictures."""
    port: Queue[int] = Queue()
    process = Process(target=serve, args=(port, count, size, latency), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port.get(timeout=60)}"
    finally:
        process.terminate()


def timed(command: list[str]) -> float:
    """Seconds that a command takes; its output is dropped."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def ours(python: str, root: str, folder: Path, *more: str) -> list[str]:
    """The command that fetches everything into a fresh folder."""
    kit = [python, "-m", "civitai_kit", "--api-url", root, "--api-delay", "0", "--save-path", str(folder)]
    return [*kit, "images", "-u", "crowd", "-c", str(CONNECTIONS), "--page-size", str(PAGE), "--json", "--quiet", *more]


def curl(root: str, folder: Path, count: int) -> list[str]:
    """curl with as many connections, into files; the addresses stand in a file of their own."""
    folder.mkdir()
    uuids = [f"00000000-0000-0000-0000-{number:012}" for number in range(count)]
    urls = [f'url = "{root}{ACCOUNT}{uuid}/original=true/{uuid}.jpeg"\noutput = "{folder}/{uuid}"' for uuid in uuids]
    config = folder / "urls"
    config.write_text("\n".join(urls))
    return ["curl", "-s", "-Z", "--parallel-max", str(CONNECTIONS), "-K", str(config)]


def fast(python: str) -> bool:
    """Measure 1,000 pictures; says whether both bars are kept.

    A command of ours begins with half a second of its own, curl with nothing; so what a run for one picture takes is
    told apart, and the rest compared as well.
    """
    ideal = COUNT * LATENCY / CONNECTIONS
    with site(COUNT, SIZE, LATENCY) as root, tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        rows = []
        for turn in range(ROUNDS):
            beside = timed(curl(root, folder / f"curl{turn}", COUNT)), timed(curl(root, folder / f"one{turn}", 1))
            whole = timed(ours(python, root, folder / f"ours{turn}"))
            one = timed(ours(python, root, folder / f"first{turn}", "--limit", "1"))
            rows.append((*beside, whole, one))
        there = len([*(folder / "ours0").rglob("*.png")])
        again = timed(ours(python, root, folder / "ours0"))
    curl_whole, curl_one, whole, one = (sorted(column)[ROUNDS // 2] for column in zip(*rows, strict=True))
    rest, curl_rest = (sorted(row[at] - row[at + 1] for row in rows)[ROUNDS // 2] for at in (2, 0))
    kept = whole <= 1.5 * ideal and there == COUNT
    print(
        f"1,000 pictures of 100 KB  {whole:6.2f} s   {whole / ideal:4.2f} x the waiting ({ideal:.2f} s); {said(kept)}"
    )
    print(f"  the first of them       {one:6.2f} s   then {rest:4.2f} s for the others")
    print(f"curl -Z                   {curl_whole:6.2f} s   {curl_whole / ideal:4.2f} x")
    print(f"  the first of them       {curl_one:6.2f} s   then {curl_rest:4.2f} s for the others")
    print(f"ours over curl -Z           {whole / curl_whole:4.2f}     the others: {rest / curl_rest:4.2f}")
    print(f"the same command again    {again:6.2f} s")
    return kept and rest <= MOST_OVER_CURL * curl_rest


def said(kept: bool) -> str:
    """How a bar is told."""
    return "kept" if kept else "MISSED"


def lean(python: str) -> bool:
    """Measure 50,000 pictures; says whether the memory stays within its bar."""
    with site(MANY, 400, 0.0) as root, tempfile.TemporaryDirectory() as base:
        seconds = timed(ours(python, root, Path(base) / "many"))
        there = sum(1 for _ in (Path(base) / "many").rglob("*.png"))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    kept = memory <= MOST_MEMORY and there == MANY
    print(f"{MANY:,} pictures           {seconds:6.1f} s   {memory:5.1f} MB; {said(kept)}")
    return kept


def main() -> int:
    """Measure and print; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the Python that has civitai-kit as people install it")
    parser.add_argument("--quick", action="store_true", help="without the 50,000 pictures, which take minutes")
    options = parser.parse_args()
    if missing("curl"):
        return 0
    results = [fast(options.python)]
    if not options.quick:
        results.append(lean(options.python))
    return 0 if all(results) else 1


if __name__ == "__main__":
    os.environ["CIVITAI_API_KEY"] = ""
    raise SystemExit(main())
