"""Verify as a service: what it does where it cannot write, is stopped, or meets a place that is none."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event

import lmdb
import pytest

from civitai_kit.core.collection.audit import Audit
from civitai_kit.core.collection.entry import Entry, FileRecord, Finding, Status
from civitai_kit.core.errors import Interrupted, StoreUnreadable
from civitai_kit.core.events import FileFailed, FileKept, FileMoved, RunStarted
from civitai_kit.kit.parts import Kit
from civitai_kit.services.download.download import DownloadOptions
from civitai_kit.services.upkeep.verify import VerifyOptions, VerifyParts, repair, verify
from civitai_kit.testing import Known
from tests.services.collection import Collection

PLAIN = str(int(Known.PLAIN_LORA))
MIB = 2**20


def parts_of(kit: Kit, stop: Event | None = None) -> VerifyParts:
    return replace(kit.verify_parts, stop=stop or Event())


def audit(collection: Collection, *, writing: bool = True, stop: Event | None = None, **options: object) -> Audit:
    with ExitStack() as stack:
        kit = collection.kit(stack, writing=writing)
        return verify(parts_of(kit, stop), VerifyOptions(**options), collection.events.append)  # type: ignore[arg-type]


def put(collection: Collection, *entries: Entry) -> None:
    with ExitStack() as stack:
        collection.kit(stack, writing=True).store.put_many(entries)


def test_where_nothing_can_be_written_it_looks_all_the_same(collection: Collection) -> None:
    report = collection.download(PLAIN, all_versions=True)
    (collection.root / report.downloaded[0].path).unlink()
    before = collection.files()
    found = audit(collection, writing=False, metadata=True)
    assert sorted(row.finding for row in found.rows) == [Finding.MISSING, Finding.OK, Finding.OK]
    assert collection.files() == before


def test_rows_come_in_the_order_of_versions_and_files(collection: Collection) -> None:
    collection.download(PLAIN, str(int(Known.CHECKPOINT_VARIANTS)), all_versions=True)
    rows = audit(collection, threads=4).rows
    assert [row.version_id for row in rows] == sorted(row.version_id for row in rows)
    recorded = [(entry.version_id, file.file_id) for entry in collection.entries() for file in entry.files]
    assert [(row.version_id, row.file_id) for row in rows] == recorded


def test_a_folder_that_was_moved_and_linked_back_is_verified(collection: Collection, tmp_path: Path) -> None:
    collection.download(PLAIN)
    shutil.move(collection.root / "lora", tmp_path / "lora")
    (collection.root / "lora").symlink_to(tmp_path / "lora")
    assert {row.finding for row in audit(collection).rows} == {Finding.OK}


def test_a_path_that_leads_out_is_unreadable(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"x")
    path = os.path.relpath(tmp_path / "outside" / "x", collection.root)
    put(collection, Entry(version_id=1, files=(FileRecord(file_id=1, path=path, status=Status.DOWNLOADED),)))
    found = audit(collection)
    assert [row.finding for row in found.rows] == [Finding.UNREADABLE]
    assert "save path" in found.error_rows()[0]["message"]
    with ExitStack() as stack:
        kit = collection.kit(stack, writing=True)
        after = repair(parts_of(kit), found, DownloadOptions(), collection.events.append)
    assert after.exit_code == 8
    assert (tmp_path / "outside" / "x").read_bytes() == b"x"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is refused to this user")
def test_a_file_that_the_system_refuses_is_unreadable_and_can_be_replaced(collection: Collection) -> None:
    path = collection.root / collection.download(PLAIN).downloaded[0].path
    path.chmod(0)
    with ExitStack() as stack:
        kit = collection.kit(stack, writing=True)
        found = verify(parts_of(kit), VerifyOptions(), collection.events.append)
        assert [row.finding for row in found.rows] == [Finding.UNREADABLE]
        assert repair(parts_of(kit), found, DownloadOptions(), collection.events.append).exit_code == 0


def test_a_stop_ends_it_in_the_middle_of_a_file(collection: Collection) -> None:
    size = 600 * MIB
    collection.root.mkdir()
    with (collection.root / "large.safetensors").open("wb") as file:
        file.truncate(size)
    record = FileRecord(file_id=1, path="large.safetensors", size=size, sha256="a" * 64, status=Status.DOWNLOADED)
    put(collection, Entry(version_id=1, files=(record,)))
    stop = Event()

    def heard(event: object) -> None:
        if isinstance(event, FileMoved):
            stop.set()

    with ExitStack() as stack:
        parts = parts_of(collection.kit(stack, writing=True), stop)
        with pytest.raises(Interrupted):
            verify(parts, VerifyOptions(), heard)


def test_progress_is_told(collection: Collection) -> None:
    report = collection.download(PLAIN, all_versions=True)
    (collection.root / report.downloaded[0].path).unlink()
    collection.events.clear()
    audit(collection)
    assert [event.files for event in collection.events if isinstance(event, RunStarted)] == [3]
    assert sum(isinstance(event, FileKept) for event in collection.events) == 2
    assert sum(isinstance(event, FileFailed) for event in collection.events) == 1


def test_a_store_that_breaks_off_is_no_short_audit(collection: Collection) -> None:
    collection.download(PLAIN, all_versions=True)
    with lmdb.open(str(collection.root / "civitai_download_db"), max_dbs=16) as database:
        table = database.open_db(b"versions")
        with database.begin(write=True) as transaction:
            transaction.put(b"v_100102", b"damaged", db=table)
    with pytest.raises(StoreUnreadable):
        audit(collection)


def test_mending_asks_the_site_for_no_answer_that_is_saved(collection: Collection) -> None:
    report = collection.download(PLAIN, all_versions=True)
    before = {entry.version_id: entry.version for entry in collection.entries()}
    for item in report.downloaded:
        (collection.root / item.path).unlink()
    collection.sandbox.clear_requests()
    with ExitStack() as stack:
        kit = collection.kit(stack, writing=True)
        found = verify(parts_of(kit), VerifyOptions(), collection.events.append)
        assert repair(parts_of(kit), found, DownloadOptions(), collection.events.append).exit_code == 0
    assert not any("/api/v1/" in record.path for record in collection.sandbox.requests)
    assert {entry.version_id: entry.version for entry in collection.entries()} == before
