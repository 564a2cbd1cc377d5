"""Leftovers told by their names, journals by their content."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.paths.our_names import LONGEST_JOURNAL, Kind, is_journal, kind_of
from civitai_kit.transfer.journal import Journal, Point


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.tmp", Kind.TEMPORARY),
        (".0123456789abcdef.tmp", Kind.TEMPORARY),
        ("A.TMP", Kind.TEMPORARY),
        ("a.safetensors.part", Kind.PART),
        ("a.safetensors.part.json", Kind.JOURNAL),
        ("a.downloading", Kind.FOREIGN),
        ("a.safetensors.aria2", Kind.FOREIGN),
        ("a.incomplete", Kind.FOREIGN),
        ("a.crdownload", Kind.FOREIGN),
        ("a.torrent", Kind.TORRENT),
        ("a-magnet.txt", Kind.MAGNET),
        ("a.safetensors", None),
        ("a.json", None),
        ("tmp", None),
        ("apart", None),
        ("a.part1", None),
        (".civitai-kit.lock", None),
        ("data.mdb", None),
    ],
)
def test_names_tell_leftovers(name: str, kind: Kind | None) -> None:
    assert kind_of(name) is kind


def test_a_journal_of_the_transfer_room_is_one() -> None:
    journal = Journal(source="/api/download/models/1", promise="sha256:00", total=10)
    assert is_journal(journal.with_point(Point(5, "0" * 64)).dump())


@pytest.mark.parametrize("sidecar", [{"id": 1, "files": []}, {}, [], "schema source points", None])
def test_a_sidecar_is_no_journal(sidecar: object) -> None:
    assert not is_journal(json.dumps(sidecar).encode())


@given(st.binary(max_size=200))
def test_whatever_lies_there_is_judged_without_an_error(content: bytes) -> None:
    assert not is_journal(content)
    assert not is_journal(b"[" * (LONGEST_JOURNAL - 1))
