"""Leftovers on a real disk: what goes, what stays, and what is never touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from civitai_kit.core.errors import Code, NotWritable
from civitai_kit.core.paths.our_names import LeftoverKind
from civitai_kit.disk.folder import Folder
from civitai_kit.services.upkeep.clean import CleanOptions, CleanReport, clean, plan_clean
from civitai_kit.transfer.part.journal import Journal

DATABASES = ("civitai_download_db", "civitai_kit_db")
JOURNAL = Journal(source="/api/download/models/1").dump()
FILES = {
    "lora/a.safetensors": b"model",
    "lora/a.json": b"{}",
    "lora/a.torrent": b"torrent",
    "lora/a-magnet.txt": b"magnet",
    "lora/.0011.tmp": b"12345",
    "top.tmp": b"1",
    "lora/b.safetensors.part": b"half",
    "lora/b.safetensors.part.json": JOURNAL,
    "lora/c.part.safetensors": b"model",
    "lora/c.part.json": b'{"id": 1, "files": []}',
    "lora/d.mp4.part": b"of a browser",
    "lora/e.safetensors.downloading": b"e",
    "lora/f.safetensors.aria2": b"f",
    "lora/g.incomplete": b"g",
    "orphan.safetensors.part.json": JOURNAL,
    "civitai_download_db/data.mdb": b"db",
    "civitai_download_db/x.tmp": b"db",
    "civitai_kit_db/y.tmp": b"db",
}


@pytest.fixture
def disk(tmp_path: Path) -> Folder:
    for path, content in FILES.items():
        place = tmp_path / "save" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return Folder(tmp_path / "save")


def cleaned(disk: Folder, **options: bool) -> CleanReport:
    plan = plan_clean(disk, CleanOptions(**options), DATABASES)
    return clean(disk, plan, lambda: False)


def there(disk: Folder) -> set[str]:
    return {path.relative_to(disk.root).as_posix() for path in disk.root.rglob("*") if path.is_file()}


def test_temporary_files_go_and_nothing_else(disk: Folder) -> None:
    report = cleaned(disk)
    assert [one.path for one in report.removed] == ["top.tmp", "lora/.0011.tmp"]
    assert report.bytes == 6
    assert there(disk) == set(FILES) - {"lora/.0011.tmp", "top.tmp"}
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("option", "gone"),
    [
        ("torrents", {"lora/a.torrent"}),
        ("magnets", {"lora/a-magnet.txt"}),
        (
            "parts",
            {
                "lora/b.safetensors.part",
                "lora/b.safetensors.part.json",
                "lora/d.mp4.part",
                "orphan.safetensors.part.json",
            },
        ),
        (
            "foreign",
            {"lora/d.mp4.part", "lora/e.safetensors.downloading", "lora/f.safetensors.aria2", "lora/g.incomplete"},
        ),
    ],
)
def test_each_option_takes_its_own_kind_besides(disk: Folder, option: str, gone: set[str]) -> None:
    report = cleaned(disk, **{option: True})
    assert set(FILES) - there(disk) == gone | {"lora/.0011.tmp", "top.tmp"}
    assert {one.path for one in report.removed} == gone | {"lora/.0011.tmp", "top.tmp"}


def test_what_is_known_and_stays_is_told_with_its_kind(disk: Folder) -> None:
    left = {one.path: one.kind for one in cleaned(disk).left}
    assert left["lora/b.safetensors.part"] is LeftoverKind.PART
    assert left["lora/d.mp4.part"] is LeftoverKind.FOREIGN_PART
    assert left["lora/g.incomplete"] is LeftoverKind.FOREIGN
    assert "lora/a.torrent" not in left
    assert "lora/c.part.json" not in left


def test_a_plan_changes_nothing(disk: Folder) -> None:
    plan = plan_clean(disk, CleanOptions(torrents=True, magnets=True, parts=True, foreign=True), DATABASES)
    assert there(disk) == set(FILES)
    assert plan.bytes == sum(one.size for one in plan.to_remove) > 0


def test_links_are_neither_followed_nor_removed(disk: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.tmp").write_bytes(b"not ours")
    (disk.root / "link").symlink_to(outside)
    (disk.root / "file.tmp").symlink_to(outside / "x.tmp")
    cleaned(disk, parts=True, foreign=True)
    assert (outside / "x.tmp").read_bytes() == b"not ours"
    assert (disk.root / "file.tmp").is_symlink()


def test_folders_that_end_like_leftovers_stay(disk: Folder) -> None:
    (disk.root / "folder.tmp").mkdir()
    (disk.root / "folder.tmp" / "model.safetensors").write_bytes(b"model")
    cleaned(disk)
    assert (disk.root / "folder.tmp" / "model.safetensors").exists()


def test_a_save_path_that_is_not_there_has_nothing_to_clean(tmp_path: Path) -> None:
    report = cleaned(Folder(tmp_path / "none"))
    assert (report.removed, report.exit_code) == ((), 0)
    assert not (tmp_path / "none").exists()


def test_a_file_that_cannot_be_removed_is_an_error_and_the_others_go(disk: Folder) -> None:
    class Stubborn(Folder):
        """A disk on which one file is held by another program, as Windows does."""

        def remove(self, path: str) -> bool:
            if path == "top.tmp":
                raise NotWritable("top.tmp is in use")
            return super().remove(path)

    report = cleaned(Stubborn(disk.root))
    assert [(error.code, error.path) for error in report.errors] == [(Code.NOT_WRITABLE, "top.tmp")]
    assert [one.path for one in report.removed] == ["lora/.0011.tmp"]
    assert report.exit_code == 7


def test_a_stop_leaves_the_rest(disk: Folder) -> None:
    plan = plan_clean(disk, CleanOptions(), DATABASES)
    report = clean(disk, plan, lambda: True)
    assert report.exit_code == 130
    assert there(disk) == set(FILES)


def test_what_the_store_records_as_downloaded_is_no_leftover_whatever_its_name(disk: Folder) -> None:
    asked = []

    def recorded() -> list[str]:
        asked.append(True)
        return ["TOP.tmp", "lora/a.torrent", "lora/b.safetensors.part", "lora/a.safetensors"]

    plan = plan_clean(disk, CleanOptions(torrents=True, parts=True), DATABASES, recorded)
    paths = {one.path for one in (*plan.to_remove, *plan.left)}
    assert paths.isdisjoint({"top.tmp", "lora/a.torrent", "lora/b.safetensors.part"})
    assert "lora/.0011.tmp" in paths and asked == [True]


def test_without_a_leftover_the_store_is_not_asked(tmp_path: Path) -> None:
    def recorded() -> list[str]:
        raise AssertionError("it was asked")

    assert plan_clean(Folder(tmp_path), CleanOptions(), DATABASES, recorded).to_remove == ()
