"""Phase two against the sandbox: files proved, entries true, sidecars as the site gave them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Status
from civitai_kit.core.errors import Code, NotWritable
from civitai_kit.core.events import Emit
from civitai_kit.core.plans.order import Fetched, Order
from civitai_kit.core.plans.plan import Item, Reason
from civitai_kit.core.plans.plan_file import plan_text, read_plan
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.services.download.download import DownloadOptions, download
from civitai_kit.services.download.sidecars import Sidecars
from civitai_kit.services.ports import FileFetcher
from civitai_kit.testing import Known
from tests.services.collection import Collection

PLAIN = str(int(Known.PLAIN_LORA))


def storage_requests(collection: Collection) -> int:
    return sum(record.host == "storage" for record in collection.sandbox.requests)


def test_every_file_lands_with_the_hash_that_the_site_promises(collection: Collection) -> None:
    report = collection.download(PLAIN, all_versions=True)
    assert report.exit_code == 0
    assert report.downloaded
    for item in report.downloaded:
        body = (collection.root / item.path).read_bytes()
        assert hashlib.sha256(body).hexdigest() == item.sha256
        assert len(body) == item.size
    assert collection.files() == sorted(item.path for item in report.downloaded)


def test_the_entry_says_what_lies_on_disk(collection: Collection) -> None:
    report = collection.download(PLAIN)
    entry = collection.entry(report.downloaded[0].version_id)
    assert entry is not None
    record = entry.files[0]
    assert (entry.key, entry.status) == ("v_100101", Status.DOWNLOADED)
    assert record.path == report.downloaded[0].path
    assert record.proved["sha256"] == record.sha256
    assert record.size == (collection.root / record.path).stat().st_size
    assert entry.version is not None
    assert entry.creator == "sandbox_artist"


def test_a_rerun_makes_no_request_to_the_storage_and_reads_no_file(collection: Collection) -> None:
    first = collection.download(PLAIN)
    for item in first.downloaded:
        (collection.root / item.path).chmod(0)
    collection.sandbox.clear_requests()
    again = collection.download(PLAIN)
    assert [skip.reason for skip in again.skipped] == [Reason.HAVE] * len(first.downloaded)
    assert (again.downloaded, again.exit_code, storage_requests(collection)) == ((), 0, 0)


def test_a_file_deleted_from_disk_is_fetched_again(collection: Collection) -> None:
    path = collection.root / collection.download(PLAIN).downloaded[0].path
    path.unlink()
    assert collection.download(PLAIN).downloaded
    assert path.is_file()


def test_a_right_file_without_an_entry_is_adopted_and_reported_as_there(collection: Collection, tmp_path: Path) -> None:
    item = collection.download(PLAIN).downloaded[0]
    other = Collection(collection.sandbox, tmp_path / "other")
    (other.root / item.path).parent.mkdir(parents=True)
    (collection.root / item.path).rename(other.root / item.path)
    collection.sandbox.clear_requests()
    report = other.download(PLAIN)
    assert [(skip.reason, skip.item and skip.item.path) for skip in report.skipped] == [(Reason.HAVE, item.path)]
    assert storage_requests(other) == 0
    entry = other.entry(item.version_id)
    assert entry is not None
    assert entry.status is Status.DOWNLOADED


def test_a_wrong_file_in_the_place_is_replaced_only_by_the_proved_one(collection: Collection) -> None:
    item = collection.scan(PLAIN).items[0]
    place = collection.root / item.path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"something else")
    collection.sandbox.faults.add("wrong_bytes", times=None)
    assert collection.download(PLAIN).exit_code == 8
    assert place.read_bytes() == b"something else"
    collection.sandbox.faults.clear()
    assert collection.download(PLAIN).exit_code == 0
    assert hashlib.sha256(place.read_bytes()).hexdigest() == item.sha256


def test_a_failed_download_is_remembered_as_error_and_tried_again(collection: Collection) -> None:
    collection.sandbox.faults.add("wrong_bytes", times=None)
    report = collection.download(PLAIN)
    assert [failure.error.code for failure in report.failed] == [Code.HASH_MISMATCH]
    entry = collection.entry(100101)
    assert entry is not None
    assert entry.status is Status.ERROR
    assert "hash_mismatch" in (entry.files[0].error or "")
    assert collection.files() == []
    collection.sandbox.faults.clear()
    assert collection.download(PLAIN).exit_code == 0


def test_a_wrong_hash_may_be_kept_and_is_remembered_so(collection: Collection) -> None:
    collection.sandbox.faults.add("wrong_bytes", times=None)
    report = collection.download(PLAIN, options={"allow_hash_mismatch": True})
    entry = collection.entry(100101)
    assert report.exit_code == 0
    assert entry is not None
    assert entry.files[0].kept_mismatch


def test_one_failure_among_several_is_seven_and_the_others_are_done(collection: Collection) -> None:
    item = collection.scan(PLAIN).items[0]
    collection.sandbox.faults.add("download_500", times=None, match=f"models/{item.version_id}")
    report = collection.download(PLAIN, str(int(Known.FLUX)))
    assert (len(report.downloaded), len(report.failed), report.exit_code) == (1, 1, 7)


def test_files_of_one_version_each_have_their_own_record(collection: Collection) -> None:
    report = collection.download(str(int(Known.CHECKPOINT_VARIANTS)))
    entry = collection.entry(100201)
    assert entry is not None
    assert len(entry.files) == len(report.downloaded) == 6
    assert len({record.path for record in entry.files}) == 6


def test_a_linked_file_of_another_version_is_had_by_its_printed_url(collection: Collection) -> None:
    report = collection.download(str(int(Known.LINKED_VAE)))
    assert report.exit_code == 0
    assert len(report.downloaded) == 2


def test_a_file_without_hashes_is_proved_by_its_size(collection: Collection) -> None:
    report = collection.download(str(int(Known.NO_HASHES)))
    assert (len(report.downloaded), report.exit_code) == (1, 0)


def test_a_file_whose_listed_size_is_off_is_right_by_its_hash(collection: Collection) -> None:
    report = collection.download(str(int(Known.WRONG_SIZE)))
    assert (len(report.downloaded), report.exit_code) == (1, 0)
    assert collection.download(str(int(Known.WRONG_SIZE))).downloaded == ()


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (Known.GENERATION_ONLY, Code.DOWNLOADS_DISABLED),
        (Known.NOT_GRANTED, Code.NO_ACCESS),
    ],
)
def test_what_the_download_endpoint_refuses_has_its_code(collection: Collection, known: int, code: Code) -> None:
    report = collection.download(str(int(known)))
    assert [failure.error.code for failure in report.failed] == [code]
    assert report.exit_code == 3


def test_without_a_key_the_login_that_is_required_is_said(collection: Collection) -> None:
    report = collection.download(PLAIN, settings={"api_key": ""})
    assert [failure.error.code for failure in report.failed] == [Code.LOGIN_REQUIRED]
    assert "CIVITAI_API_KEY" in (report.failed[0].error.hint or "")


def test_a_used_up_quota_stops_the_run(collection: Collection) -> None:
    collection.sandbox.faults.add("quota", times=None)
    report = collection.download(query=None, options={"concurrency": 1})
    assert report.exit_code == 6
    assert len(report.failed) == 1
    assert report.left > 10


def test_sidecars_are_the_site_s_answers_and_a_version_says_whose_it_is(collection: Collection) -> None:
    report = collection.download(PLAIN, options={"metadata": True, "model_info": True})
    item = report.downloaded[0]
    info = next(path for path in report.saved if path.endswith("/1001-plain_line_art.json"))
    model = json.loads((collection.root / info).read_text())
    version = json.loads((collection.root / item.path).with_suffix(".json").read_text())
    listed = next(one for one in model["modelVersions"] if one["id"] == item.version_id)
    owner = {name: model[name] for name in ("name", "type", "nsfw", "poi")}
    assert version == {**listed, "modelId": 1001, "model": owner}


def test_the_model_information_holds_all_versions_although_the_listing_was_trimmed(collection: Collection) -> None:
    world = collection.sandbox.world
    model = world.add_model("Two Bases", id=9001, tags=["two bases"])
    for name, base in (("new", "Pony"), ("old", "SD 1.5")):
        world.add_file(world.add_version(model, name, base_model=base), f"{name}.safetensors")
    query = ModelQuery(base_models=("SD 1.5",), tag="two bases")
    collection.download(query=query, base_models=("SD 1.5",), options={"model_info": True})
    saved = json.loads((collection.root / "lora/pony/two_bases/9001-two_bases.json").read_text())
    assert [version["name"] for version in saved["modelVersions"]] == ["new", "old"]


def test_images_are_named_by_id_and_by_what_they_are(collection: Collection) -> None:
    report = collection.download(PLAIN, options={"version_images": True})
    images = [path for path in report.saved if "/images/" in path]
    assert images
    for path in images:
        body = (collection.root / path).read_bytes()
        assert path.endswith(".png") == body.startswith(b"\x89PNG")


def test_what_is_there_already_still_gets_the_sidecars_asked_for(collection: Collection) -> None:
    collection.download(PLAIN)
    report = collection.download(PLAIN, options={"metadata": True, "version_images": True})
    assert report.downloaded == ()
    assert any(path.endswith(".json") for path in report.saved)
    assert collection.download(PLAIN, options={"metadata": True, "version_images": True}).saved == ()


def test_a_saved_plan_is_carried_out_at_the_paths_it_carries(collection: Collection) -> None:
    document = json.loads(plan_text(collection.scan(PLAIN)))
    document["items"][0]["path"] = "my folder/renamed.safetensors"
    report = collection.execute(read_plan(json.dumps(document), "plan.json"), metadata=True)
    assert report.exit_code == 0
    assert collection.files() == ["my folder/renamed.json", "my folder/renamed.safetensors"]
    entry = collection.entry(100101)
    assert entry is not None
    assert entry.version is not None
    assert collection.scan(PLAIN).skip_counts() == {Reason.HAVE: 1}


def test_a_file_that_the_site_has_replaced_is_fetched_and_the_old_one_stands_until_then(collection: Collection) -> None:
    collection.download(PLAIN)
    path = collection.root / collection.entries()[0].files[0].path
    old = path.read_bytes()
    world = collection.sandbox.world
    version = world.models[Known.PLAIN_LORA].versions[0]
    world.remove_file(1001011)
    world.add_file(version, "plainLineArt.safetensors", id=1001011, size=5000, content=b"n" * 5000)
    collection.sandbox.faults.add("wrong_bytes", times=None)
    assert collection.download(PLAIN).exit_code == 8
    entry = collection.entry(100101)
    assert entry is not None
    assert (path.read_bytes(), entry.status) == (old, Status.DOWNLOADED)
    collection.sandbox.faults.clear()
    assert len(collection.download(PLAIN).downloaded) == 1


def test_a_save_path_that_is_a_file_is_not_writable(collection: Collection) -> None:
    collection.root.write_text("in the way")
    with pytest.raises(NotWritable):
        collection.download(PLAIN)


def test_the_key_is_nowhere_on_disk(collection: Collection) -> None:
    collection.download(PLAIN, options={"metadata": True, "model_info": True}, settings={"log_api_requests": True})
    for path in collection.root.rglob("*"):
        if path.is_file():
            assert collection.sandbox.api_key.encode() not in path.read_bytes()


def test_the_key_goes_to_the_site_alone(collection: Collection) -> None:
    collection.download(PLAIN, options={"version_images": True})
    for record in collection.sandbox.requests:
        assert ("authorization" in record.headers) == (record.host == "site")
        assert collection.sandbox.api_key not in record.query


# Links in the save path


def test_a_folder_that_was_moved_and_linked_back_is_filled_where_it_is_now(
    collection: Collection, tmp_path: Path
) -> None:
    (tmp_path / "another disk").mkdir()
    collection.root.mkdir()
    (collection.root / "lora").symlink_to(tmp_path / "another disk")
    report = collection.download(PLAIN, options={"metadata": True, "version_images": True})
    assert (report.exit_code, len(report.downloaded)) == (0, 1)
    there = [path.name for path in (tmp_path / "another disk").rglob("*") if path.is_file()]
    assert len(there) >= 3 and not [name for name in there if name.endswith((".part", ".tmp", ".part.json"))]
    assert [skip.reason for skip in collection.download(PLAIN).skipped] == [Reason.HAVE]


def test_a_model_that_was_moved_and_linked_back_is_there(collection: Collection, tmp_path: Path) -> None:
    path = collection.root / collection.download(PLAIN).downloaded[0].path
    path.rename(tmp_path / "on another disk")
    path.symlink_to(tmp_path / "on another disk")
    assert [skip.reason for skip in collection.download(PLAIN).skipped] == [Reason.HAVE]


def test_a_link_under_a_models_name_is_not_replaced_and_the_others_come(collection: Collection, tmp_path: Path) -> None:
    first, *others = collection.scan(PLAIN, all_versions=True).items
    link = collection.root / first.path
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "gone")
    report = collection.download(PLAIN, all_versions=True)
    assert [failure.error.code for failure in report.failed] == [Code.NOT_WRITABLE]
    assert len(report.downloaded) == len(others) > 0
    assert link.is_symlink() and not (tmp_path / "gone").exists()


def test_a_sidecar_that_cannot_be_written_leaves_its_model_right(collection: Collection) -> None:
    item = collection.scan(PLAIN).items[0]
    sidecar = (collection.root / item.path).with_suffix(".json")
    sidecar.parent.mkdir(parents=True)
    os.mkfifo(sidecar)
    report = collection.download(PLAIN, options={"metadata": True})
    assert ([error.code for error in report.errors], report.exit_code) == ([Code.NOT_WRITABLE], 7)
    entry = collection.entry(item.version_id)
    assert entry is not None and entry.status is Status.DOWNLOADED


@dataclass
class Stumbling:
    """A fetcher with a mistake in it, which shows at one item."""

    fetcher: FileFetcher
    at: str

    def fetch(self, order: Order, emit: Emit) -> Fetched:
        """Fetch what is not the one."""
        if order.key == self.at:
            raise ZeroDivisionError
        return self.fetcher.fetch(order, emit)

    def fetch_picture(self, order: Order, emit: Emit) -> Fetched:
        """The same for pictures."""
        return self.fetch(order, emit)


@pytest.mark.parametrize("refs", [(PLAIN,), (PLAIN, str(int(Known.FLUX)))])
def test_a_mistake_over_one_item_is_its_failure_and_the_others_are_done(
    collection: Collection, refs: tuple[str, ...]
) -> None:
    plan = collection.scan(*refs)
    with ExitStack() as stack:
        parts = collection.kit(stack, writing=True).download_parts
        parts = replace(parts, fetcher=Stumbling(parts.fetcher, plan.items[0].path))
        report = download(parts, plan, DownloadOptions(), collection.events.append)
    assert [(failure.item, failure.error.code) for failure in report.failed] == [(plan.items[0], Code.UNFORESEEN)]
    assert report.downloaded == plan.items[1:]
    assert report.exit_code == (7 if len(refs) > 1 else 1)
    entry = collection.entry(plan.items[0].version_id)
    assert entry is not None
    assert entry.status is Status.ERROR


@pytest.mark.parametrize("path", ["a/" * 2000 + "x", "b" * 240, "/".join(["c" * 200] * 6)])
def test_a_path_that_no_file_system_takes_is_a_usage_error_and_the_others_are_done(
    collection: Collection, path: str
) -> None:
    found = collection.scan(PLAIN, str(int(Known.FLUX)))
    wrong = replace(found.items[0], path=path)
    plan = read_plan(plan_text(replace(found, items=(wrong, *found.items[1:]))), "plan.json")
    report = collection.execute(plan)
    assert [failure.error.code for failure in report.failed] == [Code.USAGE]
    assert (report.downloaded, report.exit_code) == (found.items[1:], 7)
    assert collection.entry(wrong.version_id) is None


def test_what_came_of_a_failed_transfer_is_counted(collection: Collection) -> None:
    collection.sandbox.faults.add("cut", times=None, at=15_000)
    report = collection.download(PLAIN, settings={"max_retries": 0})
    assert (len(report.failed), report.downloaded) == (1, ())
    assert report.bytes >= 15_000
    assert report.as_json()["bytes"] == report.bytes


def test_a_file_that_was_thrown_away_has_been_received(collection: Collection) -> None:
    size = collection.scan(PLAIN).items[0].size or 0
    collection.sandbox.faults.add("wrong_bytes", times=None)
    report = collection.download(PLAIN)
    assert [failure.error.code for failure in report.failed] == [Code.HASH_MISMATCH]
    assert report.bytes >= 2 * size


def test_sizes_are_those_on_disk_and_not_those_of_the_plan(collection: Collection) -> None:
    wrong = str(int(Known.WRONG_SIZE))
    planned = collection.scan(wrong).items[0]
    report = collection.download(wrong)
    size = (collection.root / planned.path).stat().st_size
    assert size != planned.size
    assert [row["size"] for row in report.as_json()["downloaded"]] == [size]
    assert report.bytes == size
    again = collection.download(wrong)
    assert [row["size"] for row in again.as_json()["skipped"]] == [size]
    (collection.root / "civitai_download_db").rename(collection.root.parent / "gone")
    adopted = collection.download(wrong)
    assert (adopted.adopted, [row["size"] for row in adopted.as_json()["skipped"]]) == (1, [size])


def test_a_mistake_over_what_lies_beside_loses_no_report(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(self: Sidecars, items: list[Item]) -> Iterator[Callable[[], None]]:
        yield from ()
        raise ZeroDivisionError

    monkeypatch.setattr(Sidecars, "version_image_jobs", stumble)
    report = collection.download(PLAIN, options={"version_images": True})
    assert (len(report.downloaded), [error.code for error in report.errors]) == (1, [Code.UNFORESEEN])
    assert report.exit_code == 7


@pytest.mark.parametrize("known", [Known.DORA, Known.FLUX])
def test_a_crc32_in_either_order_proves_a_file(collection: Collection, known: Known) -> None:
    file = collection.sandbox.world.models[known].versions[0].files[0]
    file.hashes = {"CRC32": file.shown_hashes["CRC32"]}
    assert collection.download(str(int(known))).exit_code == 0
    collection.sandbox.faults.add("wrong_bytes", times=None)
    wrong = Collection(collection.sandbox, collection.root.parent / "wrong").download(str(int(known)))
    assert [failure.error.code for failure in wrong.failed] == [Code.HASH_MISMATCH]
