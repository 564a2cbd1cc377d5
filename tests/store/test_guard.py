"""A database too large to be looked at when it is opened: its pages are looked at before they are followed."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Entry, FileRecord
from civitai_kit.core.errors import StoreUnreadable
from civitai_kit.store.data_file import SMALL
from civitai_kit.store.lmdb_store import LmdbStore
from tests.store.test_damaged_pages import DAMAGES, PAGE, USE, Damage, filled, flip_a_bit_in_a_header

MANY = 6000

# Does one thing with each database, of which other things may be damaged.
ONE_THING = """
import sys
from pathlib import Path
from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import StoreUnreadable
from civitai_kit.store.lmdb_store import LmdbStore
thing, *paths = sys.argv[1:]
def use(path):
    with LmdbStore.open(path, read_only=thing in ("get", "look", "find")) as store:
        if thing == "get":
            [store.get(number) for number in range(0, 7000, 97)]
        elif thing == "look":
            list(store.summaries())
        elif thing == "find":
            store.by_model(5), store.by_sha256(f"{5:064x}"), store.images_by_id(7)
        elif thing == "put":
            store.put(Entry(version_id=5, model_id=1))
        else:
            store.delete(range(1000, 6900, 50))
for path in paths:
    try:
        use(Path(path))
        print("used")
    except StoreUnreadable:
        print("refused")
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sound database of more than SMALL bytes."""
    path = filled(tmp_path_factory.mktemp("large") / "db")
    chance = random.Random(7)
    with LmdbStore.open(path, read_only=False) as store:
        store.put_many(some_entry(number, chance) for number in range(1000, 1000 + MANY))
    assert (path / "data.mdb").stat().st_size > SMALL
    return path


def some_entry(number: int, chance: random.Random) -> Entry:
    ballast = chance.randbytes(chance.choice((300, 900, 3000))).hex()
    file = FileRecord(file_id=number, path=f"a/{number}", sha256=f"{number:064x}")
    return Entry(version_id=number, model_id=number // 3, files=(file,), version={"ballast": ballast})


def damaged(large: Path, place: Path, damage: Damage, seed: int) -> Path:
    content = bytearray((large / "data.mdb").read_bytes())
    damage(content, random.Random(seed))
    place.mkdir(exist_ok=True)
    (place / "data.mdb").write_bytes(content)
    return place


def flip_many_bits_in_headers(content: bytearray, chance: random.Random) -> None:
    for _ in range(60):
        flip_a_bit_in_a_header(content, chance)


@pytest.mark.parametrize("damage", [*DAMAGES, flip_many_bits_in_headers], ids=lambda damage: damage.__name__)
def test_a_damaged_large_database_is_refused_or_read_and_never_ends_the_process(
    large: Path, tmp_path: Path, damage: Damage
) -> None:
    """A small one is damaged in twenty-five ways of each kind."""
    paths = [damaged(large, tmp_path / str(seed), damage, seed) for seed in range(2)]
    done = subprocess.run([sys.executable, "-c", USE, *map(str, paths)], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stdout.split())) == (0, 2 * len(paths)), done.stderr


@pytest.mark.parametrize("thing", ["get", "look", "find", "put", "delete"])
def test_whatever_is_done_first_with_it_never_ends_the_process(large: Path, tmp_path: Path, thing: str) -> None:
    places = [str(damaged(large, tmp_path / str(seed), flip_many_bits_in_headers, seed)) for seed in range(4)]
    command = [sys.executable, "-c", ONE_THING, thing, *places]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout.split()
    assert (done.returncode, len(said), set(said) <= {"used", "refused"}) == (0, 4, True), (said, done.stderr)


def test_an_entry_is_read_where_only_others_are_damaged(large: Path, tmp_path: Path) -> None:
    def damage(content: bytearray, chance: random.Random) -> None:
        # The entry's own leaf holds its version id; all leaves with one of the others' are made useless.
        for start in range(2 * PAGE, len(content), PAGE):
            if b"v_6543" in content[start : start + PAGE]:
                content[start : start + PAGE] = bytes(PAGE)

    place = damaged(large, tmp_path / "db", damage, 0)
    with LmdbStore.open(place, read_only=True) as store:
        found = store.get(1234)
        assert found is not None and found.model_id == 1234 // 3
        with pytest.raises(StoreUnreadable, match="is damaged"):
            store.get(6543)
        with pytest.raises(StoreUnreadable, match="is damaged"):
            list(store.summaries())


def test_a_sound_large_database_does_all_that_a_small_one_does(large: Path, tmp_path: Path) -> None:
    place = damaged(large, tmp_path / "db", lambda content, chance: None, 0)
    with LmdbStore.open(place, read_only=False) as store:
        before = store.count()
        assert all(store.get(number) is not None for number in range(1000, 1000 + 500))
        store.put(Entry(version_id=9001, model_id=77, model_name="new"))
        store.put_many(Entry(version_id=number, model_id=88) for number in range(20_000, 21_000))
        assert store.delete([9001, 1000, 1001]) and store.get(1000) is None
        assert store.count() == before + 1000 - 2
        assert list(store.by_model(1002 // 3)) == [1002, 1003, 1004]
        assert len(list(store.summaries())) == store.count()
    with LmdbStore.open(place, read_only=True) as store:
        assert store.count() == before + 1000 - 2 and store.get(20_500) is not None
