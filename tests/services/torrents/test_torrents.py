"""Torrents of what store and disk agree on: which, of what, where, and what is said when they disagree."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import torf

from civitai_kit.core.collection.entry import Status
from civitai_kit.core.errors import Code, NotWritable
from civitai_kit.core.events import FileDone, FileKept, Warned
from civitai_kit.core.torrents.metainfo import checked_terms
from civitai_kit.core.torrents.report import TorrentStatus
from tests.services.torrent_shelf import TRACKER, Shelf

BODY = bytes(range(256)) * 300


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    root = tmp_path / "save"
    root.mkdir()
    return Shelf(root)


def warnings(shelf: Shelf) -> list[str]:
    return [event.message for event in shelf.events if isinstance(event, Warned)]


def test_a_downloaded_version_gets_a_torrent_beside_its_file_that_its_file_satisfies(shelf: Shelf) -> None:
    shelf.add(11, {"lora/a/11_a.safetensors": BODY})
    report = shelf.make()
    (row,) = report.rows
    assert (row.path, row.status, row.version_ids) == ("lora/a/11_a.torrent", TorrentStatus.CREATED, (11,))
    torrent = torf.Torrent.read(shelf.root / row.path)
    assert torrent.verify(shelf.root / "lora/a/11_a.safetensors")
    assert (torrent.infohash, torrent.size, torrent.piece_size) == (row.info_hash, row.size, row.piece_size)
    assert report.exit_code == 0
    assert [event.key for event in shelf.events if isinstance(event, FileDone)] == [row.path]


def test_what_is_not_downloaded_gets_none(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY}, status=Status.PENDING)
    shelf.add(12, {"b.safetensors": BODY}, status=Status.ERROR)
    report = shelf.make()
    assert (report.rows, report.wanted, report.exit_code) == ((), 0, 0)
    assert shelf.files() == ["a.safetensors", "b.safetensors"]


def test_files_of_one_version_are_one_torrent_named_after_the_primary_that_can_be_seeded_in_place(
    shelf: Shelf,
) -> None:
    primary = "checkpoint/sd/9-b/v1/11_b.safetensors"
    shelf.add(11, {"checkpoint/sd/9-a/v1/11_a.vae.pt": BODY, primary: BODY * 2}, primary=primary)
    (row,) = shelf.make().rows
    assert row.path == "checkpoint/sd/9-b/v1/11_b.torrent"
    torrent = torf.Torrent.read(shelf.root / row.path)
    name = "Model 1 - v11 (11)"
    assert (torrent.name, row.name) == (name, name)
    assert [str(file) for file in torrent.files] == [f"{name}/9-a/v1/11_a.vae.pt", f"{name}/9-b/v1/11_b.safetensors"]
    assert torrent.verify(shelf.root / "checkpoint/sd")
    assert torrent.verify(shelf.root / "torrents" / name)


def test_the_folder_of_a_torrent_is_made_once_and_what_lies_in_its_place_is_kept(shelf: Shelf) -> None:
    shelf.add(11, {"sd/a/11_a.safetensors": BODY, "sd/b/11_b.safetensors": BODY})
    shelf.make()
    shelf.make(overwrite=True)
    place = shelf.root / "torrents/Model 1 - v11 (11)"
    assert place.is_symlink() and place.samefile(shelf.root / "sd") and warnings(shelf) == []
    place.unlink()
    place.symlink_to("../gone")
    shelf.make(overwrite=True)
    assert place.samefile(shelf.root / "sd")
    place.unlink()
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    (row,) = shelf.make(overwrite=True, terms=checked_terms([TRACKER], ["https://web.example/"])).rows
    assert (place / "mine.txt").read_text() == "mine"
    assert list(torf.Torrent.read(shelf.root / row.path).webseeds) == []
    assert any("torrents/Model 1 - v11 (11)" in message for message in warnings(shelf))


def test_files_that_share_only_the_save_path_make_a_torrent_that_no_web_seed_serves(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY, "b/c.safetensors": BODY})
    (row,) = shelf.make(terms=checked_terms([TRACKER], ["https://web.example/"])).rows
    assert row.name == "Model 1 - v11 (11)"
    assert list(torf.Torrent.read(shelf.root / row.path).webseeds) == []
    assert not (shelf.root / "torrents").exists() and warnings(shelf)


def test_equal_files_have_one_info_hash_whatever_the_save_path_the_trackers_and_the_hour(tmp_path: Path) -> None:
    hashes = set()
    for number, tracker in enumerate(("udp://one.example:1/announce", "https://two.example/announce")):
        shelf = Shelf(tmp_path / str(number))
        shelf.add(11, {"lora/x/b.safetensors": BODY, "lora/x/a.safetensors": BODY[::-1]})
        (row,) = shelf.make(terms=checked_terms([tracker])).rows
        hashes.add(row.info_hash)
        assert torf.Torrent.read(shelf.root / row.path).creation_date is None
    assert len(hashes) == 1


def test_private_and_piece_size_go_into_the_info_and_trackers_into_tiers_of_their_own(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    announce = ["udp://one.example:1/announce", "https://two.example/announce", "wss://three.example"]
    terms = checked_terms(announce, ["https://web.example/files/"], private=True, piece_size=32768)
    (row,) = shelf.make(terms=terms).rows
    torrent = torf.Torrent.read(shelf.root / row.path)
    assert [list(tier) for tier in torrent.trackers] == [[url] for url in announce]
    assert list(torrent.webseeds) == ["https://web.example/files/"]
    assert (torrent.private, torrent.piece_size, torrent.source) == (True, 32768, None)
    assert torrent.created_by == "civitai-kit test"
    assert "private" not in _plain_info(shelf)


def test_a_source_stands_in_the_info_only_when_it_is_asked_for(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    (row,) = shelf.make().rows
    plain = torf.Torrent(shelf.root / "a.safetensors", piece_size=row.piece_size)
    plain.generate()
    assert row.info_hash == plain.infohash
    (named,) = shelf.make(terms=checked_terms([TRACKER], source="my tracker"), overwrite=True).rows
    assert torf.Torrent.read(shelf.root / named.path).source == "my tracker"
    assert named.info_hash != row.info_hash


@pytest.mark.parametrize("root", ["https://web.example/m%20x", "https://web.example/m%20x/"])
def test_each_torrent_names_the_folder_of_its_own_files_under_the_web_seeds_root(shelf: Shelf, root: str) -> None:
    shelf.add(11, {"lora/ä 模型 #1/11_a.safetensors": BODY})
    shelf.add(12, {"12_b.safetensors": BODY})
    shelf.add(13, {"sd/m/13_a.safetensors": BODY, "sd/m/13_b.safetensors": BODY})
    rows = shelf.make(terms=checked_terms([TRACKER], [root])).rows
    seeds = [str(*torf.Torrent.read(shelf.root / row.path).webseeds) for row in rows]
    base = "https://web.example/m%20x"
    assert seeds == [f"{base}/lora/%C3%A4%20%E6%A8%A1%E5%9E%8B%20%231/", f"{base}/", f"{base}/torrents/"]


def _plain_info(shelf: Shelf) -> dict[str, object]:
    (row,) = shelf.make(overwrite=True).rows
    return dict(torf.Torrent.read(shelf.root / row.path).metainfo["info"])


def test_a_magnet_link_names_hash_name_length_trackers_and_web_seeds(shelf: Shelf) -> None:
    shelf.add(11, {"ä 模型.safetensors": BODY})
    terms = checked_terms([TRACKER, "http://b.example/a?x=1&y=2"], ["https://web.example/"])
    (row,) = shelf.make(terms=terms, magnet_links=True).rows
    assert row.magnet_path == "ä 模型-magnet.txt"
    text = (shelf.root / row.magnet_path).read_text(encoding="utf-8")
    assert text == f"{row.magnet}\n"
    said = parse_qs(row.magnet.removeprefix("magnet:?"))
    assert said["xt"] == [f"urn:btih:{row.info_hash}"]
    assert (said["dn"], said["xl"]) == (["ä 模型.safetensors"], [str(len(BODY))])
    assert said["tr"] == [TRACKER, "http://b.example/a?x=1&y=2"]
    assert said["ws"] == ["https://web.example/"]


def test_a_torrent_that_is_there_is_kept_and_its_magnet_is_still_written(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    shelf.make()
    before = (shelf.root / "a.torrent").stat().st_mtime_ns, (shelf.root / "a.torrent").read_bytes()
    (row,) = shelf.make(terms=checked_terms(["udp://other.example:1"]), magnet_links=True).rows
    assert row.status is TorrentStatus.KEPT
    assert ((shelf.root / "a.torrent").stat().st_mtime_ns, (shelf.root / "a.torrent").read_bytes()) == before
    assert (shelf.root / "a-magnet.txt").read_text(encoding="utf-8").strip() == row.magnet
    assert [event.key for event in shelf.events if isinstance(event, FileKept)] == ["a.torrent"]
    (row,) = shelf.make(terms=checked_terms(["udp://other.example:1"]), overwrite=True).rows
    assert row.status is TorrentStatus.CREATED
    assert "other.example" in row.magnet


def test_a_kept_torrent_of_other_files_is_named(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    shelf.make()
    shelf.add(11, {"a.safetensors": BODY + b"more"})
    (row,) = shelf.make().rows
    assert row.status is TorrentStatus.KEPT
    assert any("lists other files" in message for message in warnings(shelf))


def test_what_is_no_torrent_under_a_torrents_name_is_made_anew(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    shelf.write("a.torrent", b"d4:infoi1ee")
    (row,) = shelf.make().rows
    assert row.status is TorrentStatus.CREATED
    assert torf.Torrent.read(shelf.root / "a.torrent").infohash == row.info_hash


@pytest.mark.parametrize("content", [None, b"short", b""])
def test_a_file_that_the_disk_does_not_confirm_is_an_error_with_its_ids(shelf: Shelf, content: bytes | None) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    shelf.add(12, {"b.safetensors": BODY})
    if content is None:
        (shelf.root / "a.safetensors").unlink()
    else:
        shelf.write("a.safetensors", content)
    report = shelf.make()
    (error,) = report.errors
    assert (error.code, error.version_id, error.file_id, error.path) == (Code.SIZE_MISMATCH, 11, 110, "a.safetensors")
    assert [row.version_ids for row in report.rows] == [(12,)]
    assert report.exit_code == 7
    assert shelf.make(model_ids=(1,), overwrite=True).exit_code == 7


def test_a_single_file_that_is_missing_ends_with_the_number_of_verification(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    (shelf.root / "a.safetensors").unlink()
    assert shelf.make().exit_code == 8


def test_a_changed_file_of_equal_length_is_found_out_with_check_hash_alone(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    shelf.write("a.safetensors", BODY[::-1])
    report = shelf.make(check_hash=True)
    assert [error.code for error in report.errors] == [Code.HASH_MISMATCH]
    assert report.exit_code == 8
    assert shelf.files() == ["a.safetensors"]
    assert shelf.make().exit_code == 0


def test_a_hash_that_nobody_promised_is_held_against_the_one_that_was_proved(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    entry = shelf.store.get(11)
    assert entry is not None
    proved = {"sha256": hashlib.sha256(BODY).hexdigest()}
    record = entry.files[0].model_copy(update={"sha256": None, "proved": proved})
    shelf.store.put(entry.model_copy(update={"files": (record,)}))
    assert shelf.make(check_hash=True).exit_code == 0
    shelf.write("a.safetensors", BODY[::-1])
    assert shelf.make(check_hash=True, overwrite=True).exit_code == 8


def test_sidecars_and_images_come_along_only_when_asked_for(shelf: Shelf) -> None:
    shelf.add(11, {"lora/a/11_a.safetensors": BODY}, images=[5, 6])
    shelf.write("lora/a/11_a.json", b"{}")
    shelf.write("lora/a/images/5.jpeg", b"jpeg")
    shelf.write("lora/a/images/99.jpeg", b"of another version")
    shelf.write("lora/a/left.tmp", b"rest")
    (row,) = shelf.make().rows
    assert row.files == 1
    (row,) = shelf.make(include_metadata=True, overwrite=True).rows
    torrent = torf.Torrent.read(shelf.root / row.path)
    listed = ["11_a.json", "11_a.safetensors", "images/5.jpeg"]
    assert sorted(str(file) for file in torrent.files) == [f"Model 1 - v11 (11)/{path}" for path in listed]


def test_equal_stems_never_meet_in_one_folder(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(11, {"a/Name.safetensors": BODY}, model_id=1)
    shelf.add(12, {"b/name.ckpt": BODY[::-1]}, model_id=2)
    shelf.add(13, {"b/模型.ckpt": BODY[1:]}, model_id=3)
    shelf.add(14, {"c/模型.ckpt": BODY[2:]}, model_id=4)
    shelf.add(15, {"d/other.ckpt": BODY[3:]}, model_id=5)
    out = tmp_path / "out"
    report = shelf.make(out=out, magnet_links=True)
    names = sorted(path.name for path in out.iterdir() if path.suffix == ".torrent")
    assert names == ["Name_11.torrent", "name_12.torrent", "other.torrent", "模型_13.torrent", "模型_14.torrent"]
    assert len(list(out.iterdir())) == 10
    assert {row.path for row in report.rows} == {str(out / name) for name in names}
    one = shelf.make(out=out, model_ids=(2,))
    assert [(row.path, row.status) for row in one.rows] == [(str(out / "name_12.torrent"), TorrentStatus.KEPT)]


def test_an_output_folder_under_the_save_path_is_shown_relative_to_it(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    (row,) = shelf.make(out=shelf.root / "torrents").rows
    assert row.path == "torrents/a.torrent"


def test_versions_whose_torrents_would_meet_beside_their_files_are_told_apart(shelf: Shelf) -> None:
    shelf.add(11, {"x/a.safetensors": BODY})
    shelf.add(12, {"x/a.ckpt": BODY[::-1]})
    assert [row.path for row in shelf.make().rows] == ["x/a_11.torrent", "x/a_12.torrent"]


def test_a_model_file_that_is_named_like_a_torrent_is_not_overwritten(shelf: Shelf) -> None:
    shelf.add(11, {"x/a.safetensors": BODY})
    shelf.add(12, {"x/a.torrent": BODY[::-1]})
    shelf.make(overwrite=True)
    assert (shelf.root / "x/a.torrent").read_bytes() == BODY[::-1]
    assert torf.Torrent.read(shelf.root / "x/a_11.torrent").verify(shelf.root / "x/a.safetensors")


def test_one_torrent_a_model_holds_all_its_versions(shelf: Shelf) -> None:
    shelf.add(11, {"lora/m/a/11_a.safetensors": BODY}, model_id=7)
    shelf.add(12, {"lora/m/b/12_a.safetensors": BODY * 2}, model_id=7)
    shelf.add(13, {"lora/n/13_a.safetensors": BODY}, model_id=8)
    first, second = shelf.make(per_model=True).rows
    assert (first.version_ids, first.path) == ((11, 12), "lora/m/7-model_7.torrent")
    assert (second.version_ids, second.path) == ((13,), "lora/n/8-model_8.torrent")
    assert torf.Torrent.read(shelf.root / first.path).verify(shelf.root / "lora/m")


def test_only_the_models_asked_for(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY}, model_id=7)
    shelf.add(12, {"b.safetensors": BODY}, model_id=8)
    assert [row.model_id for row in shelf.make(model_ids=(8,)).rows] == [8]
    assert shelf.make(model_ids=(999,)).wanted == 0


def test_a_licence_that_limits_passing_on_is_a_warning_once_a_model(shelf: Shelf) -> None:
    model = {"id": 1, "allowNoCredit": False, "allowCommercialUse": "{None}", "allowDerivatives": True}
    shelf.add(11, {"a.safetensors": BODY}, model=model)
    shelf.add(12, {"b.safetensors": BODY}, model=model)
    report = shelf.make()
    said = [message for message in warnings(shelf) if message.startswith("Licence")]
    assert said == ["Licence of Model 1 (model 1): no commercial use; the creator must be credited."]
    assert report.rows[0].restrictions == ("no commercial use", "the creator must be credited")


def test_a_stop_leaves_whole_torrents_and_nothing_else(shelf: Shelf) -> None:
    for number in range(11, 15):
        shelf.add(number, {f"{number}.safetensors": BODY})
    shelf.stop.set()
    report = shelf.make()
    assert [error.code for error in report.errors] == [Code.INTERRUPTED]
    assert report.exit_code == 130
    assert not [name for name in shelf.files() if not name.endswith(".safetensors")]


def test_a_stop_while_a_file_is_hashed_comes_at_once(shelf: Shelf) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    size = 6 * 1024**3
    os.truncate(shelf.root / "a.safetensors", size)
    entry = shelf.store.get(11)
    assert entry is not None
    record = entry.files[0].model_copy(update={"size": size})
    shelf.store.put(entry.model_copy(update={"files": (record,)}))

    class StopsWhenMoved(list[object]):
        def append(self, event: object) -> None:
            if type(event).__name__ == "FileMoved":
                shelf.stop.set()

    shelf.events = StopsWhenMoved()
    report = shelf.make()
    assert report.exit_code == 130
    assert shelf.files() == ["a.safetensors"]


def test_a_file_that_was_moved_and_linked_back_is_shared_as_it_is(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    before = shelf.make().rows[0].info_hash
    (shelf.root / "a.torrent").unlink()
    (shelf.root / "a.safetensors").rename(tmp_path / "on another disk")
    (shelf.root / "a.safetensors").symlink_to(tmp_path / "on another disk")
    report = shelf.make()
    assert [row.info_hash for row in report.rows] == [before]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs permissions that bind us")
def test_a_folder_that_cannot_be_written_is_said_before_anything_is_hashed(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    with pytest.raises(NotWritable):
        shelf.make(out=out)


def test_an_output_folder_that_is_a_file_is_not_writable(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add(11, {"a.safetensors": BODY})
    out = tmp_path / "out"
    out.write_bytes(b"")
    with pytest.raises(NotWritable):
        shelf.make(out=out)
