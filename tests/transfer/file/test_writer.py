"""The writer: every byte in its order into the part and the digests, however small or large the bodies are."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from civitai_kit.core.errors import NotWritable
from civitai_kit.core.plans.order import Proof
from civitai_kit.transfer.file.writer import BUFFER_SIZE, FileWriter, HashingSlots
from civitai_kit.transfer.part.journal import Journal
from civitai_kit.transfer.part.part import Part

CONTENT = os.urandom(12 * BUFFER_SIZE + 17)


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return Part(tmp_path / "f.bin", Journal(source="/f"), frozenset({"sha256"}))


@pytest.fixture(params=[0, 1], ids=["hashed where it is read", "hashed beside"])
def hashing(request: pytest.FixtureRequest) -> HashingSlots:
    return HashingSlots(request.param)


def put_all(writer: FileWriter, content: bytes) -> None:
    while content:
        buffer = writer.next_buffer()
        count = min(len(buffer), len(content))
        buffer[:count] = content[:count]
        writer.put(buffer, count)
        content = content[count:]


@pytest.mark.parametrize("expected", [[0, len(CONTENT)], [10, None], [len(CONTENT), 5], [None, None]])
def test_bodies_of_any_expected_length_follow_each_other(
    part: Part, hashing: HashingSlots, expected: list[int | None]
) -> None:
    writer = FileWriter(part, time.monotonic, hashing, sync=len(CONTENT))
    for start, length in zip((0, 1000), expected, strict=True):
        writer.expect(length)
        put_all(writer, CONTENT[start : 1000 if start == 0 else None])
        writer.checkpoint()
    writer.close()
    assert part.digests().sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert part.path.read_bytes() == CONTENT
    assert part.journal.synced == len(CONTENT)


def test_bytes_are_synced_and_journalled_on_the_way(part: Part, hashing: HashingSlots) -> None:
    writer = FileWriter(part, time.monotonic, hashing, sync=BUFFER_SIZE)
    writer.expect(None)
    put_all(writer, CONTENT)
    writer.settle()
    writer.close()
    assert part.journal.synced >= BUFFER_SIZE
    part.close()
    again = Part(part.target, Journal(source="/f"), frozenset({"sha256"}))
    assert again.resume(frozenset({"/f"}), Proof(), lambda: None) == part.journal.synced
    again.close()


def test_a_sync_that_fails_is_raised_where_bytes_are_put(part: Part, hashing: HashingSlots) -> None:
    part.target.with_name("f.bin.part.json").mkdir()
    writer = FileWriter(part, time.monotonic, hashing, sync=1)
    writer.expect(None)

    def put_and_settle() -> None:
        put_all(writer, CONTENT)
        writer.settle()

    with pytest.raises(NotWritable):
        put_and_settle()
    writer.close()


def test_a_slot_to_hash_beside_is_given_back_when_a_writer_ends(part: Part) -> None:
    hashing = HashingSlots(1)
    writer = FileWriter(part, time.monotonic, hashing, sync=len(CONTENT))
    writer.expect(None)
    assert not hashing.take()
    writer.close()
    assert hashing.take()
