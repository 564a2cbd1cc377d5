"""Links, pipes and refusals of the system where a database should lie: said, never followed or waited for."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import NotWritable, StoreError, StoreUnreadable
from civitai_kit.store.errors import refused
from civitai_kit.store.lmdb_store import LmdbStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes")


def filled(path: Path) -> Path:
    with LmdbStore.open(path, read_only=False) as store:
        store.put(Entry(version_id=1, model_id=1))
    return path


def link(place: Path, target: Path) -> None:
    place.symlink_to(target)


def hard_link(place: Path, target: Path) -> None:
    place.hardlink_to(target)


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("name", ["data.mdb", "lock.mdb"])
@pytest.mark.parametrize("plant", [link, hard_link])
def test_a_link_in_place_of_a_file_of_the_database_is_refused_and_what_it_leads_to_stays(
    tmp_path: Path, plant: Callable[[Path, Path], None], name: str, *, read_only: bool
) -> None:
    far = filled(tmp_path / "far") / name
    before = far.read_bytes()
    near = filled(tmp_path / "near")
    (near / name).unlink()
    plant(near / name, far)
    with pytest.raises(StoreUnreadable, match=f"{name} is .*link"):
        LmdbStore.open(near, read_only=read_only)
    assert far.read_bytes() == before


@pytest.mark.parametrize("name", ["data.mdb", "lock.mdb"])
def test_a_link_that_leads_to_nothing_makes_no_file_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / name).symlink_to(tmp_path / "victim")
    with pytest.raises(StoreUnreadable, match="a link"):
        LmdbStore.open(tmp_path / "db", read_only=False)
    assert not (tmp_path / "victim").exists()


def test_a_folder_that_is_a_link_of_the_users_is_followed(tmp_path: Path) -> None:
    filled(tmp_path / "far")
    (tmp_path / "db").symlink_to("far")
    with LmdbStore.open(tmp_path / "db", read_only=False) as store:
        store.put(Entry(version_id=2, model_id=1))
        assert store.count() == 2


@pytest.mark.parametrize("read_only", [True, False])
def test_a_pipe_in_place_of_the_folder_is_refused_at_once(tmp_path: Path, *, read_only: bool) -> None:
    os.mkfifo(tmp_path / "db")
    said: list[StoreError] = []

    def use() -> None:
        with pytest.raises(StoreUnreadable) as caught:
            LmdbStore.open(tmp_path / "db", read_only=read_only)
        said.append(caught.value)

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(20)
    assert said and "folders" in said[0].message


def test_a_name_that_is_too_long_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(NotWritable, match="too long"):
        LmdbStore.open(tmp_path / ("x" * 5000), read_only=True)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM])
def test_what_the_system_refuses_is_no_damage_and_nothing_is_to_be_moved_aside(tmp_path: Path, number: int) -> None:
    said = refused(OSError(number, os.strerror(number)), tmp_path)
    assert isinstance(said, NotWritable) and said.hint and "aside" not in said.hint


def test_a_disk_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    said = refused(OSError(errno.EIO, os.strerror(errno.EIO)), tmp_path)
    assert isinstance(said, StoreUnreadable) and "cannot be read" in said.message
