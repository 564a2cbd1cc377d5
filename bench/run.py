"""Runs the benchmarks one after another: `make bench`, or `python bench/run.py scan transfer` for some of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """The benchmarks there are, by file name."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("__init__", "run"))


def main(wanted: list[str]) -> int:
    """Run the wanted ones, or all; gives the worst exit code."""
    unknown = set(wanted) - set(names())
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names())}.", file=sys.stderr)
        return 2
    worst = 0
    for name in wanted or names():
        print(f"\n== {name} ==", flush=True)
        worst = max(worst, abs(subprocess.run([sys.executable, HERE / f"{name}.py"], check=False).returncode))
    return worst


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
