"""`db export` and `db import` of 100,000 entries, small ones and ones with the site's answer: entries a second.

The small ones are lines of 0.7 kB, of entries without the site's answers; those with them are lines of 3.5 kB.

    python bench/exchange.py [--entries N] [--rounds N]

Rates by the clock and by processor time, of the service itself into a database that is empty, then full of the same;
then the time of an import over that of the same rows put into sqlite3, which is to be 1.0 at most.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median

from civitai_kit.cli.start import RARE_COLLECTION
from civitai_kit.core.collection.entry import Entry
from civitai_kit.disk.folder import Folder
from civitai_kit.services.exchange.exchange import HEAD_BYTES, ImportedFile, ImportParts, export
from civitai_kit.services.exchange.import_collection import import_file
from civitai_kit.store.entry_rows import pack_entries
from civitai_kit.store.lmdb_store import LmdbStore

from bench.store import entry, opened_rival  # isort: skip

_BATCH = 5000


def entries(count: int, *, whole: bool) -> Iterator[Entry]:
    """Synthetic entries, with the site's answer or without."""
    for number in range(1, count + 1):
        made = entry(number)
        yield made if whole else made.model_copy(update={"version": None})


def used_cpu() -> float:
    """Seconds of processor that this process and those it has ended took."""
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def told(name: str, count: int, job: Callable[[], object]) -> None:
    """Run a job over so many entries and print its rates."""
    begun, cpu = time.perf_counter(), used_cpu()
    job()
    wall, used = time.perf_counter() - begun, used_cpu() - cpu
    print(
        f"  {name:<28} {wall:7.2f} s  {count / wall:9,.0f} a second  {count / used:9,.0f} a second of processor",
        flush=True,
    )


def import_into(root: Path, source: Path) -> None:
    """What `db import` does once it runs."""
    with LmdbStore.open(root / "civitai_download_db", read_only=False) as store, source.open("rb", 1 << 20) as stream:
        parts = ImportParts(store=store, disk=Folder(root), pack=pack_entries, stopped=_never)
        done = import_file(parts, ImportedFile(source.name, stream.peek(HEAD_BYTES)[:HEAD_BYTES], stream, source))
    assert done.exit_code == 0


def _never() -> bool:
    return False


def export_from(root: Path, target: Path) -> None:
    """What `db export` does once it runs."""
    with LmdbStore.open(root / "civitai_download_db", read_only=True) as store, target.open("wb") as file:
        export(store, file.write, name=target.name, made_at="2026-01-01T00:00:00+00:00")


def import_into_sqlite(root: Path, source: Path) -> None:
    """The same file, with the standard library alone, into the same rows: no rule is checked, no summary made."""
    with closing(opened_rival(root / "rival.sqlite")) as database, source.open("rb", 1 << 20) as stream:
        stream.readline()
        while lines := list(islice(stream, _BATCH)):
            with database:
                database.executemany("insert into entry values (?,?,?,?,?,?,?)", map(row_of, lines))


def row_of(line: bytes) -> tuple[object, ...]:
    """A line as a row of the rival's table; its files are not on this disk, so they are Pending as in ours."""
    entry = json.loads(line)["entry"]
    for file in entry["files"]:
        file["status"] = "Pending"
    first = entry["files"][0]
    value = zlib.compress(json.dumps(entry, separators=(",", ":")).encode(), 1, wbits=31)
    return (
        entry["version_id"],
        entry["model_name"],
        entry["type"],
        entry["model_id"],
        first["size"],
        first["sha256"],
        value,
    )


def timed(job: Callable[[Path, Path], None], lines: Path) -> tuple[float, float]:
    """Seconds by the clock and of processor that an import into a new database takes."""
    with tempfile.TemporaryDirectory(dir=lines.parent) as name:
        begun, cpu = time.perf_counter(), used_cpu()
        job(Path(name), lines)
        return time.perf_counter() - begun, used_cpu() - cpu


def beside_sqlite(lines: Path, rounds: int) -> None:
    """Import the file into both in turn, so that noise hits both, and print the medians of the paired ratios."""
    pairs = [(timed(import_into, lines), timed(import_into_sqlite, lines)) for _ in range(rounds)]
    clock, processor = (median(ours[n] / theirs[n] for ours, theirs in pairs) for n in (0, 1))
    print(f"  import beside sqlite3: {clock:.2f} x its time, {processor:.2f} x its processor time ({rounds} rounds)")


def measured(folder: Path, count: int, rounds: int, *, whole: bool) -> None:
    """Out of one database, into another, once more, and beside sqlite3."""
    first, second, lines = folder / "first", folder / "second", folder / "all.jsonl"
    second.mkdir()
    with LmdbStore.open(first / "civitai_download_db", read_only=False) as store:
        store.put_many(entries(count, whole=whole))
    told("export", count, lambda: export_from(first, lines))
    print(f"  ({lines.stat().st_size / count:,.0f} bytes a line; all at once, with the database opened and closed)")
    told("import", count, lambda: import_into(second, lines))
    told("import, all known", count, lambda: import_into(second, lines))
    beside_sqlite(lines, rounds)


def main() -> None:
    """Measure in a folder that is gone afterwards, with the search for cycles as rare as the program has it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5, help="imports into each of the two databases")
    options = parser.parse_args()
    gc.set_threshold(*RARE_COLLECTION)
    count = options.entries
    for whole in (False, True):
        print(f"{count:,} entries {'with' if whole else 'without'} the site's answers")
        with tempfile.TemporaryDirectory() as name:
            measured(Path(name), count, options.rounds, whole=whole)


if __name__ == "__main__":
    main()
