"""The ground: save path, lock and database, each opened by itself."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import NotWritable, StoreLocked
from civitai_kit.core.events import Event
from civitai_kit.core.settings.layers import Layer, merge
from civitai_kit.kit.ground import Ground, images_folder, open_ground
from civitai_kit.kit.parts import open_kit
from civitai_kit.kit.settings import Loaded


def loaded(root: Path, **values: object) -> Loaded:
    merged = merge([Layer("flags", {"save_path": str(root), "api_key": "key-1", **values})])
    return Loaded(merged.settings, merged.provenance)


def ground_of(root: Path, **values: object) -> Ground:
    return Ground(loaded(root, **values).settings, "test")


def unheard(event: Event) -> None:
    raise AssertionError(event)


def test_a_ground_makes_nothing(tmp_path: Path) -> None:
    ground = ground_of(tmp_path / "models")
    assert ground.disk.free() is not None and ground.databases()
    with ground.store(unheard, read_only=True) as store:
        assert store.count() == 0
    with ground.lock_if_there(unheard):
        assert not (tmp_path / "models").exists()


def test_the_database_opens_for_writing_while_another_holds_the_lock(tmp_path: Path) -> None:
    ground, other = ground_of(tmp_path), ground_of(tmp_path)
    with ground.lock(unheard), other.store(unheard, read_only=False) as store:
        store.put(Entry(version_id=1))
        assert store.count() == 1


def test_one_open_database_lives_through_many_locks(tmp_path: Path) -> None:
    ground = ground_of(tmp_path)
    with ground.store(unheard, read_only=False) as store:
        for number in (1, 2):
            with ground.lock(unheard):
                store.put(Entry(version_id=number))
                with pytest.raises(StoreLocked, match="by `test`"), ground_of(tmp_path).lock(unheard):
                    raise AssertionError("two hold it")
        with ground_of(tmp_path).lock(unheard):
            assert store.count() == 2


def test_databases_are_those_that_may_lie_under_the_save_path(tmp_path: Path) -> None:
    ours = ground_of(tmp_path).databases()
    assert ground_of(tmp_path, database_path=str(tmp_path / "mine")).databases() == (*ours, "mine")
    assert ground_of(tmp_path / "models", database_path=str(tmp_path / "mine")).databases() == ours


@pytest.mark.parametrize("writing", [True, False])
def test_a_save_path_that_is_a_file_is_refused(tmp_path: Path, *, writing: bool) -> None:
    place = tmp_path / "models"
    place.write_bytes(b"mine")
    with (
        pytest.raises(NotWritable, match="is a file"),
        open_ground(loaded(place).settings, unheard, writing=writing, command="clean"),
    ):
        raise AssertionError("it was opened")
    assert place.read_bytes() == b"mine"


def test_torrents_are_not_made_where_the_save_path_is_a_file(tmp_path: Path) -> None:
    place = tmp_path / "models"
    place.write_bytes(b"mine")
    with (
        open_kit(loaded(place), unheard, writing=False, command="torrent", stop=threading.Event()) as kit,
        pytest.raises(NotWritable, match="is a file"),
        kit.torrent_parts(tmp_path / "torrents"),
    ):
        raise AssertionError("it was opened")


@pytest.mark.parametrize(("out", "held"), [(None, True), ("models/torrents", True), ("torrents", False)])
def test_torrents_take_the_lock_only_where_they_are_written_under_the_save_path(
    tmp_path: Path, out: str | None, *, held: bool
) -> None:
    root = tmp_path / "models"
    root.mkdir()
    folder = None if out is None else tmp_path / out
    with (
        open_kit(loaded(root), unheard, writing=False, command="torrent") as kit,
        kit.torrent_parts(folder) as parts,
    ):
        assert parts.out is None or parts.out.root == folder
        assert [path.name for path in root.iterdir()] == [".civitai-kit.lock"] * held


def test_images_lie_under_the_save_path_unless_a_folder_is_set(tmp_path: Path) -> None:
    assert images_folder(loaded(tmp_path).settings) == tmp_path / "images"
    assert images_folder(loaded(tmp_path, **{"images.output_dir": "/elsewhere"}).settings) == Path("/elsewhere")
