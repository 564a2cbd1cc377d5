"""`library scan`: its hashing beside `openssl dgst -sha256` and `sha256sum`, and a second run over 20,000 files.

    python bench/library.py [--files N] [--size MIB] [--rounds N] [--many N] [--into DIR]

The bars: all digests of large files at 0.9 of the rate at which openssl makes SHA-256 alone; 1,000 small files in 1.5
times what sha256sum takes for them; the second run over 20,000 files in 5 s and 150 MB, start included.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _costs import timed

from civitai_kit.core.settings.layers import Layer
from civitai_kit.kit.parts import open_kit
from civitai_kit.kit.settings import load_settings
from civitai_kit.machine import cores
from civitai_kit.services.library.hashing import hash_files

MIB = 2**20
PER_CORE, SMALL_BAR = 0.9, 1.5
SECONDS, MEMORY = 5.0, 150
SMALL = 1000
# A port where nobody listens: a second run asks for nothing.
NO_SITE = "http://127.0.0.1:9"


def filled(folder: Path, count: int, size: int) -> list[Path]:
    """Files of random bytes, in the page cache."""
    folder.mkdir()
    paths = [folder / f"{number}.safetensors" for number in range(count)]
    for path in paths:
        with path.open("wb") as file:
            for _ in range(max(1, size // MIB)):
                file.write(os.urandom(min(size, MIB)))
    return paths


def read(folder: Path, save: Path, threads: int) -> None:
    """What a scan does to know its files' digests; nothing is remembered from the round before."""
    shutil.rmtree(save, ignore_errors=True)
    flags = Layer("flag", {"save_path": str(save)})
    loaded = load_settings(flags, config=None, env={}, cwd=folder, with_keyring=False)
    with open_kit(loaded, lambda event: None, writing=True, command="bench") as kit:
        parts = kit.library_parts
        found = [each for each in parts.find_models([folder]) if hasattr(each, "stamp")]
        done = sum(each.error is None for each in hash_files(parts, found, threads, lambda event: None))
    assert done == len(found)


def others(words: list[str], paths: list[Path], at_once: int, each: int) -> None:
    """The same files by another program, `each` of them a process."""
    names = "\0".join(map(str, paths)).encode()
    command = ["xargs", "-0", "-n", str(each), "-P", str(at_once), *words]
    subprocess.run(command, input=names, check=True, stdout=subprocess.DEVNULL)


def middles(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """The median of each job's seconds, by the clock and of processor; the jobs take turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].append(timed(job))
    return {
        name: (statistics.median(wall for wall, _ in taken), statistics.median(cpu for _, cpu in taken))
        for name, taken in times.items()
    }


def large(root: Path, files: int, size: int, rounds: int) -> bool:
    """All digests of large files beside openssl's one, one file at once on both sides."""
    paths = filled(root / "large", files, size)
    ours, theirs = "all digests, one file at once", "openssl dgst -sha256"
    jobs: dict[str, Callable[[], object]] = {
        ours: lambda: read(root / "large", root / "save", 1),
        theirs: lambda: others(["openssl", "dgst", "-sha256"], paths, 1, 1),
    }
    found = middles(jobs, rounds)
    print(f"{files} files of {size / MIB:,.0f} MiB, {rounds} rounds, median")
    for name, (wall, cpu) in found.items():
        rate = files * size / wall / 1e6
        print(f"  {name:<32} {wall:6.2f} s  {cpu:6.2f} s of processor  {rate:6.0f} MB/s")
    ratio = found[theirs][0] / found[ours][0]
    print(f"  {ratio:.2f} x its rate; bar {PER_CORE}: {'met' if ratio >= PER_CORE else 'MISSED'}")
    shutil.rmtree(root / "large")
    return ratio >= PER_CORE


def small(root: Path, size: int, rounds: int) -> bool:
    """All digests of many small files beside sha256sum, which gets them all in one process."""
    paths = filled(root / "small", SMALL, size)
    ours, theirs = "all digests, kept in the store", "sha256sum"
    jobs: dict[str, Callable[[], object]] = {
        ours: lambda: read(root / "small", root / "save", min(8, cores())),
        theirs: lambda: others(["sha256sum"], paths, 1, SMALL),
    }
    found = middles(jobs, rounds)
    ratio = found[ours][0] / found[theirs][0]
    print(f"{SMALL:,} files of {size // 1024:,} KiB, {rounds} rounds, median")
    for name, (wall, cpu) in found.items():
        print(f"  {name:<32} {wall:6.2f} s  {cpu:6.2f} s of processor")
    print(f"  {ratio:.2f} x as long; bar {SMALL_BAR}: {'met' if ratio <= SMALL_BAR else 'MISSED'}")
    shutil.rmtree(root / "small")
    return ratio <= SMALL_BAR


def again(root: Path, files: int) -> bool:
    """The whole command, a second time over many files that the site does not know."""
    folder = root / "many"
    for number in range(files):
        inner = folder / str(number % 100)
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"own {number}.pt").write_bytes(os.urandom(64))
    scanned(root, folder)
    seconds, peak = scanned(root, folder)
    is_met = seconds <= SECONDS and peak <= MEMORY
    print(
        f"second run over {files:,} files: {seconds:.1f} s, {peak:.0f} MB; bars {SECONDS:.0f} s and {MEMORY} MB:",
        end=" ",
    )
    print("met" if is_met else "MISSED")
    return is_met


def scanned(root: Path, folder: Path) -> tuple[float, float]:
    """Seconds and peak MB of one run of the command."""
    words = ["library", "scan", str(folder), "--images", "none", "--skip-missing", "--quiet", "--max-retries", "0"]
    ours = ["--save-path", str(root / "save again"), "--api-url", NO_SITE]
    begun = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "civitai_kit", *ours, *words], stdout=-3, stderr=-3, cwd=root) as run:
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    # The site is never reached.
    assert run.returncode in (0, 5), run.returncode
    return time.perf_counter() - begun, used.ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def main() -> int:
    """Measure, in a folder that is gone afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=4, help="large ones")
    parser.add_argument("--size", type=int, default=512, help="MiB of each large file")
    parser.add_argument("--small", type=int, default=1024, help="KiB of each small file")
    parser.add_argument("--many", type=int, default=20_000, help="files of the second run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path, help="folder for the files")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=said.into) as name:
        root = Path(name)
        met = [
            large(root, said.files, said.size * MIB, said.rounds),
            small(root, said.small * 1024, said.rounds),
            again(root, said.many),
        ]
    return int(not all(met))


if __name__ == "__main__":
    raise SystemExit(main())
