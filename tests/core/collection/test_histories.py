"""Old histories read without trust: each era is told by how it begins, and nothing in them trips the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import ImageKind
from civitai_kit.core.collection.histories import (
    is_database,
    is_json_history,
    is_text_history,
    old_image,
    owner_of,
    read_json_history,
    read_text_history,
    tail_of,
)
from civitai_kit.core.errors import UsageError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.text(max_size=12) | st.sampled_from(
    ["12_SD", "username:ann_12_HD", "tag:a_b_7_SD", "0_SD", "9999999999999_HD"]
)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b'{"12_SD": {"path": "x"', "json"),
        (b'\xef\xbb\xbf{\n    "username:ann_12_HD": {', "json"),
        (b"{}", "json"),
        (b'{"schema": 1}', ""),
        (b'{"format": "civitai-kit", "schema": 1}', ""),
        (b"12\n13\r\n14", "text"),
        (b"12", "text"),
        (b"12\n\n13\n9", "text"),
        (b"12 13\n", ""),
        (b"", ""),
        (b"SQLite format 3\0...", "database"),
    ],
)
def test_a_history_is_told_by_how_it_begins(head: bytes, kind: str) -> None:
    found = {"json": is_json_history(head), "text": is_text_history(head), "database": is_database(head)}
    assert [name for name, yes in found.items() if yes] == ([kind] if kind else [])


@given(st.binary(max_size=200))
def test_no_head_trips_the_telling(head: bytes) -> None:
    assert sum((is_json_history(head), is_text_history(head), is_database(head))) <= 1


@given(st.dictionaries(KEYS, JSON | st.fixed_dictionaries({"path": st.text(), "tags": JSON, "download_date": JSON})))
def test_every_entry_is_an_image_or_makes_no_sense(document: dict[str, Any]) -> None:
    read = list(read_json_history(json.dumps(document).encode(), "h.json"))
    assert len(read) == len(document)
    for old in read:
        assert old is None or (0 < old.image_id < 2**31 and old.kind is not None and old.target)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"[" * 100_000, b'{"12_SD": '])
def test_what_is_no_history_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError):
        list(read_json_history(content, "h.json"))


@given(st.lists(st.text(max_size=15)))
def test_every_line_is_an_id_or_none(lines: list[str]) -> None:
    for number in read_text_history(lines):
        assert number is None or 0 < number < 2**31


@pytest.mark.parametrize(
    ("path", "kind", "target"),
    [
        ("image_downloads/Username_Search/ann/12.jpeg", ImageKind.USERNAME, "ann"),
        ("C:\\x\\image_downloads\\Model_ID_Search\\model_7\\Dream\\12.png", ImageKind.MODEL, "7"),
        ("/x/Model_Version_ID_Search/modelVersion_9/12.png", ImageKind.MODEL_VERSION, "9"),
        ("out/Model_Tag_Search/sci_fi/model_7/12.png", ImageKind.TAG, "sci_fi"),
        ("image_downloads/ann/12.jpeg", ImageKind.USERNAME, "ann"),
        ("image_downloads/345/Dream/12.jpeg", ImageKind.MODEL, "345"),
        ("elsewhere/ann/12.jpeg", ImageKind.USERNAME, "ann"),
        ("12.jpeg", ImageKind.IMAGE, "12"),
    ],
)
def test_what_an_image_was_asked_for_by_is_read_from_its_folders(path: str, kind: ImageKind, target: str) -> None:
    old = old_image("12_SD", {"path": path})
    assert old is not None
    assert (old.kind, old.target) == (kind, target)
    assert owner_of(old.parts, 12) == (kind, target)


def test_a_key_or_a_column_says_it_better_than_the_folders() -> None:
    path = {"path": "image_downloads/Username_Search/bob/12.jpeg"}
    by_key = old_image("username:Ann_x_12_SD", path)
    by_column = old_image("12_SD", {**path, "target_type": "tag", "target_value": "sea"})
    assert by_key is not None and (by_key.kind, by_key.target) == (ImageKind.USERNAME, "Ann_x")
    assert by_column is not None and (by_column.kind, by_column.target) == (ImageKind.TAG, "sea")


def test_the_tail_of_a_path_begins_with_its_search() -> None:
    assert tail_of(("a", "b", "Username_Search", "ann", "1.png")) == ("Username_Search", "ann", "1.png")
    assert tail_of(("a", "1.png")) == ()
