"""One process reads and writes its database at once, though LMDB opens it but once in a process."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import NotWritable
from civitai_kit.core.settings.layers import Settings
from civitai_kit.kit.ground import Ground
from civitai_kit.kit.shared_store import SharedStore


def shared_store(tmp_path: Path) -> SharedStore:
    return SharedStore(Ground(Settings(save_path=str(tmp_path / "downloads")), "serve"))


def unheard(event: object) -> None:
    """What is told is not looked at here."""


def test_a_reader_within_a_write_sees_what_was_written(tmp_path: Path) -> None:
    shared = shared_store(tmp_path)
    with shared.store(unheard, read_only=True) as store:
        assert store.get(5) is None
    assert not (tmp_path / "downloads").exists(), "reading makes no database"
    with shared.store(unheard, read_only=False) as writer:
        writer.put(Entry(version_id=5))
        with shared.store(unheard, read_only=True) as reader:
            assert reader.get(5) is not None
    with shared.store(unheard, read_only=True) as after:
        assert after.get(5) is not None
        with pytest.raises(NotWritable):
            after.put(Entry(version_id=6))
    shared.close()


def test_a_database_that_was_removed_or_replaced_is_read_anew(tmp_path: Path) -> None:
    shared, other = shared_store(tmp_path), shared_store(tmp_path / "other")
    database = tmp_path / "downloads" / "civitai_download_db"
    with shared.store(unheard, read_only=False) as writer:
        writer.put(Entry(version_id=5))
    with shared.store(unheard, read_only=True) as reader:
        shutil.rmtree(database)
        with shared.store(unheard, read_only=True) as within:
            assert reader.get(5) is not None and within.get(5) is not None, "who reads it goes on with it"
    with shared.store(unheard, read_only=True) as reader:
        assert reader.get(5) is None
    for number in (6, 7):
        with other.store(unheard, read_only=False) as writer:
            writer.put(Entry(version_id=number))
        other.close()
        shutil.rmtree(database, ignore_errors=True)
        shutil.copytree(tmp_path / "other" / "downloads" / "civitai_download_db", database)
        with shared.store(unheard, read_only=True) as reader:
            assert reader.get(number) is not None
    shared.close()


def test_to_write_waits_for_those_who_read(tmp_path: Path) -> None:
    shared = shared_store(tmp_path)
    is_writing = threading.Event()

    def write() -> None:
        with shared.store(unheard, read_only=False) as store:
            is_writing.set()
            store.put(Entry(version_id=7))

    thread = threading.Thread(target=write)
    with shared.store(unheard, read_only=True) as store:
        thread.start()
        assert store.get(7) is None
        assert not is_writing.is_set()
    thread.join(timeout=20)
    assert is_writing.is_set()
    with shared.store(unheard, read_only=True) as store:
        assert store.get(7) is not None
    shared.close()


def test_many_readers_and_writers_lose_nothing(tmp_path: Path) -> None:
    shared = shared_store(tmp_path)

    def work(first: int) -> None:
        for number in range(first, first + 5):
            with shared.store(unheard, read_only=False) as store:
                store.put(Entry(version_id=number))
            with shared.store(unheard, read_only=True) as store:
                assert store.get(number) is not None

    threads = [threading.Thread(target=work, args=(first,)) for first in (1, 11, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    with shared.store(unheard, read_only=True) as store:
        assert store.count() == 15
    shared.close()
