"""`db export` and `db import` of 100,000 entries, small ones and ones with the site's answer: entries a second.

The small ones are lines of 0.7 kB, of entries without the site's answers; those with them are lines of 3.5 kB.

    python bench/exchange.py [--entries N] [--processes N]

Rates by the clock and by processor time, of the service itself into a database that is empty, then full of the same.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from civitai_kit.core.collection.entry import Entry
from civitai_kit.disk.folder import Folder
from civitai_kit.services.exchange.exchange import HEAD_BYTES, ImportParts, Source, export, import_file
from civitai_kit.store.hands import Hands
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.store.packing import pack_drafts

from bench.store import entry  # isort: skip


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


def import_into(root: Path, source: Path, processes: int | None) -> None:
    """What `db import` does once it runs, with so many processes beside this one (None: as many as it would take)."""
    with LmdbStore.open(root / "civitai_download_db", read_only=False) as store, source.open("rb", 1 << 20) as stream:
        spread = Hands(_never, processes).spread
        parts = ImportParts(store=store, disk=Folder(root), pack=pack_drafts, spread=spread, stopped=_never)
        size = source.stat().st_size
        done = import_file(parts, Source(source.name, stream.peek(HEAD_BYTES)[:HEAD_BYTES], stream, source, size))
    assert done.exit_code == 0


def _never() -> bool:
    return False


def export_from(root: Path, target: Path) -> None:
    """What `db export` does once it runs."""
    with LmdbStore.open(root / "civitai_download_db", read_only=True) as store, target.open("wb") as file:
        export(store, file.write, name=target.name, made_at="2026-01-01T00:00:00+00:00")


def measured(folder: Path, count: int, processes: int | None, *, whole: bool) -> None:
    """Out of one database, into another, and once more."""
    first, second, lines = folder / "first", folder / "second", folder / "all.jsonl"
    second.mkdir()
    with LmdbStore.open(first / "civitai_download_db", read_only=False) as store:
        store.put_many(entries(count, whole=whole))
    told("export", count, lambda: export_from(first, lines))
    print(f"  ({lines.stat().st_size / count:,.0f} bytes a line; all at once, with the database opened and closed)")
    told("import", count, lambda: import_into(second, lines, processes))
    told("import, all known", count, lambda: import_into(second, lines, processes))


def main() -> None:
    """Measure, in a folder that is gone afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--processes", type=int, help="how many beside this one an import may start")
    options = parser.parse_args()
    count = options.entries
    for whole in (False, True):
        print(f"{count:,} entries {'with' if whole else 'without'} the site's answers")
        with tempfile.TemporaryDirectory() as name:
            measured(Path(name), count, options.processes, whole=whole)


if __name__ == "__main__":
    main()
