"""Exports: what is written is read back, and what comes from elsewhere is held against every rule."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord, Status
from civitai_kit.core.collection.exchange import (
    LineRefused,
    Passed,
    better,
    check_header,
    entry_line,
    header_line,
    image_line,
    is_export,
)
from civitai_kit.core.collection.exchange_lines import read_line
from civitai_kit.core.errors import UsageError
from civitai_kit.core.paths.relative_paths import checked_relative

texts = st.text(st.characters(exclude_categories=[]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | texts, lambda inner: st.lists(inner, max_size=3)
)


def record(**fields: Any) -> FileRecord:
    return FileRecord(**{"file_id": 1, "path": "a/b.safetensors", "status": Status.DOWNLOADED, **fields})


answers = st.dictionaries(st.text(max_size=5), values)


@given(st.builds(Entry, version_id=st.integers(1, 2**31 - 1), model_name=texts, version=answers))
def test_every_entry_survives_the_way_out_and_in(entry: Entry) -> None:
    line = entry_line(entry)
    assert line.count(b"\n") == 1
    assert read_line(line) == entry


@pytest.mark.parametrize("answer", [b'{"x":NaN}', b'{"x":1,}', b'{"x":', b'{"x":"\xff"}', b'{"x":1}}', b'{"x":1} {}'])
def test_an_answer_that_is_no_json_is_refused(answer: bytes) -> None:
    line = b'{"entry":{"version_id":7,"files":[],"version":' + answer + b',"model":null,"added_at":null}}'
    with pytest.raises(LineRefused) as caught:
        read_line(line)
    assert caught.value.reason is Passed.BROKEN


def test_every_image_record_survives_too() -> None:
    image = ImageRecord(kind=ImageKind.POST, target="5", image_id=1, tags=("a",), path="images/1.jpeg")
    assert read_line(image_line(image)) == image


def test_a_header_tells_what_follows() -> None:
    header = header_line(made_at="2026-01-01T00:00:00+00:00", entries=2, images=0)
    assert is_export(header)
    check_header(header, "x")
    assert json.loads(header)["entries"] == 2


@pytest.mark.parametrize("head", [b"", b"[]", b"hello", b'{"a": 1}', b'["format":"civitai-kit"]', b"SQLite format 3\0"])
def test_other_files_are_not_taken_for_exports(head: bytes) -> None:
    assert not is_export(head)


@given(st.binary(max_size=60))
def test_any_line_is_taken_or_refused(line: bytes) -> None:
    with suppress(LineRefused):
        assert isinstance(read_line(line), Entry | ImageRecord)


@given(st.text(st.sampled_from("ab.C/\\:-_ ~\0é0"), max_size=12))
@example("con.txt")
@example("a/COM1/b")
@example("nul")
@example("a/lpt9.x")
@example("a.")
@example("a./b")
@example("a//b")
@example("/a")
@example("a/..")
@example("..")
@example(f"{'x' * 256}")
@example(f"a/{'x' * 300}/b")
def test_the_quick_look_at_a_path_lets_pass_nothing_that_the_rules_refuse(path: str) -> None:
    line = entry_line(Entry(version_id=1, files=(record(path=path),)))
    try:
        checked_relative(path)
        safe = not path.casefold().endswith((".part", ".tmp"))
    except UsageError:
        safe = False
    if safe:
        assert isinstance(read_line(line), Entry)
    else:
        with pytest.raises(LineRefused) as caught:
            read_line(line)
        assert caught.value.reason is Passed.UNSAFE_PATH


def test_an_image_that_lies_elsewhere_is_remembered_without_its_place() -> None:
    image = ImageRecord(kind=ImageKind.POST, target="5", image_id=1, path="/home/me/1.jpeg")
    assert read_line(image_line(image)) == image.model_copy(update={"path": None})


def test_a_key_in_an_address_or_a_reason_is_not_remembered() -> None:
    image = ImageRecord(kind=ImageKind.POST, target="5", image_id=1, url="https://x/1.jpeg?sig=s3cret")
    entry = Entry(version_id=1, files=(record(error="network: https://x/?token=s3cret broke"),))
    assert image.url == "https://x/1.jpeg"
    read = read_line(entry_line(entry))
    assert isinstance(read, Entry) and read.files[0].error == "network: https://x/ broke"


def test_nothing_is_gained_from_the_same() -> None:
    entry = Entry(version_id=1, files=(record(),), updated_at="2026-01-01")
    assert better(entry, entry) is None
    assert better(None, entry) is entry


def test_files_of_both_are_remembered() -> None:
    old = Entry(version_id=1, files=(record(file_id=1, path="a"),))
    new = Entry(version_id=1, files=(record(file_id=2, path="b"),))
    merged = better(old, new)
    assert merged is not None
    assert [file.path for file in merged.files] == ["a", "b"]


def test_a_file_that_came_replaces_one_that_did_not() -> None:
    old = Entry(version_id=1, files=(record(status=Status.ERROR, error="network: x"),), updated_at="2026-02-01")
    new = Entry(version_id=1, files=(record(),), updated_at="2026-01-01")
    merged = better(old, new)
    assert merged is not None
    assert (merged.status, merged.updated_at) == (Status.DOWNLOADED, "2026-02-01")


saved = st.none() | st.just({"id": 1})
entries = st.builds(
    Entry,
    version_id=st.just(1),
    model_name=st.sampled_from(["", "a", "b"]),
    version=saved,
    model=saved,
    last_seen=st.sampled_from([None, "2026-01-01", "2026-02-01"]),
    updated_at=st.sampled_from([None, "2026-01-01", "2026-02-01"]),
    files=st.lists(
        st.builds(record, status=st.sampled_from(Status), updated_at=st.sampled_from([None, "2026-01-01"])), max_size=1
    ).map(tuple),
)


@given(entries, entries)
def test_nothing_good_is_ever_exchanged_for_worse(old: Entry, new: Entry) -> None:
    merged = better(old, new) or old
    assert merged.version is not None or (old.version is None and new.version is None)
    assert merged.model is not None or (old.model is None and new.model is None)
    assert bool(merged.model_name) or not (old.model_name or new.model_name)
    for file in old.files:
        if file.status is Status.DOWNLOADED:
            assert file in merged.files
    assert better(merged, new) is None
