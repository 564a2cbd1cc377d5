"""An export read in by one process or by several: the same comes of it, whatever the lines are and who dies."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageKind, ImageRecord, Status
from civitai_kit.core.collection.exchange import Exchanged, entry_line, header_line, image_line
from civitai_kit.core.errors import Interrupted
from civitai_kit.disk.folder import Folder
from civitai_kit.services.exchange.exchange import ImportParts, Source, Spread, import_file
from civitai_kit.store.hands import Hands
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.store.packing import pack_drafts

T = TypeVar("T")

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


def brought(
    root: Path, content: bytes, spread: Spread, *, stopped: Callable[[], bool] = never, size: int = 10**9
) -> Exchanged:
    """Import it; where it is said to be large, other processes are asked from the second block on."""
    with LmdbStore.open(root / "db", read_only=False) as store:
        parts = ImportParts(store=store, disk=Folder(root), pack=pack_drafts, spread=spread, stopped=stopped)
        return import_file(parts, Source("x.jsonl", content[:4096], io.BytesIO(content), size=size))


def everything(root: Path) -> tuple[list[Entry], list[ImageRecord], list[Any]]:
    with LmdbStore.open(root / "db", read_only=True) as store:
        return list(store.entries()), list(store.images()), list(store.summaries())


def patient(spread: Spread, act: Callable[[int], None] = lambda _: None) -> Spread:
    """The same, with `act` called with the number of each block that came back."""

    def spread_(work: Callable[[bytes], T], blocks: Iterator[bytes], /) -> Iterator[tuple[bytes, T]]:
        for number, done in enumerate(spread(work, blocks)):
            act(number)
            yield done

    return spread_


def hands() -> list[int]:
    """The processes that help this one."""
    found: list[int] = []
    for kept in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(word) for word in kept.read_text().split()]
    return [child for child in found if b"store.hand" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_several_processes_make_of_any_file_what_one_makes(tmp_path: Path) -> None:
    for place in ("one", "two"):
        for number in range(1, 1500, 5):
            path = tmp_path / place / f"lora/{number}/a.safetensors"
            path.parent.mkdir(parents=True)
            path.write_bytes(bytes(number % 7))
    reasons: set[str] = set()
    for seed in (1, 2):
        one = brought(tmp_path / "one", mixed(seed), Hands(never, 0).spread)
        assert brought(tmp_path / "two", mixed(seed), Hands(never, 2).spread) == one
        reasons |= set(one.reasons or {})
    assert reasons == {"same", "older", "broken", "invalid", "unsafe_path"}
    assert everything(tmp_path / "two") == everything(tmp_path / "one")


def test_a_small_file_asks_nobody_and_a_large_stream_does_in_the_end(tmp_path: Path) -> None:
    asked: list[int] = []
    spread = patient(Hands(never, 0).spread, asked.append)
    assert brought(tmp_path / "a", whole(3000), spread, size=len(whole(3000))).entries == 3000
    assert not asked
    content = HEADER + b"".join(entry_line(Entry(version_id=number)) for number in range(1, 24_001))
    with LmdbStore.open(tmp_path / "db", read_only=False) as store:
        parts = ImportParts(store=store, disk=Folder(tmp_path), pack=pack_drafts, spread=spread, stopped=never)
        assert import_file(parts, Source("-", content[:4096], io.BytesIO(content))).entries == 24_000
    assert asked


@pytest.mark.skipif(sys.platform != "linux", reason="children are listed as Linux has them")
def test_processes_killed_in_the_middle_cost_nothing_but_time(tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_one(number: int) -> None:
        if number >= 8 and len(killed) < 2 and (running := [one for one in hands() if one not in killed]):
            os.kill(running[0], signal.SIGKILL)
            killed.append(running[0])

    content = whole(6_000)
    done = brought(tmp_path / "two", content, patient(Hands(never, 2).spread, kill_one))
    assert len(killed) == 2
    assert done == brought(tmp_path / "one", content, Hands(never, 0).spread)
    assert everything(tmp_path / "two") == everything(tmp_path / "one")
    assert not hands()


def test_a_stop_in_the_middle_ends_it_with_whole_batches_and_the_rest_comes_with_the_next(tmp_path: Path) -> None:
    stopping: list[bool] = []
    content = whole(9_000)

    def stop_late(number: int) -> None:
        if number == 35:
            stopping.append(True)

    with pytest.raises(Interrupted):
        brought(tmp_path, content, patient(Hands(never, 2).spread, stop_late), stopped=lambda: bool(stopping))
    if sys.platform == "linux":
        assert not hands()
    there = len(everything(tmp_path)[0])
    assert 0 < there < 9_000
    assert brought(tmp_path, content, Hands(never, 0).spread).reasons == {"same": there}
    assert len(everything(tmp_path)[0]) == 9_000


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A tenth of what is read ahead and held back, so that a file of a few thousand lines is many times that.
    monkeypatch.setattr("civitai_kit.store.hands._AHEAD", 400_000)
    monkeypatch.setattr("civitai_kit.services.exchange.import_collection._ENTRIES", 350)
    peaks: list[int] = []
    for count in (3_000, 9_000):
        content = whole(count)
        tracemalloc.start()
        brought(tmp_path / str(count), content, Hands(never, 2).spread)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


def test_a_line_longer_than_any_of_ours_is_one_broken_line(tmp_path: Path) -> None:
    long = b'{"entry":"' + b"x" * (2 * 64 * 1024 * 1024 + 5) + b'"}\n'
    content = HEADER + entry_line(entry(1)) + long + entry_line(entry(2))
    done = brought(tmp_path, content, Hands(never, 0).spread)
    assert (done.entries, done.reasons) == (2, {"broken": 1})
    assert "line 3" in done.rows[0]["message"]
