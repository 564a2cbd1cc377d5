"""Damaged data files: refused in words before LMDB follows a page that is none, or read right; never a signal."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord
from civitai_kit.core.errors import StoreUnreadable
from civitai_kit.store.data_file import holds_database
from civitai_kit.store.lmdb_store import LmdbStore

PAGE = 4096
posix = pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")

# Reads each database in every way, then writes to it; says of each what came of it.
USE = """
import sys
from pathlib import Path
from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import StoreUnreadable
from civitai_kit.store.lmdb_store import LmdbStore
for path in sys.argv[1:]:
    for read_only in (True, False):
        try:
            with LmdbStore.open(Path(path), read_only=read_only) as store:
                for look in (store.summaries, store.facts, store.entries, store.images, lambda: store.search("7")):
                    list(look())
                for number in range(0, 400, 9):
                    store.get(number), store.by_model(number), store.images_by_id(number)
                    store.by_sha256(f"{number:064x}")
                if not read_only:
                    store.put_many(Entry(version_id=number, model_id=3) for number in range(0, 600, 7))
                    store.delete(range(0, 400, 5))
            print("used", flush=True)
        except StoreUnreadable:
            print("refused", flush=True)
"""


def filled(path: Path) -> Path:
    """A database with every kind of page: branches, leaves, long values, pages within pages, free ones."""
    chance = random.Random(5)
    with LmdbStore.open(path, read_only=False) as store:
        store.put_many(some_entry(number, chance) for number in range(400))
        store.put_images(
            ImageRecord(kind=ImageKind.USERNAME, target="u", image_id=number // 2, path=f"{number}.png")
            for number in range(200)
        )
        store.delete(range(50, 90))
    return path


def some_entry(number: int, chance: random.Random) -> Entry:
    ballast = chance.randbytes(chance.choice((10, 500, 3000))).hex()
    file = FileRecord(file_id=number, path=f"a/{number}", sha256=f"{number % 90:064x}")
    return Entry(version_id=number, model_id=number // 9, files=(file,), version={"ballast": ballast})


def zero_a_page(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content) // PAGE) * PAGE
    content[start : start + PAGE] = bytes(PAGE)


def fill_a_page_with_noise(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content) // PAGE) * PAGE
    content[start : start + PAGE] = chance.randbytes(PAGE)


def exchange_two_pages(content: bytearray, chance: random.Random) -> None:
    one, other = (chance.randrange(len(content) // PAGE) * PAGE for _ in range(2))
    first = content[one : one + PAGE]
    content[one : one + PAGE] = content[other : other + PAGE]
    content[other : other + PAGE] = first


def flip_bits(content: bytearray, chance: random.Random) -> None:
    for _ in range(200):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def flip_a_bit_in_a_header(content: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(content) // PAGE) * PAGE + chance.randrange(40)
    content[place] ^= 1 << chance.randrange(8)


Damage = Callable[[bytearray, random.Random], None]
DAMAGES: list[Damage] = [
    zero_a_page,
    fill_a_page_with_noise,
    exchange_two_pages,
    flip_bits,
    flip_a_bit_in_a_header,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_database_is_refused_or_read_and_never_ends_the_process(tmp_path: Path, damage: Damage) -> None:
    sound = (filled(tmp_path / "sound") / "data.mdb").read_bytes()
    paths = []
    for seed in range(25):
        content = bytearray(sound)
        damage(content, random.Random(seed))
        paths.append(tmp_path / str(seed))
        paths[-1].mkdir()
        (paths[-1] / "data.mdb").write_bytes(content)
    done = subprocess.run([sys.executable, "-c", USE, *map(str, paths)], capture_output=True, text=True, check=False)
    said = done.stdout.split()
    assert (done.returncode, len(said)) == (0, 2 * len(paths)), (done.stderr, f"at {len(said) // 2}")
    assert said.count("refused") > len(paths)


def test_a_sound_database_is_called_sound_while_another_process_writes(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom civitai_kit.core.collection.entry import Entry\n"
        "from civitai_kit.store.lmdb_store import LmdbStore\n"
        "with LmdbStore.open(Path(sys.argv[1]), read_only=False) as store:\n    print(flush=True)\n"
        "    for number in range(10**9):\n"
        "        store.put(Entry(version_id=number % 500, model_id=number % 7, model_name='x' * (number % 3000)))\n"
    )
    path = filled(tmp_path / "db")
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            assert all(holds_database(path) for _ in range(100))
        finally:
            writer.kill()


@posix
@pytest.mark.parametrize("name", ["data.mdb", "lock.mdb"])
@pytest.mark.parametrize("read_only", [True, False])
def test_a_pipe_where_the_database_should_lie_is_refused_at_once(tmp_path: Path, name: str, *, read_only: bool) -> None:
    os.mkfifo(tmp_path / name)
    refused = threading.Event()

    def use() -> None:
        with pytest.raises(StoreUnreadable, match="a named pipe"):
            LmdbStore.open(tmp_path, read_only=read_only)
        refused.set()

    threading.Thread(target=use, daemon=True).start()
    assert refused.wait(20)


def test_a_huge_file_with_holes_is_refused_without_being_read(tmp_path: Path) -> None:
    shutil.copy(filled(tmp_path / "sound") / "data.mdb", tmp_path / "data.mdb")
    with (tmp_path / "data.mdb").open("r+b") as file:
        file.truncate(2**42)
    assert holds_database(tmp_path)
    (tmp_path / "data.mdb").write_bytes(b"")
    with (tmp_path / "data.mdb").open("r+b") as file:
        file.truncate(2**42)
    with pytest.raises(StoreUnreadable, match="no LMDB file"):
        holds_database(tmp_path)
