"""The store at 100,000 synthetic entries beside sqlite3: import, view, search and statistics, as rates and ratios."""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import sys
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.store.lmdb_store import LmdbStore

COUNT = 100_000
_TYPES = ("Checkpoint", "LORA", "LoCon", "TextualInversion", "VAE", "Workflows")
_BASES = ("SDXL 1.0", "Pony", "Illustrious", "Flux.1 D", "SD 1.5")
_WORDS = ("Detail", "Anime", "Photo", "水彩", "Ретро", "Noir", "Glow", "Pixel", "Ünïcode", "Film")


def entry(number: int) -> Entry:
    """A version as the site sends them: three files with six digests each, ten pictures, 3.5 kB of JSON."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    kind, base = _TYPES[number % len(_TYPES)], _BASES[number % len(_BASES)]
    name = f"{_WORDS[number % 10]} {_WORDS[number // 10 % 10]} Style {number}"
    path = f"{kind.lower()}/{base.lower()}/{number // 3}-model/v{number % 3}/{number}_file.safetensors"
    files = [_file(number, n, hashlib.sha256(f"{number}/{n}".encode()).hexdigest()) for n in range(3)]
    version = {
        "id": number,
        "modelId": number // 3,
        "name": f"v{number % 3}.0",
        "baseModel": base,
        "description": f"<p>{name}: use it at a weight of 0.{number % 10}; {digest}</p>",
        "trainedWords": [name.lower(), digest[:8]],
        "files": files,
        "images": [_image(number, n, digest) for n in range(10)],
    }
    record = FileRecord(
        file_id=number * 3,
        name="file.safetensors",
        path=path,
        size=number * 1024,
        sha256=digest,
        status=Status.DOWNLOADED,
    )
    return Entry(
        version_id=number,
        model_id=number // 3,
        model_name=name,
        version_name=f"v{number % 3}.0",
        type=kind,
        base_model=base,
        creator=f"creator{number % 997}",
        files=(record,),
        version=version,
        added_at="2026-01-01T00:00:00Z",
    )


def _file(number: int, n: int, digest: str) -> dict[str, object]:
    hashes = {
        "SHA256": digest.upper(),
        "AutoV2": digest[:10].upper(),
        "BLAKE3": digest[::-1].upper(),
        "CRC32": digest[:8],
    }
    url = f"/api/download/models/{number}?type=Model&format=SafeTensor&n={n}"
    return {
        "id": number * 3 + n,
        "sizeKB": number / 7,
        "name": f"f{n}.safetensors",
        "hashes": hashes,
        "downloadUrl": url,
    }


def _image(number: int, n: int, digest: str) -> dict[str, object]:
    url = f"https://image.example/{digest[n : n + 32]}/width=450/{number * 10 + n}.jpeg"
    return {"id": number * 10 + n, "url": url, "nsfwLevel": 1, "width": 832, "height": 1216, "type": "image"}


class Clock:
    """Seconds and things done, job by job; batches of the rivals alternate, so that noise hits both."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self.done: Counter[str] = Counter()

    def time(self, job: str, work: Callable[[], int]) -> None:
        """Add what `work` took and how many things it says it did."""
        start, cpu = time.perf_counter(), time.process_time()
        done = work()
        self.seconds[job] += time.perf_counter() - start
        self.cpu[job] += time.process_time() - cpu
        self.done[job] += done

    def show(self) -> None:
        """One line a job: rates by clock and by processor, and sqlite3's time over ours where it has the job."""
        print(f"{'':28} {'number':>7} {'seconds':>9} {'a second':>9} {'a CPU s':>9}")
        for job, seconds in self.seconds.items():
            if job.startswith(_THEIRS):
                continue
            theirs = self.seconds.get(_THEIRS + job, 0.0)
            ratio = f"{theirs / seconds:6.2f} × sqlite3" if theirs else ""
            done, cpu = self.done[job], max(self.cpu[job], 1e-6)
            print(f"{job:28} {done:7} {seconds:9.3f} {done / seconds:9.0f} {done / cpu:9.0f} {ratio}")


_THEIRS = "sqlite3 "
# More than one transaction takes, as a bulk import is.
_BATCH = 5000


def bring_in_short(clock: Clock, store: LmdbStore, theirs: sqlite3.Connection, count: int) -> None:
    """Import `count` entries of which the site was never heard, batch by batch; making them is not timed."""
    for start in range(1, count + 1, _BATCH):
        numbers = range(start, min(start + _BATCH, count + 1))
        entries = [entry(number).model_copy(update={"version": None}) for number in numbers]
        clock.time("short ones: put_many", lambda: store.put_many(entries))  # noqa: B023
        clock.time(_THEIRS + "short ones: put_many", lambda: insert(theirs, entries))  # noqa: B023


def bring_in(clock: Clock, store: LmdbStore, theirs: sqlite3.Connection, count: int) -> None:
    """Import `count` entries into each, batch by batch, and into ours again; making them is not timed."""
    for start in range(1, count + 1, _BATCH):
        entries = [entry(number) for number in range(start, min(start + _BATCH, count + 1))]
        clock.time("import: put_many", lambda: store.put_many(entries))  # noqa: B023
        clock.time(_THEIRS + "import: put_many", lambda: insert(theirs, entries))  # noqa: B023
        clock.time("import again, all known", lambda: store.put_many(entries))  # noqa: B023


def look(clock: Clock, store: LmdbStore, theirs: sqlite3.Connection, count: int) -> None:
    """Read by key, list, add up and search; sqlite3 has names, types and sizes in columns."""
    some = range(1, count + 1, 10)
    clock.time("update, one synced each", lambda: sum(update(store, number) for number in some[:500]))
    clock.time("get, one each", lambda: sum(store.get(number) is not None for number in some))
    value = "select value from entry where id = ?"
    clock.time(_THEIRS + "get, one each", lambda: sum(fetch(theirs, value, number) for number in some))
    clock.time("entries, whole", lambda: sum(1 for _ in store.entries()))
    clock.time("view: first row", lambda: int(next(store.summaries()).version_id > 0))
    clock.time("view: all rows", lambda: sum(1 for _ in store.summaries()))
    clock.time("stats", lambda: sum(Counter(facts.type for facts in store.facts() if facts.size).values()))
    for text in ("style 77777", "РЕТРО"):
        clock.time(f"search: {text}", lambda: sum(1 for _ in store.search(text)))  # noqa: B023


def update(store: LmdbStore, number: int) -> bool:
    """Change one entry as the end of a download does."""
    stamp = {"updated_at": "2026-02-02T00:00:00Z"}
    return store.update(number, lambda old: old and old.model_copy(update=stamp)) is not None


def fetch(database: sqlite3.Connection, query: str, number: int) -> bool:
    """Read one entry as we do: unpacked, parsed and checked."""
    (value,) = database.execute(query, (number,)).fetchone()
    return Entry.model_validate_json(zlib.decompress(value, 31)).version_id == number


def opened_rival(path: Path) -> sqlite3.Connection:
    """An sqlite3 database of the same shape: write-ahead log, synced at every commit."""
    database = sqlite3.connect(path)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=full")
    columns = "id integer primary key, name text, type text, model integer, size integer, sha text, value blob"
    database.execute(f"create table entry ({columns})")
    database.execute("create index by_sha on entry (sha)")
    database.execute("create index by_model on entry (model)")
    return database


def insert(database: sqlite3.Connection, entries: list[Entry]) -> int:
    """Write a batch in one transaction, the values compressed by the standard library."""
    with database:
        database.executemany("insert into entry values (?,?,?,?,?,?,?)", map(row, entries))
    return len(entries)


def row(one: Entry) -> tuple[object, ...]:
    """An entry as a row of the rival's table."""
    value = zlib.compress(one.model_dump_json().encode(), 1, wbits=31)
    return one.version_id, one.model_name, one.type, one.model_id, one.size, one.files[0].sha256, value


def main() -> None:
    """Fill and read a store beside sqlite3; the first argument is how many entries (100,000)."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    clock = Clock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rival = opened_rival(folder / "short.sqlite")
        with LmdbStore.open(folder / "short", read_only=False) as store:
            bring_in_short(clock, store, rival, count)
        rival.close()
        rival = opened_rival(folder / "rival.sqlite")
        with LmdbStore.open(folder / "one", read_only=False) as store:
            bring_in(clock, store, rival, count)
            look(clock, store, rival, count)
        rival.close()
        size = (folder / "one" / "data.mdb").stat().st_size
    print(f"{count} entries of {len(entry(count).model_dump_json())} bytes of JSON, {size >> 20} MiB on disk")
    clock.show()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
