"""Runs the benchmarks one after another: `make bench`, or `python bench/run.py scan transfer` for some of them."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
BEFORE_AND_AFTER = HERE.parent / "docs" / "benchmarks.md"

# Those that can run our side from another installation than the one they are run from.
WITH_PYTHON = frozenset({"images", "scan", "serve", "small_files", "transfer"})


def names() -> list[str]:
    """The benchmarks there are, by file name."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem != "run" and not path.stem.startswith("_"))


def machine() -> str:
    """How quick this machine is just now: figures in seconds, and rates, mean little without it."""
    content = bytes(64 * 1024 * 1024)
    begun = time.perf_counter()
    hashlib.sha256(content).digest()
    hashed = time.perf_counter()
    sum(number for number in range(3_000_000))
    counted = time.perf_counter()
    rate = len(content) / (hashed - begun) / 1e9
    return f"this machine now: SHA-256 {rate:.2f} GB/s a core; three million numbers added up {counted - hashed:.2f} s"


def tables(page: str) -> list[str]:
    """The tables of a page of Markdown, and the headings over them."""
    return [line for line in page.splitlines() if line.startswith(("|", "## "))]


def main() -> int:
    """Run the wanted ones, or all; gives the worst exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--python", default=sys.executable, help="the Python that has civitai-kit as people install it")
    options = parser.parse_args()
    unknown = set(options.names) - set(names())
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names())}.", file=sys.stderr)
        return 2
    print(machine(), flush=True)
    worst = 0
    for name in options.names or names():
        print(f"\n== {name} ==", flush=True)
        more = ["--python", options.python] if name in WITH_PYTHON else []
        command = [sys.executable, HERE / f"{name}.py", *more]
        worst = max(worst, abs(subprocess.run(command, check=False).returncode))
    if not options.names:
        print(f"\n== before and after what was removed or changed (docs/{BEFORE_AND_AFTER.name}) ==\n")
        print(*tables(BEFORE_AND_AFTER.read_text(encoding="utf-8")), sep="\n")
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
