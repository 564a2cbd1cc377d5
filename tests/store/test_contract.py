"""What every store promises; each test runs on the one on disk and the one in memory."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord, Quality, Status
from civitai_kit.core.errors import UsageError
from civitai_kit.core.library.model_file import LibraryFile, MatchedBy
from civitai_kit.core.plans.digests import Digests, FileStamp
from civitai_kit.store.codec import dump
from civitai_kit.store.entry_rows import pack_entries
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.store.memory_store import MemoryStore

AnyStore = LmdbStore | MemoryStore
SHA = "ab" * 32


def entry(version_id: int, **parts: Any) -> Entry:
    return Entry(version_id=version_id, **{"model_id": 7, "model_name": f"Model {version_id}", **parts})


def image(image_id: int, **parts: Any) -> ImageRecord:
    return ImageRecord(**{"kind": ImageKind.USERNAME, "target": "ann", "image_id": image_id, **parts})


def test_an_entry_comes_back_as_it_was_put(store: AnyStore) -> None:
    files = (FileRecord(file_id=1, path="a/b.safetensors", size=3, sha256=SHA, status=Status.DOWNLOADED),)
    one = entry(12345, files=files, version={"id": 12345, "unknown": [1, 2.5, None, {"ключ": "値"}]})
    store.put(one)
    assert store.get(12345) == one
    assert store.get(12346) is None


def test_putting_again_replaces_the_entry_and_what_points_to_it(store: AnyStore) -> None:
    store.put(entry(1, files=(FileRecord(path="a", sha256=SHA),)))
    store.put(entry(1, model_id=8, files=(FileRecord(path="a", sha256="cd" * 32),)))
    assert (store.by_sha256(SHA), store.by_sha256("cd" * 32)) == ((), (1,))
    assert (store.by_model(7), store.by_model(8)) == ((), (1,))
    assert store.count() == 1


def test_entries_come_by_rising_id_not_by_text(store: AnyStore) -> None:
    ids = [9, 10, 100, 11, 2, 99999, 1000]
    assert store.put_many(entry(number) for number in ids) == len(ids)
    assert [one.version_id for one in store.entries()] == sorted(ids)
    assert [one.version_id for one in store.summaries()] == sorted(ids)


def test_entries_deleted_while_they_are_listed_just_do_not_come(store: AnyStore) -> None:
    store.put_many(entry(number) for number in range(1, 1202))
    listing = store.entries()
    first = next(listing)
    assert store.delete(range(2, 1201)) == 1199
    assert 1201 in {one.version_id for one in listing}
    assert first.version_id == 1


def test_a_file_is_found_by_its_promised_and_its_proved_hash_in_either_case(store: AnyStore) -> None:
    store.put(entry(2, files=(FileRecord(path="a", sha256=SHA.upper(), proved={"sha256": "ef" * 32}),)))
    store.put(entry(1, files=(FileRecord(path="b", sha256=SHA),)))
    assert store.by_sha256(SHA.upper()) == (1, 2)
    assert store.by_sha256("ef" * 32) == (2,)
    assert store.by_sha256("") == ()


def test_a_file_is_found_by_the_first_ten_digits_of_its_hash(store: AnyStore) -> None:
    store.put(entry(3, files=(FileRecord(path="a", sha256="0123456789" + "a" * 54),)))
    store.put(entry(2, files=(FileRecord(path="b", sha256="0123456789" + "F" * 54, proved={"sha256": "ef" * 32}),)))
    store.put(entry(1, files=(FileRecord(path="c", sha256="0123456780" + "f" * 54),)))
    assert store.by_auto_v2("0123456789") == (2, 3)
    assert store.by_auto_v2("EFEFEFEFEF") == (2,)
    assert store.by_auto_v2("aaaaaaaaaa") == store.by_auto_v2("ffffffffff") == store.by_auto_v2("") == ()


def test_versions_of_a_model_come_by_rising_id(store: AnyStore) -> None:
    store.put_many([entry(10), entry(9), entry(100), entry(3, model_id=None)])
    assert store.by_model(7) == (9, 10, 100)


def test_deleting_says_how_many_were_there(store: AnyStore) -> None:
    store.put_many([entry(1), entry(2)])
    assert store.delete([1, 3]) == 1
    assert (store.count(), store.by_model(7), store.get(1)) == (1, (2,), None)


def test_an_update_that_gives_nothing_leaves_the_store_as_it_was(store: AnyStore) -> None:
    store.put(entry(1))
    assert store.update(1, lambda _: None) is None
    assert store.get(1) == entry(1)


def test_an_update_may_make_an_entry(store: AnyStore) -> None:
    assert store.update(5, lambda old: entry(5) if old is None else None) == entry(5)
    assert store.get(5) == entry(5)


def test_an_update_cannot_move_an_entry(store: AnyStore) -> None:
    with pytest.raises(UsageError):
        store.update(5, lambda _: entry(6))
    assert store.count() == 0


def test_a_failing_update_leaves_the_store_as_it_was(store: AnyStore) -> None:
    def fail(_: Entry | None) -> Entry:
        raise KeyError("mine")

    store.put(entry(1))
    with pytest.raises(KeyError, match="mine"):
        store.update(1, fail)
    assert store.get(1) == entry(1)


def test_updates_from_many_threads_lose_nothing(store: AnyStore) -> None:
    def add(number: int) -> None:
        def change(old: Entry | None) -> Entry:
            return (old or entry(1)).with_file(FileRecord(file_id=number, path=str(number)))

        store.update(1, change)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = store.get(1)
    assert held is not None
    assert {record.file_id for record in held.files} == set(range(12))


def test_summaries_say_what_the_entries_say(store: AnyStore) -> None:
    files = (
        FileRecord(file_id=1, path="a", size=5, sha256=SHA, status=Status.DOWNLOADED),
        FileRecord(path="b", size=7, proved={"sha256": SHA}, status=Status.ERROR),
    )
    store.put_many([entry(1, files=files, creator="Ann", type="LORA"), entry(2, model_name="half \ud83d a pair")])
    for summary, one in zip(store.summaries(), store.entries(), strict=True):
        assert summary == one.summary
    first = next(store.summaries())
    assert (first.key, first.size, first.status, first.files[1].sha256) == ("v_1", 12, Status.ERROR, SHA)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ретро", [1]),
        ("STRASSE", [2]),
        ("水彩", [3]),
        ("café", [4]),
        ("cafe\u0301", [4]),
        ('quoted "so\\', [5]),
        ("turbo", [6]),
        ("", [1, 2, 3, 4, 5, 6]),
        ("half \ud83d", []),
        ("nothing", []),
    ],
)
def test_a_search_finds_names_in_any_case_and_script(store: AnyStore, text: str, found: list[int]) -> None:
    names = ["Стиль РЕТРО", "Hauptstraße", "水彩 style", "CAFE\u0301 noir", 'a "Quoted "So\\ name']
    store.put_many(entry(number, model_name=name) for number, name in enumerate(names, 1))
    store.put(entry(6, model_name="x", version_name="SDXL Turbo"))
    assert [summary.version_id for summary in store.search(text)] == found


def test_entries_that_were_made_ready_before_are_kept_like_any_other(store: AnyStore) -> None:
    whole = [entry(1), entry(2, version={"n": 1.5}), entry(3, model_name="\ud83d")]
    assert store.put_packed(pack_entries(whole)) == 3
    assert [store.get(number) for number in (1, 2, 3)] == whole
    assert store.by_model(7) == (1, 2, 3)
    assert [summary.version_id for summary in store.summaries()] == [1, 2, 3]


def test_what_is_remembered_is_told_apart_by_its_content(store: AnyStore) -> None:
    store.put_packed(pack_entries([entry(2), entry(1)]))
    same, other, unknown = pack_entries([entry(1), entry(2, type="LORA"), entry(3)])
    packed_elsewhere = same._replace(value=gzip.compress(dump(entry(1))))
    assert store.remembered(iter([same, other, unknown])) == {1: True, 2: False}
    assert store.remembered([packed_elsewhere]) == {1: True}


def test_facts_are_those_of_every_summary(store: AnyStore) -> None:
    files = (FileRecord(path="a", size=3), FileRecord(path="b"), FileRecord(path="c", size=4, status=Status.ERROR))
    store.put_many(entry(number, files=files[: number % 4], type="LORA", creator="Ann") for number in range(1, 1002))
    store.put(entry(5000, model_name="half \ud83d a pair", files=files))
    assert sorted(store.facts(), key=repr) == sorted((one.facts for one in store.summaries()), key=repr)
    assert max(store.facts(), key=lambda facts: facts.size) == ("LORA", "", "Error", "Ann", 3, 7)


def test_image_records_are_found_by_key_prefix_and_id(store: AnyStore) -> None:
    records = [
        image(1),
        image(1, quality=Quality.SD, imported=True),
        image(2, path="images/2.jpeg", tags=("a", "b")),
        image(1, kind=ImageKind.TAG, target="red hair"),
    ]
    assert store.put_images(records) == 4
    assert store.get_image("username:ann_1_SD") == records[1]
    assert store.get_image("username:ann_3_HD") is None
    assert store.get_image("") is None
    assert [one.key for one in store.images("username:ann_")] == [
        "username:ann_1_HD",
        "username:ann_1_SD",
        "username:ann_2_HD",
    ]
    assert {one.key for one in store.images_by_id(1)} == {records[0].key, records[1].key, records[3].key}
    assert store.images_by_id(9) == ()
    assert store.count_images() == len(list(store.images())) == 4


def test_deleting_images_takes_their_look_ups_along(store: AnyStore) -> None:
    store.put_images([image(number) for number in range(1, 30)] + [image(1, target="bob")])
    assert store.delete_images("username:ann_") == 29
    assert store.images_by_id(1) == (image(1, target="bob"),)
    assert [one.target for one in store.images()] == ["bob"]


def test_more_images_than_a_page_all_come(store: AnyStore) -> None:
    store.put_images(image(number) for number in range(1234))
    assert len({one.image_id for one in store.images("username:ann_")}) == 1234


def test_image_keys_too_long_for_the_database_are_kept_apart(store: AnyStore) -> None:
    long = ["я" * 300 + end for end in ("a", "b", "")]
    records = [image(1, kind=ImageKind.TAG, target=target) for target in long]
    store.put_images(records)
    for record in records:
        assert store.get_image(record.key) == record
    assert list(store.images(records[0].key)) == [records[0]]
    assert store.delete_images(f"tag:{long[1]}_") == 1
    assert {one.target for one in store.images_by_id(1)} == {long[0], long[2]}


def test_cached_digests_hold_for_one_stamp_only(store: AnyStore) -> None:
    stamp = FileStamp(device=1, inode=2**70, size=3, mtime_ns=4)
    changed = FileStamp(device=1, inode=2**70, size=3, mtime_ns=5)
    assert store.cached_digests(stamp) is None
    store.remember_digests(stamp, Digests(sha256=SHA))
    store.remember_digests(stamp, Digests(blake3="12"))
    assert store.cached_digests(stamp) == Digests(sha256=SHA, blake3="12")
    assert store.cached_digests(changed) is None
    store.remember_digests(changed, Digests(crc32="34"))
    assert store.cached_digests(stamp) is None
    assert store.cached_digests(changed) == Digests(crc32="34")


def library_file(path: str, **parts: Any) -> LibraryFile:
    return LibraryFile(**{"output": "/out", "path": path, "folder": "a", **parts})


def test_a_librarys_file_comes_back_as_it_was_put_and_goes_when_it_is_forgotten(store: AnyStore) -> None:
    stamp = FileStamp(1, 2, 3, 4)
    one = library_file("/models/ключ (3).safetensors", stamp=stamp, sha256=SHA, matched_by=MatchedBy.AUTO_V3)
    long = library_file("/models/" + "x" * 600)
    store.put_library_files([one, long])
    store.put_library_files([long])
    assert store.library_file(one.key) == one
    assert list(store.library_files()) == [long, one]
    assert store.delete_library_files([one.key, "nothing"]) == 1
    assert list(store.library_files()) == [long]


def test_one_path_in_two_libraries_is_two_files(store: AnyStore) -> None:
    store.put_library_files([library_file("/a.pt"), library_file("/a.pt", output="/other")])
    assert [file.output for file in store.library_files()] == ["/other", "/out"]
