"""Leftovers told by their names, journals by their content."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.paths.our_names import LONGEST_JOURNAL, LeftoverKind, given_away, is_journal, is_ours, kind_of
from civitai_kit.transfer.part.journal import Journal, Point, boot_line, mark_line


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.tmp", LeftoverKind.TEMPORARY),
        (".0123456789abcdef.tmp", LeftoverKind.TEMPORARY),
        ("A.TMP", LeftoverKind.TEMPORARY),
        ("a.safetensors.part", LeftoverKind.PART),
        ("a.safetensors.part.json", LeftoverKind.JOURNAL),
        ("a.downloading", LeftoverKind.FOREIGN),
        ("a.safetensors.aria2", LeftoverKind.FOREIGN),
        ("a.incomplete", LeftoverKind.FOREIGN),
        ("a.crdownload", LeftoverKind.FOREIGN),
        ("a.torrent", LeftoverKind.TORRENT),
        ("a-magnet.txt", LeftoverKind.MAGNET),
        ("a.safetensors", None),
        ("a.json", None),
        ("tmp", None),
        ("apart", None),
        ("a.part1", None),
        (".civitai-kit.lock", None),
        ("data.mdb", None),
    ],
)
def test_names_tell_leftovers(name: str, kind: LeftoverKind | None) -> None:
    assert kind_of(name) is kind


def test_a_journal_of_the_transfer_room_is_one() -> None:
    journal = Journal(source="/api/download/models/1", promise="sha256:00", total=10)
    assert is_journal(journal.with_point(Point(5, "0" * 64)).dump())
    assert is_journal(journal.dump() + b"\n" + boot_line("b") + mark_line(5, 9))


@pytest.mark.parametrize("sidecar", [{"id": 1, "files": []}, {}, [], "schema source points", None])
def test_a_sidecar_is_no_journal(sidecar: object) -> None:
    assert not is_journal(json.dumps(sidecar).encode())


@given(st.binary(max_size=200))
def test_whatever_lies_there_is_judged_without_an_error(content: bytes) -> None:
    assert not is_journal(content)
    assert not is_journal(b"[" * (LONGEST_JOURNAL - 1))


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("lora/a.safetensors", "lora/a.safetensors"),
        ("lora/a.tmp", "lora/a.tmp_"),
        ("lora/A.Part.JSON", "lora/A.Part.JSON_"),
        ("a.torrent", "a.torrent_"),
        ("a-magnet.txt", "a-magnet.txt_"),
        ("api.log", "api.log_"),
        ("lora/API.log", "lora/API.log_"),
        ("lora/api.log/x", "lora/api.log_/x"),
        ("lora/my_api.log", "lora/my_api.log"),
        (".civitai-kit.lock", "_.civitai-kit.lock"),
        ("lora/.Civitai-Kit.lock", "lora/_.Civitai-Kit.lock"),
        ("lora/x.civitai-kit.lock", "lora/x.civitai-kit.lock"),
        ("Civitai_Download_db/data.mdb", "Civitai_Download_db_/data.mdb"),
        ("mine/DB/x.part", "mine/DB_/x.part_"),
        ("mine/dbs/x", "mine/dbs/x"),
        ("mine/dB", "mine/dB_"),
    ],
)
def test_a_name_of_ours_is_given_to_no_download(path: str, given: str) -> None:
    places = ("civitai_download_db", "api.log", "mine/db")
    assert given_away(path, places) == given
    assert is_ours(path, places) == (path != given)


_PART = st.sampled_from(
    ["a", "x.part", "x.tmp", ".civitai-kit", "api.log", "db", "DB", "Ⓓb", "civitai_kit_db", "-magnet.txt"]
)


@given(st.lists(_PART, min_size=1, max_size=4))
def test_what_is_given_instead_is_never_ours(parts: list[str]) -> None:
    places = ("db", "a/db", "civitai_kit_db", "api.log")
    assert not is_ours(given_away("/".join(parts), places), places)
