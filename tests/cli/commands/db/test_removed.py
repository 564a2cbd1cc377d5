"""`db removed`: what the site no longer has, told apart, remembered, and its answers kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Entry
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.testing import Known, Sandbox
from tests.cli.conftest import Run

DATABASE = Path("downloads") / "civitai_download_db"
MODELS = (Known.PLAIN_LORA, Known.FLUX, Known.LOCON, Known.DORA)


@pytest.fixture
def filled(at_sandbox: Run) -> Run:
    """Four models, the first with three versions."""
    for model in MODELS:
        assert at_sandbox("download", str(int(model)), "--all-versions", "-y", "--json").code == 0
    return at_sandbox


def entries() -> dict[int, Entry]:
    with LmdbStore.open(DATABASE, read_only=True) as store:
        return {entry.version_id: entry for entry in store.entries()}


def states(data: dict[str, Any]) -> dict[int, str]:
    return {row["version_id"]: row["state"] for row in data["removed"]}


def age_all(last_seen: str) -> None:
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put_many([entry.model_copy(update={"last_seen": last_seen}) for entry in list(store.entries())])


def test_while_all_is_there_nothing_is_removed_and_one_question_is_enough(
    filled: Run, civitai_sandbox: Sandbox
) -> None:
    age_all("2020-01-01T00:00:00+00:00")
    civitai_sandbox.clear_requests()
    ran = filled("db", "removed", "--json")
    assert (ran.code, ran.data) == (0, {"checked": 6, "removed": []})
    assert len(civitai_sandbox.requests) == 1
    assert all((entry.last_seen or "") > "2025" for entry in entries().values())


def test_gone_archived_and_taken_down_are_told_apart(filled: Run, civitai_sandbox: Sandbox) -> None:
    age_all("2026-01-01T00:00:00+00:00")
    before = entries()
    world = civitai_sandbox.world
    world.remove_model(int(Known.FLUX))
    world.models[Known.LOCON].mode = "Archived"
    world.models[Known.DORA].mode = "TakenDown"
    ran = filled("db", "removed", "--json")
    assert ran.code == 0
    assert states(ran.data) == {103901: "gone", 103701: "archived", 104001: "taken_down"}
    row = next(row for row in ran.data["removed"] if row["version_id"] == 103901)
    assert (row["key"], row["model_id"], row["last_seen"]) == ("v_103901", 1039, "2026-01-01T00:00:00+00:00")
    after = entries()
    for version_id in states(ran.data):
        assert after[version_id].version == before[version_id].version
        assert after[version_id].files == before[version_id].files
        assert after[version_id].last_seen == before[version_id].last_seen
    assert (after[103901].site_state, after[100101].site_state) == ("gone", None)


def test_one_version_of_a_model_can_be_gone(filled: Run, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world.version(100102).status = "Unpublished"  # type: ignore[union-attr]
    assert states(filled("db", "removed", "--json").data) == {100102: "gone"}


def test_what_the_listing_hides_is_not_gone(at_sandbox: Run) -> None:
    for model in (Known.HIDDEN_VERSIONS, Known.MATURE, Known.NO_CREATOR):
        assert at_sandbox("download", str(int(model)), "-y", "--json").code == 0
    ran = at_sandbox("db", "removed", "--json")
    assert (ran.data["checked"], ran.data["removed"]) == (3, [])


def test_what_comes_back_is_alive_again(filled: Run, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world.models[Known.LOCON].mode = "Archived"
    assert states(filled("db", "removed", "--json").data) == {103701: "archived"}
    civitai_sandbox.world.models[Known.LOCON].mode = None
    assert filled("db", "removed", "--json").data["removed"] == []
    assert entries()[103701].site_state is None


def test_an_entry_whose_model_nobody_knows_is_asked_for_by_itself(filled: Run) -> None:
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put(Entry(version_id=999_999))
        store.put(Entry(version_id=100_101))
        store.put(Entry(version_id=103_902, model_id=2**40))
    ran = filled("db", "removed", "--json")
    assert (ran.data["checked"], states(ran.data)) == (8, {103_902: "gone", 999_999: "gone"})


def test_a_site_out_of_reach_is_no_proof_of_anything(filled: Run, civitai_sandbox: Sandbox) -> None:
    before = entries()
    civitai_sandbox.faults.add("server_error", None)
    ran = filled("db", "removed", "--json")
    assert (ran.code, ran.document["errors"][0]["code"]) == (5, "unavailable")
    assert entries() == before


def test_without_entries_nothing_is_asked_and_nothing_is_made(
    at_sandbox: Run, empty_home: Path, civitai_sandbox: Sandbox
) -> None:
    assert at_sandbox("db", "removed", "--json").data == {"checked": 0, "removed": []}
    assert len(civitai_sandbox.requests) == 0
    assert list(empty_home.iterdir()) == []


def test_hundreds_of_models_are_asked_for_a_hundred_at_a_time(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    world = civitai_sandbox.world
    models = [world.add_simple(f"Crowd {number}", id=5000 + number) for number in range(250)]
    at_sandbox("download", str(int(Known.FLUX)), "-y", "--json")
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put_many([Entry(version_id=model.versions[0].id, model_id=model.id) for model in models])
    civitai_sandbox.clear_requests()
    ran = at_sandbox("db", "removed", "--json")
    assert (ran.data["checked"], ran.data["removed"]) == (251, [])
    assert len(civitai_sandbox.requests) <= 6


def test_a_site_that_has_no_such_address_says_of_nothing_that_it_is_gone(filled: Run, civitai_sandbox: Sandbox) -> None:
    with LmdbStore.open(DATABASE, read_only=False) as store:
        store.put_many([entry.model_copy(update={"model_id": None}) for entry in list(store.entries())])
    civitai_sandbox.faults.add("no_endpoint", times=None)
    ran = filled("db", "removed", "--json")
    assert (ran.code, ran.document["errors"][0]["code"]) == (4, "not_found")
    assert {entry.site_state for entry in entries().values()} == {None}
