"""`db verify` beside `openssl dgst -sha256` of the same files, as many at once: rounds alternating, ratios of speed.

    python bench/verify.py [--files N] [--size MIB] [--rounds N] [--into DIR]

The bar is 0.9 per core used: processor time of verify itself against that of openssl. The whole command also starts
Python and loads its libraries; that part does not grow with the files.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from _costs import timed

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.disk.folder import Folder
from civitai_kit.machine import cores
from civitai_kit.services.upkeep.verify import VerifyOptions, VerifyParts, verify
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.transfer.pool import Pool

MIB = 2**20
BAR = 0.9
INSIDE, OURS, THEIRS = "verify by itself", "civitai-kit db verify", "openssl dgst -sha256"


def filled(root: Path, files: int, size: int) -> list[Path]:
    """Files of random bytes, in the page cache, and a database that knows them."""
    paths = []
    with LmdbStore.open(root / "civitai_download_db", read_only=False) as store:
        for number in range(1, files + 1):
            path = root / f"{number}.safetensors"
            digest = hashlib.sha256()
            with path.open("wb") as file:
                for _ in range(size // MIB):
                    chunk = os.urandom(MIB)
                    digest.update(chunk)
                    file.write(chunk)
            known = {"sha256": digest.hexdigest()}
            record = FileRecord(file_id=number, path=path.name, size=size, status=Status.DOWNLOADED, proved=known)
            store.put(Entry(version_id=number, files=(record.model_copy(update=known),)))
            paths.append(path)
    return paths


def look(root: Path, threads: int) -> None:
    """What the command does once it runs."""
    stop = Event()
    with LmdbStore.open(root / "civitai_download_db", read_only=True) as store:
        parts = VerifyParts(
            store=store, disk=Folder(root), pool=Pool(stop), fetching=None, stop=stop, now=lambda: datetime.now(UTC)
        )
        audit = verify(parts, VerifyOptions(threads=threads), lambda event: None)
    assert audit.exit_code == 0


def command(root: Path) -> None:
    """The whole command; it fails the benchmark when it does not end with 0."""
    words = ["db", "verify", "--save-path", str(root), "--quiet"]
    subprocess.run([sys.executable, "-m", "civitai_kit", *words], check=True, cwd=root, stdout=subprocess.DEVNULL)


def openssl(paths: list[Path], at_once: int) -> None:
    """The same files by openssl, one process a file, as many at once as we have threads."""
    names = "\0".join(map(str, paths)).encode()
    words = ["xargs", "-0", "-n", "1", "-P", str(at_once), "openssl", "dgst", "-sha256"]
    subprocess.run(words, input=names, check=True, stdout=subprocess.DEVNULL)


def measured(root: Path, files: int, size: int, rounds: int) -> int:
    """Run the rounds, print the table; gives 1 where the bar is missed."""
    paths = filled(root, files, size)
    at_once = min(8, cores())
    jobs: dict[str, Callable[[], object]] = {
        INSIDE: lambda: look(root, at_once),
        OURS: lambda: command(root),
        THEIRS: lambda: openssl(paths, at_once),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].append(timed(job))
    middle = {name: tuple(map(statistics.median, zip(*taken, strict=True))) for name, taken in times.items()}
    print(f"{files} files of {size / MIB:,.0f} MiB, {at_once} at once, {rounds} rounds, median")
    for name, (wall, cpu) in middle.items():
        rate, theirs = files * size / wall / 1e6, middle[THEIRS]
        ratios = f"{theirs[0] / wall:5.2f} × by the clock, {theirs[1] / cpu:5.2f} × per core used"
        print(f"  {name:<22} {wall:6.2f} s  {cpu:6.2f} s of processor  {rate:6.0f} MB/s  {ratios}")
    ratio = middle[THEIRS][1] / middle[INSIDE][1]
    print(f"  bar {BAR} per core used: {'met' if ratio >= BAR else 'MISSED'}")
    return int(ratio < BAR)


def main() -> int:
    """Measure, in a folder that is gone afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--size", type=int, default=512, help="MiB of each file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path, help="folder for the files")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=said.into) as name:
        return measured(Path(name), said.files, said.size * MIB, said.rounds)


if __name__ == "__main__":
    raise SystemExit(main())
