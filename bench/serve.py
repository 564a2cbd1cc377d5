"""`serve`: the catalogs' map of 50,000 entries; that of 1,000 asked for over 50 connections by wrk; memory.

    python bench/serve.py [--python PYTHON] [--requests N] [--seconds S]

The same bytes are also given by nginx, where it is installed, and by the least that Starlette and uvicorn do, in the
same run. The bars: under 100 ms for the large map after the first call; 99 of 100 answers of the small one within
30 ms; no more memory after 100,000 requests.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from _hosts import answering, free_port
from _tools import found, missing

TOKEN = "a-token-for-the-benchmark"
MAP = "/api/admin/models/civitai-map"
LARGE, SMALL = 50_000, 1_000
CONNECTIONS = 50
ROUNDS = 3
HERE = Path(__file__).parent


def catalog(save_path: Path, count: int) -> None:
    """A catalog of so many entries, of which every other file is there, and all of it old enough to be remembered."""
    names = [f"model_{number}.safetensors" for number in range(count)]
    entries = [
        {
            "name": f"Model {number} v1 [SDXL 1.0 FP16]",
            "file": name,
            "dest": "checkpoints" if number % 3 else "loras",
            "civitai_version_id": 100_000 + number,
            "civitai_model_id": 50_000 + number // 3,
            "size_gb": 0.228,
            "base_model": "SDXL 1.0",
            "trigger_words": ["one", "two"],
            "hash": f"{number:064X}",
        }
        for number, name in enumerate(names)
    ]
    for entry in entries[::2]:
        place = save_path / str(entry["dest"]) / str(entry["file"])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    content = {"version": 1, "date": "", "categories": [{"id": "all", "name": "All", "models": entries}]}
    (save_path / "catalog").mkdir()
    (save_path / "catalog" / "models.json").write_text(json.dumps(content), encoding="utf-8")
    for folder, _, files in os.walk(save_path):
        for name in (*files, "."):
            os.utime(Path(folder) / name, (1.6e9, 1.6e9))


@dataclass(frozen=True)
class Running:
    """A server and the process that it is."""

    url: str
    pid: int

    def memory(self) -> float:
        """What it holds, in MB; 0 where there is no /proc."""
        status = Path(f"/proc/{self.pid}/status")
        said = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return int(said[1]) / 1000 if said else 0.0


@contextmanager
def ours(python: str, save_path: Path) -> Iterator[Running]:
    """`civitai-kit serve` over a save path."""
    words = [python, "-m", "civitai_kit", "--json", "--save-path", str(save_path), "serve", "--port", "0"]
    env = os.environ | {"XDG_CONFIG_HOME": str(save_path), "CIVITAI_KIT_SERVE__TOKEN": TOKEN}
    with _process(words, env) as process:
        assert process.stdout is not None
        yield Running(json.loads(process.stdout.readline())["data"]["url"] + MAP, process.pid)


@contextmanager
def plain(python: str, content: Path) -> Iterator[Running]:
    """Starlette and uvicorn alone."""
    with _process([python, str(HERE / "_plain_server.py"), str(content)], dict(os.environ)) as process:
        assert process.stdout is not None
        yield Running(f"http://127.0.0.1:{int(process.stdout.readline())}/map.json", process.pid)


@contextmanager
def nginx(content: Path) -> Iterator[Running]:
    """nginx with one worker, as ours is one process."""
    port, folder = free_port(), content.parent
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; events {{ worker_connections 256; }}"
        f" http {{ access_log off; default_type application/json; client_body_temp_path {folder}/t;"
        f" proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;"
        f" scgi_temp_path {folder}/t5; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"
    )
    words = [found("nginx") or "nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with _process(words, dict(os.environ)) as process:
        answering(port)
        yield Running(f"http://127.0.0.1:{port}/{content.name}", process.pid)


@contextmanager
def _process(words: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def asked(url: str) -> tuple[float, bytes]:
    """Seconds until an answer was there, and its body."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    begun = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as answer:
        body: bytes = answer.read()
    return time.perf_counter() - begun, body


@dataclass(frozen=True)
class Load:
    """What wrk says: requests, those a second, and the milliseconds that 50 and 99 of 100 took at most."""

    requests: int
    rate: float
    half: float
    most: float


def load(url: str, seconds: float) -> Load:
    """Ask over many connections for some time; leaves the program where an answer was no good one."""
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--latency", "-H", f"Authorization: Bearer {TOKEN}"]
    said = subprocess.run([*words, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    return Load(
        int(_number(said, r"(\d+) requests in")),
        _number(said, r"Requests/sec:\s+([\d.]+)"),
        _milliseconds(said, "50%"),
        _milliseconds(said, "99%"),
    )


def _number(said: str, pattern: str) -> float:
    match = re.search(pattern, said)
    assert match, said
    return float(match[1])


def _milliseconds(said: str, share: str) -> float:
    match = re.search(rf"{share}\s+([\d.]+)(us|ms|s)\b", said)
    assert match, said
    return float(match[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[match[2]]


def large_map(python: str, root: Path) -> None:
    """Print what the large map costs: the first time, then again and again, then after a change."""
    catalog(root, LARGE)
    with ours(python, root) as server:
        first, body = asked(server.url)
        again = [asked(server.url)[0] for _ in range(20)]
        file = root / "catalog" / "models.json"
        os.utime(file, (1.7e9, 1.7e9))
        changed, _ = asked(server.url)
    print(f"  {LARGE:,} entries, {len(body) / 1e6:.1f} MB: first call {first:6.2f} s, after a change {changed:6.2f} s")
    print(
        f"  after the first call {statistics.median(again) * 1000:6.1f} ms (at most {max(again) * 1000:.1f}; bar 100)"
    )


def small_map(python: str, root: Path, seconds: float, requests: int) -> None:
    """Print how quickly many connections get the small map, beside others that give the same bytes; then memory."""
    catalog(root, SMALL)
    with ExitStack() as stack:
        server = stack.enter_context(ours(python, root))
        content = root / "map.json"
        content.write_bytes(asked(server.url)[1])
        root.chmod(0o755)
        servers = {"serve": server, "Starlette alone": stack.enter_context(plain(python, content))}
        if not missing("nginx"):
            servers["nginx, one worker"] = stack.enter_context(nginx(content))
        loads: dict[str, list[Load]] = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, each in servers.items():
                loads[name].append(load(each.url, seconds))
        _print_loads(loads)
        _print_memory(server, requests)


def _print_loads(loads: dict[str, list[Load]]) -> None:
    rate_of_ours = statistics.median(each.rate for each in loads["serve"])
    for name, rounds in loads.items():
        rate, half, most = (
            statistics.median(getattr(each, part) for each in rounds) for part in ("rate", "half", "most")
        )
        print(
            f"  {name:<18} {rate:8.0f} requests/s, half within {half:6.1f} ms, 99 % within {most:6.1f} ms"
            f" (best round {min(each.most for each in rounds):.1f}); ours is {rate_of_ours / rate:.2f} of it"
        )


def _print_memory(server: Running, requests: int) -> None:
    before, done = server.memory(), 0
    while done < requests:
        done += load(server.url, 10).requests
    print(f"  memory {before:.1f} MB, after {done:,} requests more {server.memory():.1f} MB")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the Python that has civitai-kit")
    parser.add_argument("--requests", type=int, default=100_000, help="requests after which memory is looked at")
    parser.add_argument("--seconds", type=float, default=5, help="how long wrk asks, each time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as large, tempfile.TemporaryDirectory() as small:
        large_map(options.python, Path(large))
        if not missing("wrk"):
            print(f"  {SMALL:,} entries, {CONNECTIONS} connections of wrk, median of {ROUNDS} rounds:")
            small_map(options.python, Path(small), options.seconds, options.requests)


if __name__ == "__main__":
    main()
