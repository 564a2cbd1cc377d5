"""The image grabber's histories: every era is read, and nothing that lies on disk is fetched again."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import ImageKind, Quality
from civitai_kit.core.collection.exchange import Exchanged
from civitai_kit.core.errors import UsageError
from civitai_kit.core.images.report import Why
from civitai_kit.services.exchange.exchange import HEAD_BYTES, ImportedFile
from civitai_kit.services.exchange.import_history import import_history
from civitai_kit.testing import Sandbox
from tests.services.album import Album

SCHEMA = """
CREATE TABLE tracked_images (image_key TEXT PRIMARY KEY, image_id TEXT NOT NULL, quality TEXT NOT NULL,
  path TEXT NOT NULL, download_date TEXT NOT NULL, url TEXT, checkpoint_name TEXT);
CREATE TABLE image_tags (image_key TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(image_key, tag));
"""


@pytest.fixture
def album(civitai_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Album:
    """Five pictures of ann, and beside the save path a tree as the grabber leaves it, sorted."""
    monkeypatch.chdir(tmp_path)
    album = Album(civitai_sandbox, tmp_path / "save")
    album.add(5)
    return album


def ids(album: Album) -> list[int]:
    """The ids of ann's pictures."""
    return [image.id for image in album.sandbox.world.images if image.username == "ann"]


def grabbed(album: Album, where: Path, *, sorted_into: str = "dreamMix") -> list[str]:
    """Pictures on disk as the grabber took them; gives the paths that it remembered, from before it sorted them."""
    folder = where / "image_downloads/Username_Search/ann"
    (folder / sorted_into).mkdir(parents=True)
    for number in ids(album):
        (folder / sorted_into / f"{number}.jpeg").write_bytes(b"\xff\xd8 taken by the grabber \xff\xd9")
    return [f"image_downloads/Username_Search/ann/{number}.jpeg" for number in ids(album)]


def imported(album: Album, file: Path, *, piped: bool = False) -> Exchanged:
    """Import a history as `db import` would."""
    content = file.read_bytes()
    with ExitStack() as stack:
        kit = album.kit(stack, writing=True)
        parts = kit.import_parts
        source = ImportedFile(file.name, content[:HEAD_BYTES], io.BytesIO(content), None if piped else file)
        return import_history(parts, source)


def written(file: Path, document: Any) -> Path:
    """A JSON history."""
    file.write_text(json.dumps(document, indent=4))
    return file


def rows(album: Album, paths: list[str], date: str, **more: Any) -> dict[str, Any]:
    """The entries of a JSON history."""
    return {
        f"{number}_SD": {"path": path, "quality": "SD", "download_date": date, **more}
        for number, path in zip(ids(album), paths, strict=True)
    }


@pytest.mark.parametrize(
    ("date", "more", "iso"),
    [
        ("2024-03-02", {}, "2024-03-02T00:00:00+00:00"),
        ("2024-03-02 - 14-07", {}, "2024-03-02T14:07:00+00:00"),
        ("2024-03-02 - 14:07", {"tags": ["sea"], "url": "https://x/1.jpeg"}, "2024-03-02T14:07:00+00:00"),
    ],
    ids=["0.5", "0.6", "0.7"],
)
def test_json_of_every_era_is_taken_and_nothing_on_disk_is_fetched_again(
    album: Album, tmp_path: Path, date: str, more: dict[str, Any], iso: str
) -> None:
    history = written(tmp_path / "downloaded_images.json", rows(album, grabbed(album, tmp_path), date, **more))
    done = imported(album, history)
    assert (done.images, done.skipped, done.exit_code, done.format) == (5, 0, 0, "image_grabber_json")
    report = album.fetch("username:ann")
    assert (report.downloaded, report.reasons, album.fetched()) == (0, {Why.HAVE: 5}, 0)
    record = album.records()[0]
    assert (record.kind, record.target, record.quality, record.imported) == (
        ImageKind.USERNAME,
        "ann",
        Quality.SD,
        True,
    )
    assert record.date == iso
    assert (record.tags, record.url) == (tuple(more.get("tags", ())), more.get("url"))


TRUE_TYPES = ("jpeg", "webp", "mp4", "gif", "png")


def true_types(album: Album, where: Path) -> dict[str, Any]:
    """Pictures as the grabber saved them, by their true type; gives its history, where every HD one is a `.png`."""
    folder = where / "image_downloads/Username_Search/ann"
    history = {}
    for place, (number, ending) in enumerate(zip(ids(album), TRUE_TYPES, strict=True)):
        here = folder / ("", "dreamMix", "videos")[place % 3]
        here.mkdir(parents=True, exist_ok=True)
        (here / f"{number}.{ending}").write_bytes(b"taken by the grabber")
        path = f"image_downloads/Username_Search/ann/{number}.png"
        history[f"{number}_HD"] = {"path": path, "quality": "HD", "download_date": "2024-03-02 - 14:07"}
    return history


@pytest.mark.parametrize("migrated", [False, True], ids=["json", "its own migration"])
def test_files_saved_under_another_ending_than_the_one_remembered_are_not_fetched_again(
    album: Album, tmp_path: Path, migrated: bool
) -> None:
    history = true_types(album, tmp_path)
    if migrated:
        known = [(key, key[:-3], "HD", row["path"], row["download_date"], None, None) for key, row in history.items()]
        file = database(tmp_path / "tracking_database.sqlite", known, [], targets=False)
    else:
        file = written(tmp_path / "downloaded_images.json", history)
    assert imported(album, file).images == len(TRUE_TYPES)
    report = album.fetch("username:ann", quality=Quality.HD, quality_typed=True)
    assert (report.downloaded, report.reasons, album.fetched()) == (0, {Why.HAVE: 5}, 0)
    assert {Path(record.path or "").suffix[1:]: record.media for record in album.records()} == {
        ending: "video" if ending == "mp4" else "image" for ending in TRUE_TYPES
    }


def test_of_one_picture_in_both_qualities_each_keeps_its_own_file(album: Album, tmp_path: Path) -> None:
    folder = tmp_path / "image_downloads/ann"
    folder.mkdir(parents=True)
    number = ids(album)[0]
    for name in (f"{number}.jpeg", f"{number}.webp", f"{number}_sd.avif"):
        (folder / name).write_bytes(b"taken by the grabber")
    said = {"SD": "jpeg", "HD": "png"}
    history = {
        f"{number}_{quality}": {"path": f"image_downloads/ann/{number}.{ending}", "quality": quality}
        for quality, ending in said.items()
    }
    imported(album, written(tmp_path / "h.json", history))
    found = {record.quality: Path(record.path or "").suffix for record in album.records()}
    assert found == {Quality.SD: ".jpeg", Quality.HD: ".webp"}


def test_backslashes_and_the_folder_of_the_history_lead_to_the_files(album: Album, tmp_path: Path) -> None:
    old = tmp_path / "old tool"
    paths = [path.replace("/", "\\") for path in grabbed(album, old)]
    imported(album, written(old / "downloaded_images.json", rows(album, paths, "2024-03-02")))
    assert album.fetch("username:ann").reasons == {Why.HAVE: 5}


def test_a_tree_that_was_moved_under_our_folder_is_found(album: Album, tmp_path: Path) -> None:
    paths = [f"/gone/{path}" for path in grabbed(album, tmp_path)]
    album.root.mkdir(exist_ok=True)
    shutil.move(tmp_path / "image_downloads", album.root / "images")
    imported(album, written(tmp_path / "downloaded_images.json", rows(album, paths, "2024-03-02")))
    assert album.records()[0].path == f"images/Username_Search/ann/dreamMix/{ids(album)[0]}.jpeg"
    assert album.fetch("username:ann").reasons == {Why.HAVE: 5}


def test_an_imported_picture_counts_for_other_searches_too_and_its_bytes_are_shared(
    album: Album, tmp_path: Path
) -> None:
    imported(album, written(tmp_path / "h.json", rows(album, grabbed(album, tmp_path), "2024-03-02")))
    number = ids(album)[0]
    report = album.fetch(f"image:{number}")
    assert (report.downloaded, report.linked, album.fetched()) == (1, 1, 0)
    assert album.pictures() == [f"Image_ID_Search/image_{number}/dreamMix/{number}_sd.jpeg"]


def test_a_quality_that_was_typed_is_fetched_although_the_other_was_imported(album: Album, tmp_path: Path) -> None:
    imported(album, written(tmp_path / "h.json", rows(album, grabbed(album, tmp_path), "2024-03-02")))
    assert album.fetch("username:ann", quality=Quality.HD, quality_typed=True).downloaded == 5
    assert album.fetch("username:ann").reasons == {Why.HAVE: 5}


def test_a_picture_that_was_deleted_after_the_history_is_fetched(album: Album, tmp_path: Path) -> None:
    paths = grabbed(album, tmp_path)
    shutil.rmtree(tmp_path / "image_downloads")
    assert imported(album, written(tmp_path / "h.json", rows(album, paths, "2024-03-02"))).images == 5
    assert album.fetch("username:ann").downloaded == 5


def test_a_plain_list_of_ids_counts_what_lies_in_the_tree(album: Album, tmp_path: Path) -> None:
    grabbed(album, tmp_path)
    history = tmp_path / "downloaded_images.txt"
    history.write_text("\n".join([*map(str, ids(album)), "999", ""]))
    done = imported(album, history)
    assert (done.images, done.reasons, done.format) == (5, {"not_here": 1}, "image_grabber_txt")
    assert album.fetch("username:ann").reasons == {Why.HAVE: 5}


def database(file: Path, images: list[tuple[Any, ...]], tags: list[tuple[str, str]], *, targets: bool) -> Path:
    """The grabber's database, before or after it noted targets."""
    with sqlite3.connect(file) as made:
        made.executescript(SCHEMA)
        if targets:
            made.execute("ALTER TABLE tracked_images ADD COLUMN target_type TEXT")
            made.execute("ALTER TABLE tracked_images ADD COLUMN target_value TEXT")
        marks = ", ".join("?" * (9 if targets else 7))
        made.executemany(f"INSERT INTO tracked_images VALUES ({marks})", images)
        made.executemany("INSERT INTO image_tags VALUES (?, ?)", tags)
    made.close()
    return file


@pytest.mark.parametrize("piped", [False, True])
def test_the_database_with_context_keys_is_taken_with_tags_and_checkpoints(
    album: Album, tmp_path: Path, piped: bool
) -> None:
    paths = [str(tmp_path / path) for path in grabbed(album, tmp_path)]
    of_ann, date = ("dreamMix", "username", "ann"), "2025-01-02 - 03:04"
    images = [
        (f"username:ann_{n}_HD", str(n), "HD", path, date, f"https://x/{n}", *of_ann)
        for n, path in zip(ids(album), paths, strict=True)
    ]
    file = database(tmp_path / "t.sqlite", images, [(images[0][0], "sea"), (images[0][0], "house")], targets=True)
    done = imported(album, file, piped=piped)
    assert (done.images, done.format, done.exit_code) == (5, "image_grabber_sqlite", 0)
    record = next(record for record in album.records() if record.image_id == ids(album)[0])
    assert record.key == images[0][0]
    assert (record.checkpoint, record.tags, record.url) == ("dreamMix", ("house", "sea"), images[0][5])
    assert album.fetch("username:ann").reasons == {Why.HAVE: 5}


def test_migrated_keys_without_context_count_as_well(album: Album, tmp_path: Path) -> None:
    images = [
        (f"{n}_SD", str(n), "SD", str(tmp_path / path), "2024-03-02", None, None)
        for n, path in zip(ids(album), grabbed(album, tmp_path), strict=True)
    ]
    file = database(tmp_path / "t.sqlite", images, [], targets=False)
    imported(album, file)
    report = album.fetch("username:ann")
    assert (report.reasons, album.fetched()) == ({Why.HAVE: 5}, 0)


def test_tags_of_a_history_fill_the_column_of_earlier_tags(album: Album, tmp_path: Path) -> None:
    world = album.sandbox.world
    model = world.add_model("Tagged", id=7001, tags=["coast"])
    version = world.add_version(model, "v1")
    world.add_file(version, "v1.safetensors")
    picture = world.add_image(version=version, username="eve", meta={"prompt": "coast"})
    folder = tmp_path / "image_downloads/Model_Tag_Search/sea/model_1"
    folder.mkdir(parents=True)
    (folder / f"{picture.id}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    row = {"path": str(folder / f"{picture.id}.png"), "quality": "SD", "download_date": "2024-03-02", "tags": ["sea"]}
    imported(album, written(tmp_path / "h.json", {f"{picture.id}_SD": row}))
    report = album.fetch("tag:coast")
    assert (report.linked, album.fetched()) == (1, 0)
    summary = report.targets[0].summary
    assert summary is not None
    assert (album.root / summary).read_text().splitlines()[1].startswith("coast,sea,")


def test_an_import_done_twice_changes_nothing_the_second_time(album: Album, tmp_path: Path) -> None:
    history = written(tmp_path / "h.json", rows(album, grabbed(album, tmp_path), "2024-03-02"))
    imported(album, history)
    before = album.records()
    again = imported(album, history)
    assert (again.images, again.reasons) == (0, {"same": 5})
    assert album.records() == before


def test_what_we_fetched_ourselves_is_not_replaced_by_an_older_memory(album: Album, tmp_path: Path) -> None:
    album.fetch("username:ann", quality=Quality.SD)
    before = album.records()
    imported(album, written(tmp_path / "h.json", rows(album, grabbed(album, tmp_path), "2024-03-02")))
    assert album.records() == before


def test_records_that_make_no_sense_are_counted_and_the_others_taken(album: Album, tmp_path: Path) -> None:
    good = rows(album, grabbed(album, tmp_path), "2024-03-02")
    bad = {"77_SD": "text", "x_SD": {"path": "a"}, "78_HD": {"quality": "HD"}}
    done = imported(album, written(tmp_path / "h.json", {**good, **bad}))
    assert (done.images, done.reasons, done.exit_code) == (5, {"invalid": 3}, 7)


@pytest.mark.parametrize(
    "content",
    [b'{"1_SD": {"path": "x", ', b"SQLite format 3\0 and then nothing", b"no history at all", b""],
    ids=["cut JSON", "broken database", "text", "empty"],
)
def test_what_is_no_history_is_refused(album: Album, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(UsageError):
        imported(album, file)
    assert album.records() == []


def test_a_database_of_something_else_is_refused(album: Album, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as made:
        made.execute("CREATE TABLE notes (text TEXT)")
    with pytest.raises(UsageError, match="not the image grabber's"):
        imported(album, tmp_path / "other.sqlite")


def test_a_path_that_names_no_picture_is_never_linked(album: Album, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a key")
    number = ids(album)[0]
    row = {"path": str(secret), "quality": "SD", "download_date": "2024-03-02"}
    imported(album, written(tmp_path / "h.json", {f"{number}_SD": row}))
    report = album.fetch(f"image:{number}")
    assert (report.linked, report.downloaded) == (0, 1)
