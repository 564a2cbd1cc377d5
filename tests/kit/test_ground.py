"""The ground: save path, lock and database, each opened by itself."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import NotWritable, StoreLocked, UsageError
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
    assert ground.disk.free() is not None and ground.places()
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


def test_what_is_ours_is_the_catalogs_the_database_and_the_log_that_settings_name_under_the_save_path(
    tmp_path: Path,
) -> None:
    ours = ground_of(tmp_path).places()
    assert set(ours) >= {"civitai_download_db", "civitai_kit_db", "catalog/models.json", "catalog/loras.json"}
    assert ground_of(tmp_path, database_path=str(tmp_path / "mine")).places() == (*ours, "mine")
    assert ground_of(tmp_path, log_file=str(tmp_path / "a/b.log")).places() == (*ours, "a/b.log")
    assert ground_of(tmp_path / "models", database_path=str(tmp_path / "mine")).places() == ours


@pytest.mark.parametrize("database", ["save", "."])
def test_a_database_around_the_save_path_closes_its_own_files_alone(tmp_path: Path, database: str) -> None:
    (tmp_path / "save").mkdir()
    (tmp_path / database / "data.mdb").write_bytes(b"entries")
    (tmp_path / "save" / "data.mdb").write_bytes(b"entries")
    ground = ground_of(tmp_path / "save", database_path=str(tmp_path / database))
    assert ground.disk.place_for("lora/x.safetensors") and ground.disk.place_for("x.safetensors")
    assert ("data.mdb" in ground.places()) == (database == "save")
    if database == "save":
        with pytest.raises(UsageError, match="lies in the database"):
            ground.disk.remove("data.mdb")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_nothing_is_put_or_removed_in_the_database_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "save").mkdir()
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "data.mdb").write_bytes(b"entries")
    (tmp_path / "save" / "lora").symlink_to(tmp_path)
    disk = ground_of(tmp_path / "save", database_path=str(tmp_path / "db")).disk
    with pytest.raises(UsageError, match="lies in the database"):
        disk.place_for("lora/db/x.safetensors")
    with pytest.raises(UsageError, match="lies in the database"):
        disk.remove("lora/db/data.mdb")
    assert disk.place_for("lora/x.safetensors").name == "x.safetensors"
    assert (tmp_path / "db" / "data.mdb").read_bytes() == b"entries"


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


@pytest.mark.parametrize("writing", [True, False])
def test_no_kit_is_opened_where_the_save_path_is_a_file(tmp_path: Path, *, writing: bool) -> None:
    place = tmp_path / "models"
    place.write_bytes(b"mine")
    with (
        pytest.raises(NotWritable, match="is a file"),
        open_kit(loaded(place), unheard, writing=writing, command="torrent", stop=threading.Event()),
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


def test_catalogs_that_will_not_go_well_are_told_of(tmp_path: Path) -> None:
    assert [*ground_of(tmp_path).catalog_notices()] == []
    named = {"catalog.catalog_dir": str(tmp_path / "nowhere"), "catalog.models_dir": str(tmp_path / "no models")}
    told = [*ground_of(tmp_path, **named).catalog_notices()]
    assert len(told) == 2 and all(place in said for place, said in zip(named.values(), told, strict=True))
    (tmp_path / "taken").touch()
    taken = ground_of(tmp_path, **{"catalog.catalog_dir": str(tmp_path / "taken" / "catalog")})
    assert any("can only be read" in said for said in taken.catalog_notices())
