"""A power cut takes what a killed run had left unsynced: the hash tells, and it goes on from what was synced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.plans.order import Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.machine import boot
from civitai_kit.transfer.file.limits import Sizes
from civitai_kit.transfer.part.journal import Journal, Point, boot_line, mark_line, parse_journal
from tests.transfer.conftest import Desk

SYNCED, WRITTEN = 2_000_000, 3_500_000
MIB = 1024 * 1024
NO_RETRIES = RetryRules(max_retries=0)


def part_of(desk: Desk) -> Path:
    return desk.target.with_name("model.safetensors.part")


def cut_off(desk: Desk, tail: bytes, *marks: tuple[int, int], proof: Proof | None = None) -> None:
    """Leave a part of two million synced bytes, and after them a tail that the journal marks as written."""
    desk.sandbox.faults.add("cut", at=SYNCED)
    with pytest.raises(CivitaiKitError):
        desk.fetch(desk.order(**({"proof": proof} if proof else {})), retries=NO_RETRIES)
    with part_of(desk).open("ab") as file:
        file.write(tail)
    journal = part_of(desk).with_name("model.safetensors.part.json")
    first = journal.read_bytes().partition(b"\n")[0]
    written = marks or ((SYNCED, SYNCED + len(tail)),)
    journal.write_bytes(first + b"\n" + boot_line(boot()) + b"".join(mark_line(*mark) for mark in written))
    desk.sandbox.clear_requests()


def begins(desk: Desk) -> list[int]:
    """Where each request to the storage began."""
    return [int(span.removeprefix("bytes=").partition("-")[0] or 0) for span in desk.ranges()]


def test_a_right_tail_is_not_fetched_again(desk: Desk) -> None:
    cut_off(desk, desk.content[SYNCED:WRITTEN])
    fetched = desk.fetch()
    assert (fetched.resumed, fetched.received) == (WRITTEN, len(desk.content) - WRITTEN)
    assert begins(desk) == [WRITTEN]
    assert desk.target.read_bytes() == desk.content


@pytest.mark.parametrize("damage", ["zeros", "garbage", "one bit"])
@pytest.mark.parametrize("connections", [1, 3])
def test_a_wrong_tail_costs_what_comes_after_the_synced_point_and_only_right_bytes_get_the_name(
    desk: Desk, damage: str, connections: int
) -> None:
    right = desk.content[SYNCED:WRITTEN]
    wrong = {"zeros": bytes(len(right)), "garbage": os.urandom(len(right)), "one bit": b"\x01" + right[1:]}[damage]
    cut_off(desk, wrong if wrong != right else bytes(len(right)))
    fetched = desk.fetch(desk.order(connections=connections))
    assert begins(desk) == [WRITTEN, SYNCED]
    assert (fetched.resumed, fetched.received) == (SYNCED, 2 * len(desk.content) - WRITTEN - SYNCED)
    assert desk.target.read_bytes() == desk.content
    assert desk.names() == [desk.target.name]


def test_a_wrong_tail_that_reaches_the_end_is_found_without_a_request_and_replaced(desk: Desk) -> None:
    cut_off(desk, bytes(len(desk.content) - SYNCED))
    assert desk.fetch().resumed == SYNCED
    assert begins(desk) == [SYNCED]
    assert desk.target.read_bytes() == desk.content


def test_a_tail_longer_than_the_file_is_cut_to_its_length(desk: Desk) -> None:
    cut_off(desk, desk.content[SYNCED:] + bytes(1000))
    assert desk.fetch().resumed == len(desk.content)
    assert desk.target.read_bytes() == desk.content


def test_no_tail_is_kept_where_only_the_size_is_promised(desk: Desk) -> None:
    proof = Proof(size=len(desk.content))
    cut_off(desk, bytes(WRITTEN - SYNCED), proof=proof)
    assert desk.fetch(desk.order(proof=proof)).resumed == SYNCED
    assert desk.target.read_bytes() == desk.content


@pytest.mark.parametrize("name", ["SHA256", "BLAKE3", "CRC32"])
def test_any_hash_of_the_site_finds_a_wrong_tail(desk: Desk, name: str) -> None:
    digest = desk.file.body.digests[name]
    proof = {"SHA256": Proof(sha256=digest), "BLAKE3": Proof(blake3=digest), "CRC32": Proof(crc32=digest)}[name]
    cut_off(desk, bytes(WRITTEN - SYNCED), proof=proof)
    assert desk.fetch(desk.order(proof=proof)).resumed == SYNCED
    assert desk.target.read_bytes() == desk.content


def test_killed_again_after_a_power_cut_it_still_goes_back_to_what_was_synced_before_it(desk: Desk) -> None:
    cut_off(desk, bytes(500_000))
    desk.sandbox.faults.add("cut", at=500_000)
    with pytest.raises(CivitaiKitError):
        desk.fetch(retries=NO_RETRIES)
    journal = parse_journal(part_of(desk).with_name("model.safetensors.part.json").read_bytes())
    assert journal is not None
    assert (journal.doubtful, journal.synced) == (SYNCED, SYNCED + 1_000_000)
    desk.sandbox.clear_requests()
    assert desk.fetch().resumed == SYNCED
    assert begins(desk) == [SYNCED + 1_000_000, SYNCED]
    assert desk.target.read_bytes() == desk.content


def test_what_the_site_itself_sends_wrong_is_fetched_at_most_twice_more_and_leaves_nothing(desk: Desk) -> None:
    cut_off(desk, bytes(WRITTEN - SYNCED))
    desk.sandbox.faults.add("wrong_bytes", times=None)
    with pytest.raises(CivitaiKitError):
        desk.fetch()
    assert begins(desk) == [WRITTEN, SYNCED, 0]
    assert desk.names() == []


# -- several connections -------------------------------------------------------------------------------------------


@pytest.fixture
def wide(desk_of: Callable[[int], Desk]) -> Desk:
    """A file of several segments."""
    desk = desk_of(12 * MIB)
    desk.sizes = Sizes(segment=2 * MIB, first_segment=MIB)
    return desk


def scatter(desk: Desk, islands: list[tuple[int, int]], *, right: bool) -> None:
    """Leave what several connections do when they are killed: a synced beginning, and stretches further on."""
    part = part_of(desk)
    part.parent.mkdir(parents=True)
    with part.open("wb") as file:
        file.write(desk.content[:MIB])
        for start, stop in islands:
            file.seek(start)
            file.write(desk.content[start:stop] if right else bytes(stop - start))
    source = desk.url.removeprefix(desk.sandbox.url)
    point = Point(MIB, desk.sha256_of(MIB))
    journal = Journal(source=source, promise=f"sha256:{desk.sha256}", total=len(desk.content), points=(point,))
    marks = b"".join(mark_line(*island) for island in islands)
    part.with_name(part.name + ".json").write_bytes(journal.dump() + b"\n" + boot_line(boot()) + marks)


ISLANDS = [(3 * MIB, 5 * MIB), (5 * MIB + 17, 7 * MIB), (9 * MIB, 9 * MIB + 5)]


def test_stretches_that_are_here_are_not_fetched_again(wide: Desk) -> None:
    scatter(wide, ISLANDS, right=True)
    fetched = wide.fetch(wide.order(connections=3))
    here = MIB + sum(stop - start for start, stop in ISLANDS)
    assert fetched.received == len(wide.content) - here
    assert wide.target.read_bytes() == wide.content


@pytest.mark.parametrize("connections", [1, 3])
def test_wrong_stretches_cost_a_second_fetch_and_only_right_bytes_get_the_name(wide: Desk, connections: int) -> None:
    scatter(wide, ISLANDS, right=False)
    fetched = wide.fetch(wide.order(connections=connections))
    assert fetched.received <= 2 * (len(wide.content) - MIB)
    assert wide.target.read_bytes() == wide.content
    assert wide.names() == [wide.target.name]
