"""`db search` and `db stats`: finding things in what is remembered, and adding it up."""

from __future__ import annotations

from pathlib import Path

import lmdb
import pytest

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord, Status
from civitai_kit.store.lmdb_store import LmdbStore
from tests.cli.conftest import Run

DATABASE = Path("downloads") / "civitai_download_db"


def entry(version_id: int, name: str, **fields: object) -> Entry:
    status = fields.pop("status", Status.DOWNLOADED)
    size = fields.pop("size", 100)
    file = FileRecord(file_id=version_id, path=f"x/{version_id}", size=size, status=status)  # type: ignore[arg-type]
    return Entry(version_id=version_id, model_name=name, files=(file,), **fields)  # type: ignore[arg-type]


@pytest.fixture
def remembered(run: Run) -> Run:
    """Four entries and two image records."""
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put_many(
            [
                entry(1, "Straße bei Nacht", type="LORA", base_model="SDXL 1.0", creator="ann", size=300),
                entry(2, "МОДЕЛЬ", type="LORA", base_model="Pony", creator="bob", size=50),
                entry(3, "猫と犬", type="Checkpoint", base_model="Pony", creator="ann", status=Status.ERROR),
                entry(4, "Café", version_name="été", type="Checkpoint", base_model="Pony"),
            ]
        )
        store.put_images(
            [
                ImageRecord(kind=ImageKind.TAG, target="cats", image_id=1, path="images/1.jpeg", tags=("fluffy",)),
                ImageRecord(kind=ImageKind.USERNAME, target="Ünï", image_id=2, checkpoint="Dream"),
            ]
        )
    return run


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("STRASSE",), [1]),
        (("модель",), [2]),
        (("猫",), [3]),
        (("CAFE\u0301",), [4]),
        (("ÉTÉ",), [4]),
        (("bei", "nacht"), [1]),
        (("nothing",), []),
        (("a", "--type", "lora"), [1]),
        (("é", "--base-model", "PONY"), [4]),
        (("а", "--status", "error"), []),
    ],
)
def test_names_are_found_in_any_case_and_script(remembered: Run, words: tuple[str, ...], found: list[int]) -> None:
    ran = remembered("db", "search", *words, "--json")
    assert (ran.code, [row["version_id"] for row in ran.data["entries"]]) == (0, found)


def test_a_search_needs_words(remembered: Run) -> None:
    for words in ((), ("",), ("  ",)):
        assert remembered("db", "search", *words, "--json").code == 2


def test_a_search_can_be_sorted(remembered: Run) -> None:
    ran = remembered("db", "search", "a", "--sort", "size", "--json")
    assert [row["version_id"] for row in ran.data["entries"]] == [1, 4]


@pytest.mark.parametrize(
    ("word", "key"), [("FLUFFY", "tag:cats_1_HD"), ("üNÏ", "username:Ünï_2_HD"), ("dream", "username:Ünï_2_HD")]
)
def test_image_records_are_found_by_what_belongs_to_them(remembered: Run, word: str, key: str) -> None:
    ran = remembered("db", "search", word, "--images", "--json")
    assert [row["key"] for row in ran.data["images"]] == [key]


def test_statistics_add_up(remembered: Run) -> None:
    ran = remembered("db", "stats", "--json")
    assert (ran.code, ran.data["entries"], ran.data["files"], ran.data["bytes"]) == (0, 4, 4, 550)
    assert ran.data["by_type"] == {"LORA": {"entries": 2, "bytes": 350}, "Checkpoint": {"entries": 2, "bytes": 200}}
    assert ran.data["by_base_model"]["Pony"] == {"entries": 3, "bytes": 250}
    assert ran.data["by_status"] == {
        "Downloaded": {"entries": 3, "bytes": 450},
        "Error": {"entries": 1, "bytes": 100},
    }
    assert ran.data["by_creator"]["ann"] == {"entries": 2, "bytes": 400}
    assert ran.data["images"] == 2


def test_statistics_of_nothing_are_nothing_and_make_nothing(run: Run, empty_home: Path) -> None:
    ran = run("db", "stats", "--json")
    assert (ran.code, ran.data["entries"], ran.data["by_type"]) == (0, 0, {})
    assert list(empty_home.iterdir()) == []


def test_people_see_tables(remembered: Run) -> None:
    assert "BY BASE MODEL" in remembered("db", "stats").out
    assert "Straße bei Nacht" in remembered("db", "search", "nacht").out
    assert "fluffy" not in remembered("db", "search", "cats", "--images").err


def test_a_listing_for_programs_is_one_object_also_when_the_database_breaks_off(remembered: Run) -> None:
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put_many(entry(number, f"Model {number}") for number in range(5, 1200))
    whole = remembered("db", "view", "--json")
    assert [row["version_id"] for row in whole.document["data"]["entries"]] == list(range(1, 1200))
    with lmdb.open(str(DATABASE), max_dbs=16, map_size=2**30) as handle, handle.begin(write=True) as txn:
        txn.put(b"v_1100", b"no gzip", db=handle.open_db(b"versions", txn=txn))
    broken = remembered("db", "view", "--json")
    assert broken.code == 10
    assert broken.document["exit_code"] == 10
    assert broken.document["errors"][0]["code"] == "store_unreadable"
    assert len(broken.document["data"]["entries"]) == 1000


def test_a_long_listing_comes_whole_and_sorted(remembered: Run) -> None:
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put_many(entry(number, f"Model {number}", size=number) for number in range(5, 1200))
    lines = remembered("db", "view", "--sort", "size").out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["v_1199", "v_1198", "v_1197"]
    assert lines[-1].startswith("1,199 entries, 1,199 files")
