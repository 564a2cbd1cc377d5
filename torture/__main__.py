"""`make torture ONLY=KIND[:NAME]`, or `python -m torture`: try everything, or these; exits 0 when all held.

NAME is what the names of jobs are to hold; several kinds are separated by commas.
"""

from __future__ import annotations

import argparse
import os
import sys

from torture import catalog, faults, inputs, kills, library, links, names, schema, stores
from torture.suite import Kind, Tally, table, tally

KINDS = {room.KIND.name: room.KIND for room in (inputs, kills, library, names, links, faults, stores, catalog, schema)}


def main() -> int:
    """Run the wanted kinds one after another and print the table."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument(
        "only", nargs="?", default=os.environ.get("ONLY", ""), metavar="KIND[:NAME]", help=f"of: {', '.join(KINDS)}"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folders that were worked in")
    parser.add_argument("--list", action="store_true", help="name the jobs and try none")
    options = parser.parse_args()
    kinds, _, part = options.only.partition(":")
    wanted = kinds.split(",") if kinds else list(KINDS)
    if unknown := set(wanted) - set(KINDS):
        print(f"There is no kind {', '.join(sorted(unknown))}; there are: {', '.join(KINDS)}.", file=sys.stderr)
        return 2
    if options.list:
        print(*(f"{kind}:{job.name}" for kind in wanted for job in KINDS[kind].jobs() if part in job.name), sep="\n")
        return 0
    tallies = [_tried(KINDS[kind], part, keep=options.keep) for kind in wanted]
    print("\n".join(table(tallies)))
    wanted_of = {name: 1 if part else KINDS[name].wanted for name in wanted}
    short = [each for each in tallies if len(each.results) < wanted_of[each.kind.name]]
    for each in short:
        print(f"{each.kind.name}: {len(each.results)} were tried, and there were to be {wanted_of[each.kind.name]}.")
    return int(bool(short) or any(each.held < len(each.results) for each in tallies))


def _tried(kind: Kind, part: str, *, keep: bool) -> Tally:
    done = tally(kind, part, keep=keep)
    print(f"{kind.name}: {done.held} of {len(done.results)} held, {done.seconds:.0f} s", file=sys.stderr, flush=True)
    return done


if __name__ == "__main__":
    raise SystemExit(main())
