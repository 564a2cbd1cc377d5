"""A tree that the Go downloader left: its files are entered where they lie, proved by their hashes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_kit.core.collection.entry import Status
from civitai_kit.core.plans.plan import Item, Reason
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.testing import Known
from tests.services.collection import Collection

EVERYTHING = ModelQuery(limit=100, nsfw=True)
MAPPED = "{type}/{creator}/{version_name}/{version_id}_{file_name}"


def spelled(text: str, tag: str) -> str:
    """The Go downloader's rule for a value in a path, from its description."""
    kept = re.sub(r"[^0-9a-z._-]", "", text.replace(" ", "_").replace(":", "-").lower())
    while "--" in kept or "__" in kept:
        kept = kept.replace("--", "-").replace("__", "_")
    return kept.replace("-_", "-").replace("_-", "-").strip("_-") or f"empty_{tag}"


def parts(item: Item) -> dict[str, str]:
    """The values of an item by the Go downloader's placeholders."""
    said = {
        "modelType": item.type,
        "modelName": item.model_name,
        "modelId": f"{item.model_id}",
        "baseModel": item.base_model,
        "versionName": item.version_name,
        "versionId": f"{item.version_id}",
        "creatorName": item.creator or "",
    }
    return {tag: spelled(value, tag) for tag, value in said.items()}


def by_pattern(pattern: str) -> Callable[[Item], str]:
    """Where the Go downloader puts an item's file by a pattern of folders."""
    return lambda item: f"{pattern.format(**parts(item))}/{item.version_id}_{item.file_name}"


LAYOUTS = {
    "default": by_pattern("{modelType}/{modelName}/{baseModel}/{versionId}-{versionName}"),
    "example": by_pattern("{modelType}/{baseModel}/{modelId}-{modelName}/{versionId}-{versionName}"),
    "own": by_pattern("{modelType}/{creatorName}/{versionName}"),
}


def laid_out(fetched: Collection, to: Collection, place: Callable[[Item], str], items: list[Item]) -> list[Item]:
    """Lay files out as the Go downloader does; gives those of which it would have kept one each."""
    counts = Counter(place(item).casefold() for item in items)
    # It keeps one file of two with one name.
    kept = [item for item in items if counts[place(item).casefold()] == 1]
    for item in kept:
        target = to.root / place(item)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(fetched.root / item.path)
    return kept


def test_no_file_of_a_go_tree_is_fetched_again(collection: Collection, tmp_path: Path) -> None:
    for name in ("水墨", "Ink & Wash: 水墨", "Ink - Wash", "Wait... what"):
        collection.sandbox.world.add_simple(name)
    done = collection.download(query=EVERYTHING, all_versions=True)
    # Names that no file system takes, it does not write either.
    plain = [item for item in done.downloaded if item.model_id != Known.NASTY_NAMES]
    for layout, place in LAYOUTS.items():
        other = Collection(collection.sandbox, tmp_path / layout)
        here = laid_out(collection, other, place, plain)
        assert len(here) > 30
        assert_none_is_fetched_again(other, here, layout)


def assert_none_is_fetched_again(other: Collection, here: list[Item], layout: str) -> None:
    settings = {"path_template": MAPPED} if layout == "own" else {}
    report = other.download(query=EVERYTHING, all_versions=True, settings=settings)
    kept = {skip.item.path for skip in report.skipped if skip.reason is Reason.HAVE and skip.item}
    assert {LAYOUTS[layout](item) for item in here} <= kept
    found = {item.file_id for item in here}
    assert not found & {item.file_id for item in report.downloaded}
    entered = [record for entry in other.entries() for record in entry.files if record.file_id in found]
    assert {record.status for record in entered} == {Status.DOWNLOADED}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_the_site_has_renamed_since_is_not_fetched_again(
    collection: Collection, tmp_path: Path, layout: str
) -> None:
    refs = [str(int(known)) for known in (Known.CHECKPOINT_VARIANTS, Known.IDENTICAL_FILES, Known.GGUF)]
    done = collection.download(*refs)
    collection.sandbox.world.unique_names = False
    former = {item.file_id: item for item in Collection(collection.sandbox, tmp_path / "former").scan(*refs).items}
    other = Collection(collection.sandbox, tmp_path / "other")
    # Of files with one name the last one stayed, whichever that was.
    stayed = {LAYOUTS[layout](former[item.file_id]): item for item in done.downloaded}
    for place, item in stayed.items():
        (other.root / place).parent.mkdir(parents=True, exist_ok=True)
        (collection.root / item.path).rename(other.root / place)
    collection.sandbox.world.unique_names = True
    settings = {"path_template": MAPPED} if layout == "own" else {}
    report = other.download(*refs, settings=settings)
    assert {skip.item.path for skip in report.skipped if skip.item} == set(stayed)
    assert {item.file_id for item in stayed.values()}.isdisjoint(item.file_id for item in report.downloaded)
    assert len(report.downloaded) + len(stayed) == len(done.downloaded)


def test_a_file_under_a_former_name_that_is_another_one_stays_as_it_is(collection: Collection) -> None:
    (item, *_) = collection.scan(str(int(Known.IDENTICAL_FILES))).items
    place = collection.root / LAYOUTS["default"](item).replace(f"_{item.file_id}.", ".")
    place.parent.mkdir(parents=True)
    place.write_bytes(bytes(item.size or 0))
    assert collection.download(str(int(Known.IDENTICAL_FILES))).exit_code == 0
    assert place.read_bytes() == bytes(item.size or 0)


def test_a_wrong_file_of_a_go_tree_is_fetched_in_its_place(collection: Collection) -> None:
    (item,) = collection.scan(str(int(Known.PLAIN_LORA))).items
    place = collection.root / LAYOUTS["default"](item)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"cut off")
    report = collection.download(str(int(Known.PLAIN_LORA)))
    assert [collection.root / done.path for done in report.downloaded] == [place]
    assert place.stat().st_size == item.size


def test_a_file_where_it_is_planned_comes_before_one_of_a_go_tree(collection: Collection) -> None:
    (item,) = collection.download(str(int(Known.PLAIN_LORA))).downloaded
    twin = collection.root / LAYOUTS["default"](item)
    twin.parent.mkdir(parents=True)
    twin.write_bytes(b"another")
    with_no_entry = Collection(collection.sandbox, collection.root)
    report = with_no_entry.download(str(int(Known.PLAIN_LORA)), settings={"database_path": str(collection.root / "db")})
    assert [skip.item and skip.item.path for skip in report.skipped] == [item.path]
    assert twin.read_bytes() == b"another"
