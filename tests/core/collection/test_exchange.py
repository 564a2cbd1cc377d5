"""Exports: what is written is read back, and what comes from elsewhere is held against every rule."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from civitai_kit.core.collection.draft import Draft, draft_of
from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord, Status
from civitai_kit.core.collection.exchange import (
    Passed,
    Refused,
    better,
    check_header,
    entry_line,
    header_line,
    image_line,
    is_export,
)
from civitai_kit.core.collection.exchange_lines import read_line, read_lines
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
    draft = read_line(line)
    assert isinstance(draft, Draft)
    assert draft.whole() == entry


@given(
    st.builds(Entry, version_id=st.integers(1, 2**31 - 1), model_name=texts, version=st.none() | answers),
    st.none() | answers,
    st.booleans(),
)
def test_what_a_draft_keeps_is_the_entry_letter_by_letter_or_all_of_it(entry: Entry, model: Any, away: bool) -> None:
    entry = entry.model_copy(update={"model": model})
    draft = read_lines([entry_line(entry)], away=away)[0]
    assert isinstance(draft, Draft)
    assert draft.whole() == entry
    assert draft.text is None or draft.text == entry_line(entry)[len(b'{"entry":') : -2]


@pytest.mark.parametrize(
    "answers",
    [
        rb',"version":{"id":1,"x":"\u00e9","n":1.50},"model":null',
        b',"version":{"model":{"name":"m"},"files":[]},"model":{"id":2}',
        b',"version":{"a":{"b":1},"model":{"c":2}},"model":{"d":{"e":"}"}}',
        rb',"version":{"x":"\"version\":{"},"model":null',
        b',"version":null,"model":{"id":2}',
        b',"version": {"id":1},"model":null',
    ],
)
def test_answers_of_every_layout_are_read_as_they_are(answers: bytes) -> None:
    text = b'{"version_id":7,"model_name":"{","files":[]' + answers + b',"added_at":"x","site_state":null}'
    draft = draft_of(text)
    assert draft.whole() == Entry.model_validate_json(text)
    assert draft.text in (text, None)


@pytest.mark.parametrize(
    "text",
    [
        b'{"version_id":7,"files":[{"path":"a","version":{"x":1},"model":null,"added_at":"x"}]}',
        b'{"version_id":7,"files":[],"version":{"a":1},"model":null,"added_at":null,"version":{"b":2}}',
        b'{"version_id":7,"files":[],"version":{"a":1},"files":[],"b":{"c":2},"model":null,"added_at":null}',
    ],
)
def test_odd_layouts_mean_what_they_mean_to_every_reader(text: bytes) -> None:
    assert draft_of(text).whole() == Entry.model_validate_json(text)


@pytest.mark.parametrize("answer", [b'{"x":NaN}', b'{"x":1,}', b'{"x":', b'{"x":"\xff"}', b'{"x":1}}', b'{"x":1} {}'])
def test_an_answer_that_is_no_json_is_refused_unread(answer: bytes) -> None:
    line = b'{"entry":{"version_id":7,"files":[],"version":' + answer + b',"model":null,"added_at":null}}'
    assert isinstance(read_lines([line])[0], Refused)


def test_read_as_away_downloaded_files_are_pending_and_nothing_else_changes() -> None:
    version = {"files": [{"status": "Downloaded"}], "note": '"status":"Downloaded"'}
    entry = Entry(version_id=7, files=(record(), record(file_id=2, path="b", status=Status.ERROR)), version=version)
    draft = read_lines([entry_line(entry)], away=True)[0]
    assert isinstance(draft, Draft)
    pending = record(status=Status.PENDING)
    expected = entry.model_copy(update={"files": (pending, entry.files[1])})
    assert (draft.whole(), draft.entry) == (expected, expected.model_copy(update={"version": None}))


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
    with suppress(Refused):
        assert isinstance(read_line(line), Draft | ImageRecord)


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
        assert isinstance(read_line(line), Draft)
    else:
        with pytest.raises(Refused) as caught:
            read_line(line)
        assert caught.value.reason is Passed.UNSAFE_PATH


def test_an_image_that_lies_elsewhere_is_remembered_without_its_place() -> None:
    image = ImageRecord(kind=ImageKind.POST, target="5", image_id=1, path="/home/me/1.jpeg")
    assert read_line(image_line(image)) == image.model_copy(update={"path": None})


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
