"""The store on disk: what lies there, what is refused untouched, growth, other processes, kills and full disks."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from civitai_kit.core.collection.entry import Entry, ImageKind, ImageRecord
from civitai_kit.core.errors import NotWritable, StoreError, StoreLocked, StoreTooNew, StoreUnreadable
from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.store.codec import encode, pack
from civitai_kit.store.data_file import holds_database
from civitai_kit.store.environment import Environment, Transaction
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.store.schema import SCHEMA, Tables, prepare

posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


def entry(version_id: int, ballast: int = 0) -> Entry:
    return Entry(version_id=version_id, model_id=7, version={"ballast": os.urandom(ballast).hex()})


def made(path: Path, count: int = 3) -> Path:
    with LmdbStore.open(path, read_only=False) as store:
        store.put_many(entry(number) for number in range(1, count + 1))
    return path


def by_hand(path: Path, change: Callable[[lmdb.Environment], None]) -> None:
    """Change a database as another program would."""
    with lmdb.open(str(path), max_dbs=16, map_size=2**30) as handle:
        change(handle)


def set_value(path: Path, table: str, key: bytes, value: bytes) -> None:
    def change(handle: lmdb.Environment) -> None:
        with handle.begin(write=True) as txn:
            txn.put(key, value, db=handle.open_db(table.encode(), txn=txn))

    by_hand(path, change)


def value_of(path: Path, table: str, key: bytes) -> bytes:
    """Read a value as another program would."""
    with lmdb.open(str(path), max_dbs=16, readonly=True) as handle:
        versions = handle.open_db(table.encode(), create=False)
        with handle.begin(db=versions) as txn:
            return txn.get(key, b"")


def run(code: str, *args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


# What lies on disk


def test_an_entry_lies_under_its_version_id_as_gzip_json(tmp_path: Path) -> None:
    made(tmp_path / "db")
    assert json.loads(gzip.decompress(value_of(tmp_path / "db", "versions", b"v_2")))["version_id"] == 2


def test_the_schema_number_stands_in_the_database(tmp_path: Path) -> None:
    made(tmp_path / "db")
    assert json.loads(gzip.decompress(value_of(tmp_path / "db", "meta", b"store")))["schema"] == SCHEMA


@posix
def test_files_have_the_users_permissions(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        made(tmp_path / "db")
    finally:
        os.umask(old)
    assert (tmp_path / "db" / "data.mdb").stat().st_mode & 0o777 == 0o640


def test_what_was_put_is_there_after_closing(tmp_path: Path) -> None:
    made(tmp_path / "db", 5)
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        assert (store.count(), store.by_model(7)) == (5, (1, 2, 3, 4, 5))


# Reading


def test_reading_where_no_database_is_finds_nothing_and_makes_nothing(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path / "save" / "db", read_only=True) as store:
        assert (store.count(), store.get(1), list(store.entries()), list(store.search("a"))) == (0, None, [], [])
        assert (list(store.images()), store.images_by_id(1), store.by_sha256("a"), store.by_model(1)) == (
            [],
            (),
            (),
            (),
        )
        with pytest.raises(NotWritable):
            store.put(entry(1))
    assert list(tmp_path.iterdir()) == []


def test_reading_an_empty_folder_leaves_it_empty(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path, read_only=True) as store:
        assert store.count() == 0
    assert list(tmp_path.iterdir()) == []


def test_reading_changes_no_byte_of_the_data(tmp_path: Path) -> None:
    data = made(tmp_path / "db") / "data.mdb"
    before = data.read_bytes()
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        assert len(list(store.entries())) == 3
        with pytest.raises(NotWritable):
            store.delete([1])
        with pytest.raises(NotWritable):
            store.put(entry(1))
    assert data.read_bytes() == before
    assert {path.name for path in (tmp_path / "db").iterdir()} == {"data.mdb", "lock.mdb"}


def test_a_database_killed_while_it_was_made_is_empty_not_damaged(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").touch()
    with LmdbStore.open(tmp_path, read_only=True) as store:
        assert store.count() == 0
    made(tmp_path)


def test_an_environment_without_tables_is_empty_not_damaged(tmp_path: Path) -> None:
    lmdb.open(str(tmp_path / "db"), map_size=2**20).close()
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        assert store.count() == 0
    made(tmp_path / "db")


def test_a_value_changed_by_another_program_shows_in_listings_and_searches(tmp_path: Path) -> None:
    made(tmp_path / "db")
    set_value(tmp_path / "db", "versions", b"v_2", encode(Entry(version_id=2, model_name="Changed")))
    set_value(tmp_path / "db", "versions", b"v_9", encode(Entry(version_id=9, model_name="Added")))
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        assert [one.model_name for one in store.summaries()] == ["", "Changed", "", "Added"]
        assert list(store.facts()) == [one.facts for one in store.summaries()]
        assert [one.version_id for one in store.search("changed")] == [2]
        assert [one.version_id for one in store.search("added")] == [9]


# Refused, and untouched


def refused(path: Path, kind: type[StoreError]) -> None:
    data = path / "data.mdb"
    before = data.read_bytes()
    for read_only in (True, False):
        with pytest.raises(kind) as caught, LmdbStore.open(path, read_only=read_only) as store:
            list(store.entries())
        assert caught.value.hint
        assert caught.value.exit_code == 10
    assert data.read_bytes() == before


def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    set_value(made(tmp_path / "db"), "meta", b"store", pack(b'{"schema": 2}'))
    refused(tmp_path / "db", StoreTooNew)


@pytest.mark.parametrize("value", [b"", b"junk", pack(b"{}"), pack(b'{"schema": "x"}')])
def test_a_damaged_first_record_is_refused_untouched(tmp_path: Path, value: bytes) -> None:
    set_value(made(tmp_path / "db"), "meta", b"store", value)
    refused(tmp_path / "db", StoreUnreadable)


def test_another_programs_lmdb_is_refused_untouched(tmp_path: Path) -> None:
    set_value(tmp_path / "db", "theirs", b"key", b"value")
    refused(tmp_path / "db", StoreUnreadable)


@pytest.mark.parametrize("value", [b"junk", b"", pack(b"{}")])
def test_a_damaged_value_is_refused_by_every_listing(tmp_path: Path, value: bytes) -> None:
    set_value(made(tmp_path / "db"), "versions", b"v_2", value)
    refused(tmp_path / "db", StoreUnreadable)
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        for look in (store.summaries, lambda: store.search("x"), lambda: [store.get(2)]):
            with pytest.raises(StoreUnreadable):
                list(look())


def test_a_foreign_key_among_the_versions_is_refused(tmp_path: Path) -> None:
    set_value(made(tmp_path / "db"), "versions", b"theirs", b"x")
    refused(tmp_path / "db", StoreUnreadable)


def test_a_cut_off_file_is_refused_before_it_is_mapped(tmp_path: Path) -> None:
    data = made(tmp_path / "db", 2000) / "data.mdb"
    whole = data.stat().st_size
    for length in (whole - 1, whole // 2, 8192, 4097, 100):
        with data.open("r+b") as file:
            file.truncate(length)
        refused(tmp_path / "db", StoreUnreadable)


@pytest.mark.parametrize("content", [b"hello " * 4000, b"x", bytes(100_000), b"\xff" * 100_000])
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.mdb").write_bytes(content)
    refused(tmp_path, StoreUnreadable)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"mine")
    with pytest.raises(StoreUnreadable):
        LmdbStore.open(tmp_path / "db", read_only=False)
    assert (tmp_path / "db").read_bytes() == b"mine"


def lavish(path: Path, seed: int) -> int:
    """Make a database whose last transaction allocated and freed pages; gives the bytes that it counts as its own."""
    chance = random.Random(seed)
    with lmdb.open(str(path), map_size=2**28, max_dbs=4) as handle:
        table, index = handle.open_db(b"versions"), handle.open_db(b"index", dupsort=True)
        with handle.begin(write=True) as txn:
            for number in range(chance.choice((50, 500))):
                txn.put(b"v_%d" % number, bytes(chance.choice((300, 1200, 5000, 20000))), db=table)
                txn.put(chance.randbytes(32), b"v_%d" % number, db=index)
        with handle.begin(write=True) as txn:
            for number in range(500):
                if chance.random() < 0.95:
                    txn.delete(b"v_%d" % number, db=table)
        return int((handle.info()["last_pgno"] + 1) * handle.stat()["psize"])


def test_a_whole_file_shorter_than_it_counts_is_not_called_cut_off(tmp_path: Path) -> None:
    # LMDB never writes pages at the end that it allocated and freed within one transaction.
    short = [tmp_path / str(seed) for seed in range(40) if is_short(tmp_path / str(seed), seed)]
    if not short:
        pytest.skip("this LMDB writes such pages")
    for path in short:
        assert holds_database(path)
        # Without the free pages that it lists, the same file is cut off.
        with (path / "data.mdb").open("r+b") as file:
            file.truncate(file.seek(0, os.SEEK_END) - 4096)
        with pytest.raises(StoreUnreadable):
            holds_database(path)


def is_short(path: Path, seed: int) -> bool:
    counted = lavish(path, seed)
    return (path / "data.mdb").stat().st_size < counted


# Growth


def test_the_map_grows_with_what_is_put(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path / "db", read_only=False, map_size=2**17) as store:
        store.put_many(entry(number, ballast=1000) for number in range(1, 2001))
        store.put(entry(5000, ballast=2**20))
        assert store.count() == 2001


def test_the_map_grows_under_threads_that_read(tmp_path: Path) -> None:
    stop = threading.Event()
    missed: list[int] = []

    def look() -> None:
        while not stop.wait(0.002):
            before = store.count()
            if sum(1 for _ in store.entries()) < before:
                missed.append(before)

    with LmdbStore.open(tmp_path / "db", read_only=False, map_size=2**17) as store:
        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for start in range(0, 300, 30):
            store.put_many(entry(number, ballast=2000) for number in range(start, start + 30))
        stop.set()
        for thread in threads:
            thread.join()
        assert store.count() == 300
        assert not missed


WRITER = """
import sys
from pathlib import Path
from civitai_kit.core.collection.entry import Entry
from civitai_kit.store.lmdb_store import LmdbStore
first, last = int(sys.argv[2]), int(sys.argv[3])
with LmdbStore.open(Path(sys.argv[1]), read_only=False, map_size=2**17) as store:
    store.put_many(Entry(version_id=n, version={"b": "%064d" % (n**9) * 30}) for n in range(first, last))
"""


def test_a_reader_follows_when_another_process_grew_the_map(tmp_path: Path) -> None:
    assert run(WRITER, tmp_path / "db", 1, 10).returncode == 0
    with LmdbStore.open(tmp_path / "db", read_only=True, map_size=2**17) as store:
        assert store.count() == 9
        assert run(WRITER, tmp_path / "db", 10, 8000).returncode == 0
        assert (store.count(), len(list(store.summaries()))) == (7999, 7999)


def test_a_writer_follows_when_another_process_grew_the_map(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path / "db", read_only=False, map_size=2**17) as store:
        assert run(WRITER, tmp_path / "db", 1, 8000).returncode == 0
        store.put(entry(9000))
        assert store.count() == 8000


@posix
def test_where_address_space_is_limited_the_map_is_small_and_grows(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))\n"
    code = limit + WRITER.replace(", map_size=2**17", "")
    done = run(code, tmp_path / "db", 1, 3000)
    assert done.returncode == 0, done.stderr


# Others


def test_opening_twice_in_one_process_is_refused_clearly(tmp_path: Path) -> None:
    store = LmdbStore.open(tmp_path / "db", read_only=False)
    with pytest.raises(StoreLocked, match="already open in this process"):
        LmdbStore.open(tmp_path / "db", read_only=True)
    store.close()
    with LmdbStore.open(tmp_path / "db", read_only=True) as again:
        assert again.count() == 0


def test_a_write_within_a_write_is_refused_instead_of_waiting_for_itself(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path / "db", read_only=False) as store:
        with pytest.raises(RuntimeError):
            store.update(1, lambda _: store.put(entry(2)))
        store.put(entry(3))
        assert store.count() == 1


def test_a_read_within_an_update_sees_what_was_before(tmp_path: Path) -> None:
    with LmdbStore.open(tmp_path / "db", read_only=False) as store:
        store.put(entry(1))
        store.update(2, lambda _: entry(2) if store.count() == 1 else None)
        assert store.count() == 2


def test_a_listing_follows_what_another_process_writes_meanwhile(tmp_path: Path) -> None:
    made(tmp_path / "db", 1500)
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        listing = store.entries()
        next(listing)
        assert run(WRITER, tmp_path / "db", 1400, 1500).returncode == 0
        assert sum(1 for one in listing if one.version and "b" in one.version) == 100


@posix
@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write everywhere")
def test_a_database_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    made(tmp_path / "db")
    for name in ("lock.mdb", "data.mdb", "."):
        (tmp_path / "db" / name).chmod(0o555)
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        assert store.count() == 3
    with pytest.raises(NotWritable):
        LmdbStore.open(tmp_path / "db", read_only=False)


def test_a_place_that_cannot_be_made_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable):
        LmdbStore.open(tmp_path / "file" / "db", read_only=False)


FULL = """
import resource, signal, sys
from pathlib import Path
from civitai_kit.core.collection.entry import Entry, FileRecord
from civitai_kit.core.errors import DiskFull
from civitai_kit.store.lmdb_store import LmdbStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with LmdbStore.open(Path(sys.argv[1]), read_only=False) as store:
    store.put(Entry(version_id=1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    try:
        store.put_many(Entry(version_id=n, version={"b": "%064d" % (n**9) * 99}) for n in range(2, 3000))
    except DiskFull as error:
        print(error.code, store.count())
"""


@posix
def test_a_write_cut_short_is_a_full_disk_and_leaves_what_was_there(tmp_path: Path) -> None:
    done = run(FULL, tmp_path / "db")
    assert done.stdout.startswith("disk_full"), done.stderr
    with LmdbStore.open(tmp_path / "db", read_only=False) as store:
        assert store.get(1) == Entry(version_id=1)
        store.put(entry(9999))


KILLED = """
import sys
from pathlib import Path
from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord
from civitai_kit.store.lmdb_store import LmdbStore
start = int(sys.argv[2])
with LmdbStore.open(Path(sys.argv[1]), read_only=False) as store:
    for n in range(start, start + 10**6):
        record = FileRecord(path="a", sha256="%064x" % n)
        store.put(Entry(version_id=n, model_id=n // 5, files=(record,), version={"b": "%064d" % (n**9) * (n % 90)}))
        if n % 3 == 0:
            store.delete([n - 2])
        store.put_images([ImageRecord(kind=ImageKind.POST, target="t", image_id=n)])
        print(n, flush=True)
"""


@posix
def test_killed_at_any_moment_everything_that_was_put_is_there(tmp_path: Path) -> None:
    start = 1
    for round_ in range(6):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "db"), str(start)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            heard = "".join(writer.stdout.readline() for _ in range(1 + 7 * round_))
            writer.send_signal(signal.SIGKILL)
            done = [int(line) for line in (heard + writer.stdout.read()).split("\n")[:-1]]
        with LmdbStore.open(tmp_path / "db", read_only=False) as store:
            agrees(store, done)
        start = done[-1] + 10


def agrees(store: LmdbStore, done: list[int]) -> None:
    entries = list(store.entries())
    # Those that leave 1 are deleted two steps later.
    assert {one.version_id for one in entries} >= {number for number in done if number % 3 != 1} | {done[-1]}
    for number in done:
        record = ImageRecord(kind=ImageKind.POST, target="t", image_id=number)
        assert store.get_image(record.key) == record
    assert [one.summary for one in entries] == list(store.summaries())
    for one in entries:
        assert store.by_sha256(f"{one.version_id:064x}") == (one.version_id,)
    models = {one.version_id // 5 for one in entries}
    assert [number for model in sorted(models) for number in store.by_model(model)] == [
        one.version_id for one in entries
    ]


# Schema upgrades


def older(path: Path) -> Path:
    set_value(made(path), "meta", b"store", pack(b'{"schema": 0}'))
    return path


def rename_all(txn: Transaction, tables: Tables) -> None:
    for number in (1, 2, 3):
        txn.put(b"v_%d" % number, encode(Entry(version_id=number, model_name="upgraded")), db=tables.versions)


def test_an_older_schema_is_brought_up_step_by_step_when_it_may_be_written(tmp_path: Path) -> None:
    environment = Environment.open(older(tmp_path / "db"), read_only=False)
    assert prepare(environment, {0: rename_all}) is not None
    environment.close()
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        assert [one.model_name for one in store.summaries()] == ["upgraded"] * 3


def test_a_step_that_fails_leaves_the_older_schema_as_it_was(tmp_path: Path) -> None:
    def fail(txn: Transaction, tables: Tables) -> None:
        rename_all(txn, tables)
        raise KeyError("mine")

    environment = Environment.open(older(tmp_path / "db"), read_only=False)
    with pytest.raises(KeyError, match="mine"):
        prepare(environment, {0: fail})
    assert prepare(environment, {0: lambda txn, tables: None}) is not None
    environment.close()
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        assert [one.model_name for one in store.summaries()] == [""] * 3


UPGRADED = """
import sys
from pathlib import Path
from civitai_kit.core.collection.entry import Entry
from civitai_kit.store.codec import decode, encode
from civitai_kit.store.environment import Environment
from civitai_kit.store.schema import prepare

def rename_all(txn, tables):
    for number, (key, value) in enumerate(list(txn.cursor(db=tables.versions))):
        if number % 500 == 0:
            print("at work", flush=True)
            sys.stdin.readline()
        entry = decode(Entry, value)
        txn.put(key, encode(entry.model_copy(update={"model_name": entry.model_name + "+"})), db=tables.versions)

environment = Environment.open(Path(sys.argv[1]), read_only=False)
prepare(environment, {1: rename_all, 2: rename_all}, 3)
environment.close()
"""


@posix
def test_killed_in_a_schema_upgrade_it_has_the_old_or_the_new_schema_whole(tmp_path: Path) -> None:
    made(tmp_path / "db", 1500)
    seen: list[int] = []
    while not seen or seen[-1] < 3:
        upgrade_and_kill(tmp_path / "db", len(seen))
        seen.append(int(json.loads(gzip.decompress(value_of(tmp_path / "db", "meta", b"store")))["schema"]))
        assert names_in(tmp_path / "db") == {"+" * (seen[-1] - 1)}
    assert seen == sorted(seen)
    assert seen[0] == 1, "the first kill came within the first step"


def upgrade_and_kill(path: Path, stretches: int) -> None:
    """Let an upgrade work for so many stretches, and kill it somewhere in the last; with none, where it begins."""
    command = [sys.executable, "-c", UPGRADED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as upgrade:
        assert upgrade.stdin is not None and upgrade.stdout is not None
        for _ in range(stretches):
            if not upgrade.stdout.readline():
                return
            upgrade.stdin.write(b"\n")
        if not stretches:
            upgrade.stdout.readline()
        upgrade.send_signal(signal.SIGKILL)


def names_in(path: Path) -> set[str]:
    with lmdb.open(str(path), max_dbs=16, readonly=True) as handle:
        versions = handle.open_db(b"versions", create=False)
        with handle.begin(db=versions) as txn:
            return {json.loads(gzip.decompress(value))["model_name"] for _, value in txn.cursor()}


def test_reading_does_not_upgrade(tmp_path: Path) -> None:
    data = older(tmp_path / "db") / "data.mdb"
    before = data.read_bytes()
    with pytest.raises(StoreError, match="older"):
        LmdbStore.open(tmp_path / "db", read_only=True)
    assert data.read_bytes() == before


def test_a_database_from_before_the_library_is_read_and_gets_its_table_when_it_is_written(tmp_path: Path) -> None:
    LmdbStore.open(tmp_path / "db", read_only=False).close()
    with lmdb.open(str(tmp_path / "db"), max_dbs=16) as handle, handle.begin(write=True) as txn:
        txn.drop(handle.open_db(b"library", txn=txn))
    file = LibraryFile(output="/out", path="/a.pt", folder="a")
    with LmdbStore.open(tmp_path / "db", read_only=True) as store:
        assert list(store.library_files()) == []
    with LmdbStore.open(tmp_path / "db", read_only=False) as store:
        store.put_library_files([file])
        assert list(store.library_files()) == [file]
