"""The same bytes under several models or versions: fetched once, placed everywhere, each with an entry of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Status
from civitai_kit.core.plans.plan import Item
from civitai_kit.core.plans.report import Report
from civitai_kit.disk.folder import Folder
from civitai_kit.services.download.download import DownloadOptions
from civitai_kit.testing import Known
from tests.services.collection import Collection

# Two versions of one model with the same file; a VAE, and a checkpoint that lists it too.
SHARED = str(int(Known.SHARED_HASH))
OWNER, BORROWER = str(int(Known.VAE_OWNER)), str(int(Known.LINKED_VAE))


def fetched(collection: Collection) -> int:
    """How many files the storage was asked for."""
    return sum(record.host == "storage" for record in collection.sandbox.requests)


def places(collection: Collection, report: Report) -> list[Path]:
    return [collection.root / item.path for item in report.downloaded]


def linked_rows(report: Report) -> list[str]:
    return [row["path"] for row in report.as_json()["downloaded"] if row.get("linked")]


@pytest.mark.parametrize("slots", [1, 4])
def test_one_file_of_two_versions_is_fetched_once_and_linked(collection: Collection, slots: int) -> None:
    report = collection.download(SHARED, all_versions=True, options={"concurrency": slots})
    first, second = places(collection, report)
    assert (report.exit_code, fetched(collection), report.bytes) == (0, 1, first.stat().st_size)
    assert first.samefile(second)
    assert linked_rows(report) == [report.downloaded[1].path]
    for item in report.downloaded:
        entry = collection.entry(item.version_id)
        assert entry is not None
        assert (entry.status, entry.files[0].path, entry.files[0].proved["sha256"]) == (
            Status.DOWNLOADED,
            item.path,
            item.sha256,
        )


def test_a_vae_that_two_models_list_is_fetched_once(collection: Collection) -> None:
    report = collection.download(OWNER, BORROWER, options={"concurrency": 4})
    assert (report.exit_code, len(report.downloaded), fetched(collection)) == (0, 3, 2)
    assert len(linked_rows(report)) == 1


def test_a_file_of_an_earlier_run_is_linked(collection: Collection) -> None:
    collection.download(OWNER)
    collection.sandbox.clear_requests()
    report = collection.download(BORROWER)
    assert (report.exit_code, len(report.downloaded), fetched(collection)) == (0, 2, 1)
    assert len(linked_rows(report)) == 1


def test_a_file_that_was_adopted_in_this_run_is_linked(collection: Collection) -> None:
    first, second = collection.scan(SHARED, all_versions=True).items
    collection.execute(collection.scan(SHARED))
    (collection.root / "civitai_download_db").rename(collection.root.parent / "gone")
    collection.sandbox.clear_requests()
    # One after the other: whose thread of two begins sooner is chance.
    report = collection.execute(collection.scan(SHARED, all_versions=True), concurrency=1)
    assert ([skip.item for skip in report.skipped], report.downloaded, fetched(collection)) == ([first], (second,), 0)


@pytest.mark.parametrize(("how", "requests", "inodes"), [("link", 1, 1), ("copy", 1, 2), ("fetch", 2, 2)])
def test_duplicates_are_linked_copied_or_fetched_as_is_asked(
    collection: Collection, how: str, requests: int, inodes: int
) -> None:
    report = collection.download(SHARED, all_versions=True, options={"duplicates": how})
    assert (report.exit_code, fetched(collection)) == (0, requests)
    assert len({place.stat().st_ino for place in places(collection, report)}) == inodes
    assert len({place.read_bytes() for place in places(collection, report)}) == 1
    assert len(linked_rows(report)) == 2 - requests


def test_where_links_fail_it_is_a_copy(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    report = collection.download(SHARED, all_versions=True)
    first, second = places(collection, report)
    assert (fetched(collection), first.samefile(second), first.read_bytes() == second.read_bytes()) == (1, False, True)
    assert len(linked_rows(report)) == 1


def spoil(place: Path) -> None:
    """Other bytes of the same length."""
    place.write_bytes(b"\0" * place.stat().st_size)


@pytest.mark.parametrize("harm", [spoil, Path.unlink])
def test_a_file_that_is_no_longer_right_is_not_linked(collection: Collection, harm: Callable[[Path], None]) -> None:
    harm(places(collection, collection.download(OWNER))[0])
    collection.sandbox.clear_requests()
    report = collection.download(BORROWER)
    assert (report.exit_code, fetched(collection), linked_rows(report)) == (0, 2, [])


def test_one_file_id_without_a_hash_is_one_file(collection: Collection) -> None:
    plan = collection.scan(str(int(Known.NO_HASHES)))
    (item,) = plan.items
    twin = replace(item, path="other/place.safetensors")
    report = collection.execute(replace(plan, items=(item, twin)))
    assert (report.exit_code, len(report.downloaded), fetched(collection)) == (0, 2, 1)


def test_when_the_first_fails_the_second_is_fetched(collection: Collection) -> None:
    first, second = collection.scan(SHARED, all_versions=True).items
    collection.sandbox.faults.add("download_500", times=None, match=f"models/{first.version_id}")
    report = collection.download(SHARED, all_versions=True, options={"concurrency": 1})
    assert ([failure.item for failure in report.failed], report.downloaded) == ([first], (second,))
    assert (report.exit_code, linked_rows(report)) == (7, [])


def test_a_wrong_file_that_was_kept_is_given_to_nobody(collection: Collection) -> None:
    collection.sandbox.faults.add("wrong_bytes", times=None)
    options = {"allow_hash_mismatch": True, "concurrency": 1}
    report = collection.download(SHARED, all_versions=True, options=options)
    assert (report.exit_code, len(report.downloaded), linked_rows(report)) == (0, 2, [])


def test_a_redownload_fetches(collection: Collection) -> None:
    plan = collection.scan(SHARED, all_versions=True)
    collection.execute(plan)
    collection.sandbox.clear_requests()
    assert collection.execute(plan, fresh=True).exit_code == 0
    assert fetched(collection) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_kill_between_file_and_entry_leaves_a_right_file_that_is_adopted(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = collection.scan(SHARED, all_versions=True).items[1]
    link = Folder.link

    def killed(folder: Folder, source: Path, path: str) -> None:
        link(folder, source, path)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "link", killed)
        _downloaded_until_killed(collection, item)
    entry = collection.entry(item.version_id)
    assert entry is not None
    assert entry.status is Status.PENDING
    collection.sandbox.clear_requests()
    report = collection.download(SHARED, all_versions=True)
    assert (report.exit_code, report.adopted, fetched(collection)) == (0, 1, 0)


def _downloaded_until_killed(collection: Collection, item: Item) -> None:
    """Carry out a plan whose second item is linked, and be gone right after that."""
    collection.download(SHARED)
    plan = collection.scan(SHARED, all_versions=True)
    assert plan.items == (item,)
    report = collection.execute(plan)
    assert report.downloaded == ()


def test_the_options_name_a_way_that_there_is() -> None:
    assert DownloadOptions().duplicates == "link"
