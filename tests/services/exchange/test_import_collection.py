"""An export read in batch by batch: the same comes of it whatever the lines are, in constant memory."""

from __future__ import annotations

import io
import itertools
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord, Status
from civitai_kit.core.collection.exchange import LONGEST_LINE, Exchanged, entry_line, header_line, image_line
from civitai_kit.core.errors import Interrupted
from civitai_kit.disk.folder import Folder
from civitai_kit.services.exchange.exchange import ImportedFile, ImportParts
from civitai_kit.services.exchange.import_collection import import_file
from civitai_kit.store.entry_rows import pack_entries
from civitai_kit.store.lmdb_store import LmdbStore

HEADER = header_line(made_at="2026-01-01T00:00:00+00:00", entries=0, images=0)
SHA = "ab" * 32


def never() -> bool:
    return False


def entry(number: int, **fields: Any) -> Entry:
    record = FileRecord(
        file_id=number,
        path=f"lora/{number}/a.safetensors",
        size=number % 7,
        sha256=f"{number:064x}",
        status=Status.DOWNLOADED,
    )
    given = {"model_id": number // 3, "model_name": f"Стиль {number}", "files": (record,), "updated_at": "2026-02-01"}
    version = {"id": number, "files": [{"x": "y" * (number % 400)}]}
    return Entry(version_id=number, **{**given, "version": version, **fields})


def odd_line(dice: random.Random, number: int) -> bytes:
    """A line of every kind that there is, most of them about a version that other lines are about as well."""
    match dice.randrange(14):
        case 0:
            return b"{broken\n"
        case 1:
            return b"\n"
        case 2:
            return entry_line(entry(number, files=(FileRecord(path="../../x"),)))
        case 3:
            return entry_line(entry(number, model_name="half \ud83d a pair", version={"\udc00": "\ud83d"}))
        case 4:
            return entry_line(entry(number)).replace(b'"id":', b'"nan":NaN,"id":')
        case 5:
            return entry_line(entry(number, updated_at="2026-03-01", model_name="newer", version=None))
        case 6:
            return entry_line(entry(number, updated_at="2026-01-01", model={"id": 1}))
        case 7:
            return (
                json.dumps({"entry": {"version_id": number, "files": [{"path": f"a/{number}", "url": "@x"}]}}).encode()
                + b"\r\n"
            )
        case 8 | 9:
            date = f"2026-01-0{dice.randrange(1, 9)}"
            return image_line(ImageRecord(kind=ImageKind.TAG, target="猫", image_id=number % 50, date=date))
        case 10:
            return b'{"entry":null}\n'
        case _:
            return entry_line(entry(number))


def mixed(seed: int, count: int = 2000) -> bytes:
    dice = random.Random(seed)
    return HEADER + b"".join(odd_line(dice, dice.randrange(1, 1500)) for _ in range(count))


def whole(count: int) -> bytes:
    return HEADER + b"".join(entry_line(entry(number)) for number in range(1, count + 1))


def brought(root: Path, content: bytes, *, stopped: Callable[[], bool] = never, batch: int = 3500) -> Exchanged:
    """Import it as `db import` does."""
    with LmdbStore.open(root / "db", read_only=False) as store:
        parts = ImportParts(store=store, disk=Folder(root), pack=pack_entries, stopped=stopped, batch=batch)
        return import_file(parts, ImportedFile("x.jsonl", content[:4096], io.BytesIO(content)))


def everything(root: Path) -> tuple[list[Entry], list[ImageRecord], list[Any]]:
    with LmdbStore.open(root / "db", read_only=True) as store:
        return list(store.entries()), list(store.images()), list(store.summaries())


def test_what_comes_of_a_file_does_not_depend_on_how_much_is_written_at_once(tmp_path: Path) -> None:
    for place in ("one", "two"):
        for number in range(1, 1500, 5):
            path = tmp_path / place / f"lora/{number}/a.safetensors"
            path.parent.mkdir(parents=True)
            path.write_bytes(bytes(number % 7))
    reasons: set[str] = set()
    for seed in (1, 2):
        one = brought(tmp_path / "one", mixed(seed))
        assert brought(tmp_path / "two", mixed(seed), batch=1) == one
        reasons |= set(one.reasons or {})
    assert reasons == {"same", "older", "broken", "invalid", "unsafe_path"}
    assert everything(tmp_path / "two") == everything(tmp_path / "one")


def test_every_line_is_taken_or_counted_and_told_by_its_number(tmp_path: Path) -> None:
    content = mixed(3, count=400)
    done = brought(tmp_path, content)
    assert done.entries + done.images + done.skipped == sum(bool(line.strip()) for line in content.split(b"\n")) - 1
    wrong = [
        number
        for number, line in enumerate(content.split(b"\n")[1:], 2)
        if b"{broken" in line or b"../../" in line or b":NaN" in line or b'"entry":null' in line
    ]
    assert [row["message"].split(":")[0] for row in done.rows] == [f"x.jsonl, line {number}" for number in wrong[:20]]


def test_a_stop_in_the_middle_ends_it_with_whole_batches_and_the_rest_comes_with_the_next(tmp_path: Path) -> None:
    content = whole(2_000)
    looks = itertools.count()
    with pytest.raises(Interrupted):
        brought(tmp_path, content, stopped=lambda: next(looks) == 8, batch=500)
    there = len(everything(tmp_path)[0])
    assert 500 <= there < 2_000
    assert brought(tmp_path, content).reasons == {"same": there}
    assert len(everything(tmp_path)[0]) == 2_000


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks: list[int] = []
    for count in (1_000, 3_000):
        content = whole(count)
        tracemalloc.start()
        brought(tmp_path / str(count), content, batch=100)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


def test_a_line_longer_than_any_of_ours_is_one_broken_line(tmp_path: Path) -> None:
    long = b'{"entry":"' + b"x" * (2 * LONGEST_LINE + 5) + b'"}\n'
    done = brought(tmp_path, HEADER + entry_line(entry(1)) + long + entry_line(entry(2)))
    assert (done.entries, done.reasons) == (2, {"broken": 1})
    assert "line 3" in done.rows[0]["message"]
