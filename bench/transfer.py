"""Bytes beside curl and openssl: wall time, processor time and peak memory, rounds alternating, as ratios.

    python bench/transfer.py [--size MIB] [--each MIB] [--rounds N] [--into DIR] [--only WORD] [--python PATH]

Needs curl and openssl; nginx (with a certificate made here) where it is installed, else a small plain server.
Memory is that of all processes of a job together, the peak of each that lives at the same time added up.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from _costs import Cost, best, measure, median
from _hosts import Promise, Served, servers
from _tools import missing

MIB = 1024 * 1024
MANY = 8
DRIVE = Path(__file__).with_name("_drive.py")


@dataclass(frozen=True)
class Job:
    """One way to fetch: `command` gets the folder to fetch into."""

    name: str
    command: Callable[[Path], list[str]]
    reference: bool = False


def main() -> int:
    """Measure and print."""
    options = _options()
    if missing("curl", "openssl"):
        return 0
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as held, _folder(options.into) as into:
        one = _make_file(Path(held) / "file.bin", options.size * MIB)
        many = _make_file(Path(held) / "small.bin", options.each * MIB)
        for label, served, less in servers(Path(held), one, many):
            _report(f"one file of {options.size} MiB, {label}", _one_jobs(served, options.python), into, options)
            title = f"{MANY} files of {options.each} MiB at once, {label}"
            _report(title, _many_jobs(less, options.python), into, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the one file")
    parser.add_argument("--each", type=int, default=256, help=f"MiB of each of the {MANY} files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--into", type=Path, help="folder to fetch into (a temporary one)")
    parser.add_argument("--only", default="", help="only the tables whose title holds this")
    parser.add_argument("--python", default=sys.executable, help="the Python that has civitai-kit as people install it")
    return parser.parse_args()


# -- the jobs ---------------------------------------------------------------------------------------------------


def _one_jobs(served: Served, python: str) -> list[Job]:
    curl = f"{_curl(served)} -o one.bin {served.url}"
    return [
        Job("curl, then openssl dgst", _shell(f"{curl} && openssl dgst -sha256 one.bin >/dev/null"), True),
        Job("curl alone", _shell(curl)),
        Job("civitai-kit", _ours(served, python, 1, 1)),
        Job("civitai-kit, 4 connections", _ours(served, python, 1, 4)),
    ]


def _many_jobs(served: Served, python: str) -> list[Job]:
    numbers = " ".join(str(number) for number in range(MANY))
    curls = f"for n in {numbers}; do {_curl(served)} -o $n.bin {served.url} & done; wait"
    sums = f"for n in {numbers}; do openssl dgst -sha256 $n.bin >/dev/null & done; wait"
    return [
        Job(f"{MANY} curls, then {MANY} openssl dgst", _shell(f"{curls}; {sums}"), True),
        Job(f"{MANY} curls alone", _shell(curls)),
        Job("civitai-kit", _ours(served, python, MANY, 1)),
    ]


def _curl(served: Served) -> str:
    trust = f" --cacert {served.ca}" if served.ca else ""
    return f"curl -sS --fail{trust}"


def _shell(line: str) -> Callable[[Path], list[str]]:
    return lambda into: ["sh", "-c", f"cd {into} && {line}"]


def _ours(served: Served, python: str, files: int, connections: int) -> Callable[[Path], list[str]]:
    promise = served.promise
    words = [served.site, promise.sha256, str(promise.size), str(files), str(connections)]
    return lambda into: [python, str(DRIVE), str(into), *words]


# -- the tables -------------------------------------------------------------------------------------------------


def _report(title: str, jobs: list[Job], into: Path, options: argparse.Namespace) -> None:
    if options.only not in title:
        return
    costs: dict[str, list[Cost]] = {job.name: [] for job in jobs}
    for number in range(options.rounds):
        turned = jobs[number % len(jobs) :] + jobs[: number % len(jobs)]
        for job in turned:
            with tempfile.TemporaryDirectory(dir=into) as folder:
                costs[job.name].append(measure(job.name, job.command(Path(folder))))
    reference = next(median(costs[job.name]) for job in jobs if job.reference)
    print(f"\n{title} (median of {options.rounds}, best in brackets; MB of all processes)")
    print(f"  {'':38} {'wall s':>14} {'cpu s':>14} {'MB':>6} {'wall':>7} {'cpu':>7}")
    for job in jobs:
        middle, least = median(costs[job.name]), best(costs[job.name])
        print(
            f"  {job.name:38} {middle.wall:6.2f} ({least.wall:5.2f}) {middle.cpu:6.2f} ({least.cpu:5.2f})"
            f" {middle.memory:6.0f} {middle.wall / reference.wall:6.2f}x {middle.cpu / reference.cpu:6.2f}x"
        )


# -- files ------------------------------------------------------------------------------------------------------


def _make_file(path: Path, size: int) -> Promise:
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // MIB):
            chunk = os.urandom(MIB)
            sha256.update(chunk)
            file.write(chunk)
    return Promise(sha256.hexdigest(), size)


def _memory_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


if __name__ == "__main__":
    raise SystemExit(main())
