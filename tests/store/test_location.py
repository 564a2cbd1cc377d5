"""The database's place under a save path."""

from __future__ import annotations

from pathlib import Path

import pytest

from civitai_kit.core.errors import StoreUnreadable
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.store.location import store_path


def test_the_default_place_is_ours_where_nothing_is(tmp_path: Path) -> None:
    assert store_path(tmp_path / "missing") == (tmp_path / "missing" / "civitai_download_db", None)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("name", ["000000000.data", "000000001.hint", "config.json"])
def test_a_bitcask_store_is_left_alone_and_said(tmp_path: Path, name: str) -> None:
    theirs = tmp_path / "civitai_download_db"
    theirs.mkdir()
    (theirs / name).write_bytes(b"theirs")
    path, notice = store_path(tmp_path)
    assert path == tmp_path / "civitai_kit_db"
    assert notice is not None and "civitai-kit download" in notice
    with pytest.raises(StoreUnreadable):
        LmdbStore.open(theirs, read_only=False)
    assert [child.name for child in theirs.iterdir()] == [name]


def test_an_sqlite_file_at_the_default_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "civitai_download_db").write_bytes(b"SQLite format 3\0 and so on")
    path, notice = store_path(tmp_path)
    assert path == tmp_path / "civitai_kit_db"
    assert notice


def test_our_own_database_is_no_other_tools(tmp_path: Path) -> None:
    path, _ = store_path(tmp_path)
    LmdbStore.open(path, read_only=False).close()
    assert store_path(tmp_path) == (path, None)


def test_a_database_made_beside_anothers_stays_in_use_when_that_is_gone(tmp_path: Path) -> None:
    LmdbStore.open(tmp_path / "civitai_kit_db", read_only=False).close()
    assert store_path(tmp_path) == (tmp_path / "civitai_kit_db", None)
