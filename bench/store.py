"""The store at 100,000 synthetic entries beside sqlite3: import, view, search and statistics, as rates and ratios."""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from civitai_kit.core.entry import Entry, FileRecord, Status
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


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """Seconds that `work` took, and what it gave."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def lmdb_rows(folder: Path, entries: list[Entry], lines: list[bytes]) -> Iterator[tuple[str, float, int]]:
    """What the store takes for each job: (name, seconds, how many)."""
    with LmdbStore.open(folder / "bulk", read_only=False) as store:
        yield "import: put_many of entries", *timed(lambda: store.put_many(entries))
        yield "import again, nothing new", *timed(lambda: store.put_many(entries))
    with LmdbStore.open(folder / "lines", read_only=False) as store:
        yield "import: from lines of JSON", *timed(lambda: store.put_texts(lines))
        yield "put, one synced each", *timed(lambda: len([store.put(one) for one in entries[:1000]]))
        yield "get, one each", *timed(lambda: len([store.get(one.version_id) for one in entries[::10]]))
        yield "entries, whole", *timed(lambda: sum(1 for _ in store.entries()))
        yield "view: first row", *timed(lambda: int(next(store.summaries()).version_id > 0))
        yield "view: summaries", *timed(lambda: sum(1 for _ in store.summaries()))
        yield "stats", *timed(lambda: len(Counter(s.type for s in store.summaries() if s.size >= 0)) * 0 + COUNT)
        yield "search: many hits", *timed(lambda: sum(1 for _ in store.search("РЕТРО")))
        yield "search: one hit", *timed(lambda: sum(1 for _ in store.search("style 77777")))


def sqlite_rows(folder: Path, entries: list[Entry]) -> Iterator[tuple[str, float, int]]:
    """The same jobs by sqlite3 (WAL, full sync), the values compressed alike, names and sizes in columns."""
    database = sqlite3.connect(folder / "bench.sqlite")
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=full")
    database.execute(
        "create table entry (id integer primary key, name text, type text, size integer, sha text, value blob)"
    )
    database.execute("create index by_sha on entry (sha)")
    yield "import: put_many of entries", *timed(lambda: _sqlite_import(database, entries))
    listing = "select id, name, type, size from entry order by id"
    yield "view: summaries", *timed(lambda: sum(1 for _ in database.execute(listing)))
    match = "select id from entry where name like '%style 77777%'"
    yield "search: one hit", *timed(lambda: len(list(database.execute(match))))
    sums = "select type, count(*), sum(size) from entry group by type"
    yield "stats", *timed(lambda: len(list(database.execute(sums))) * 0 + len(entries))
    database.close()


def _sqlite_import(database: sqlite3.Connection, entries: list[Entry]) -> int:
    for start in range(0, len(entries), 1000):
        with database:
            database.executemany("insert into entry values (?,?,?,?,?,?)", map(_row, entries[start : start + 1000]))
    return len(entries)


def _row(one: Entry) -> tuple[object, ...]:
    value = zlib.compress(one.model_dump_json().encode(), 1, wbits=31)
    return one.version_id, one.model_name, one.type, one.size, one.files[0].sha256, value


def main() -> None:
    """Print one line a job: how many, a second, and sqlite3's time over ours where it has the job."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    entries = [entry(number) for number in range(1, count + 1)]
    lines = [one.model_dump_json().encode() for one in entries]
    mean = sum(map(len, lines)) // count
    print(f"{count} entries of {mean} bytes of JSON; the store beside sqlite3")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        theirs = {job: seconds for job, seconds, _ in sqlite_rows(Path(name), entries)}
        for job, seconds, done in lmdb_rows(Path(name), entries, lines):
            ratio = f"{theirs[job] / seconds:5.1f} × sqlite3" if job in theirs else ""
            print(f"{job:30} {done:7} in {seconds:7.3f} s {done / seconds:10.0f}/s {ratio}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB (the entries included)")


if __name__ == "__main__":
    main()
