"""What is remembered, answered in the site's form, is read as what the site says: with what is here alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.core.collection.site_answers import HeldVersion, held_files, model_answer, version_answer
from civitai_kit.core.plans.selection import Choice, Selection, choose
from civitai_kit.core.site.models import Model, ModelVersion
from civitai_kit.core.site.urls import path_and_query

HOST = "http://box:8765"
SHA, OTHER = "ab" * 32, "cd" * 32
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(**fields: Any) -> FileRecord:
    return FileRecord(**{"file_id": 7, "path": "a/b.safetensors", "size": 2048, "status": Status.DOWNLOADED, **fields})


def said(**fields: Any) -> dict[str, Any]:
    """A file as the site listed it."""
    return {"id": 7, "name": "b.safetensors", "type": "Model", "hashes": {"SHA256": SHA.upper()}, **fields}


def entry(*records: FileRecord, files: list[Any] | None = None, **version: Any) -> Entry:
    answer = {"name": "v1", "files": [said()] if files is None else files, **version}
    return Entry(version_id=5, model_id=3, model_name="M", type="LORA", files=records, version=answer)


def shown(one: Entry) -> ModelVersion:
    return ModelVersion.model_validate(version_answer(HeldVersion(one, tuple(held_files(one))), HOST))


def test_a_file_leads_to_us_with_its_id_its_exact_size_and_every_hash() -> None:
    one = entry(record(sha256=SHA, proved={"sha256": SHA, "crc32": "00ff00ff"}), files=[said(sizeKB=1.999)])
    (file,) = shown(one).files
    assert (file.id, file.size, file.hashes.sha256, file.hashes.crc32) == (7, 2048, SHA, "00ff00ff")
    assert path_and_query(file.download_url or "") == "/api/download/models/5?fileId=7"


@pytest.mark.parametrize(
    "gate",
    [
        {"usageControl": "Generation"},
        {"availability": "EarlyAccess"},
        {"earlyAccessDeadline": "2099-01-01T00:00:00Z"},
        {"paidAccess": {"permanent": True}},
        {"earlyAccessTimeFrame": 3000, "publishedAt": "2025-12-01T00:00:00Z"},
    ],
)
def test_what_kept_the_site_from_giving_keeps_us_from_nothing(gate: dict[str, Any]) -> None:
    one = entry(record(sha256=SHA), **gate).model_copy(
        update={"model": {"mode": "Archived", "availability": "Private"}}
    )
    answer = model_answer([HeldVersion(one, tuple(held_files(one)))], HOST)
    (found,) = choose(Model.model_validate(answer), Selection(), NOW)
    assert isinstance(found, Choice) and found.file.id == 7


@pytest.mark.parametrize(
    ("kept", "files"),
    [
        (record(status=Status.PENDING), None),
        (record(status=Status.ERROR), None),
        (record(kept_mismatch=True), None),
        (record(file_id=None, proved={"sha256": OTHER}), None),
        # Found here by less than all of its bytes, which are others than the site's.
        (record(adopted=True, proved={"sha256": OTHER}), None),
        (record(file_id=None), []),
    ],
)
def test_what_is_not_the_sites_whole_file_is_not_held(kept: FileRecord, files: list[Any] | None) -> None:
    assert held_files(entry(kept, files=files)) == []


def test_a_file_without_an_id_is_known_by_its_hash() -> None:
    (held,) = held_files(entry(record(file_id=None, sha256=SHA)))
    assert held.file_id == 7


def test_a_file_that_the_site_has_replaced_since_is_shown_with_the_hash_of_ours() -> None:
    replaced = said(hashes={"SHA256": OTHER, "BLAKE3": OTHER})
    (file,) = shown(entry(record(sha256=SHA), files=[replaced])).files
    assert (file.hashes.sha256, file.hashes.blake3) == (SHA, None)


def test_the_first_file_is_the_primary_one_where_that_is_here_and_else_any() -> None:
    rows = [said(id=6, hashes={}), said(id=7, primary=True)]
    both = entry(record(file_id=6, path="x"), record(sha256=SHA), files=rows)
    assert [(file.id, file.primary) for file in shown(both).files] == [(7, True), (6, False)]
    (alone,) = shown(entry(record(file_id=6, path="x"), files=rows)).files
    assert alone.primary


def test_versions_come_in_the_creators_order_and_else_the_newest_first() -> None:
    def order(**by_id: Any) -> list[int]:
        held = []
        for number, extra in enumerate(by_id.values(), start=1):
            one = entry(record(sha256=SHA), **extra).model_copy(update={"version_id": number})
            held.append(HeldVersion(one, tuple(held_files(one))))
        return [version["id"] for version in model_answer(held, HOST)["modelVersions"]]

    assert order(a={"index": 2}, b={"index": 0}, c={"index": 1}) == [2, 3, 1]
    assert order(a={"publishedAt": "2025"}, b={"publishedAt": "2024", "index": 0}, c={}) == [1, 2, 3]


@given(
    st.dictionaries(
        st.sampled_from(["id", "files", "model", "index", "publishedAt", "availability", "name"]),
        st.recursive(
            st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        ),
    )
)
def test_whatever_was_kept_of_the_site_an_answer_can_be_made_of_it(version: dict[str, Any]) -> None:
    one = Entry(version_id=5, model_id=3, files=(record(sha256=SHA),), version=version, model=version)
    held = HeldVersion(one, tuple(held_files(one)))
    answer = json.loads(json.dumps(model_answer([held], HOST)))
    assert [file["id"] for file in answer["modelVersions"][0]["files"]] == [7]
