"""Several connections for one file: the same file, the same promises."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest

from civitai_kit.core.errors import CivitaiKitError, HashMismatch
from civitai_kit.transfer.file.limits import Sizes
from tests.transfer.conftest import Desk

SIZE = 25_000_000
MIB = 1024 * 1024


@pytest.fixture
def desk(desk_of: Callable[[int], Desk]) -> Desk:
    """A file of many segments, made small so that the test is quick."""
    desk = desk_of(SIZE)
    desk.sizes = Sizes(segment=2 * MIB, first_segment=MIB)
    return desk


def spans(desk: Desk) -> list[tuple[int, int]]:
    """The ranges asked for, without repetitions."""
    found = {re.fullmatch(r"bytes=(\d+)-(\d+)", span) for span in desk.ranges()}
    return sorted((int(match[1]), int(match[2]) + 1) for match in found if match)


def test_the_parts_make_the_whole_and_the_site_is_asked_once(desk: Desk) -> None:
    fetched = desk.fetch(desk.order(connections=4))
    assert desk.target.read_bytes() == desk.content
    assert desk.asked("site") == 1
    assert (fetched.size, fetched.received) == (SIZE, SIZE)
    asked = spans(desk)
    assert len(asked) == 13
    assert all(one[1] == other[0] for one, other in itertools.pairwise(asked))


def test_the_fetchers_own_number_is_the_least(desk: Desk) -> None:
    desk.fetch(connections=3)
    assert len(desk.ranges()) == 13


def test_a_server_without_ranges_sends_it_over_one(desk: Desk) -> None:
    desk.sandbox.faults.add("ignore_range", times=None)
    desk.fetch(desk.order(connections=4))
    assert len(desk.ranges()) == 1
    assert desk.target.read_bytes() == desk.content


def test_a_server_that_stops_serving_ranges_sends_the_rest_over_one(desk: Desk) -> None:
    first = desk.order(connections=4)
    desk.sandbox.faults.add("throttle", times=1, rate=50_000_000)
    desk.sandbox.faults.add("wrong_range", times=3)
    desk.fetch(first)
    assert desk.target.read_bytes() == desk.content


@pytest.mark.parametrize("fault", ["cut", "storage_503", "expired", "storage_reset", "stall"])
def test_each_connection_gets_over_its_own_setbacks(desk: Desk, fault: str) -> None:
    params = {"cut": {"at": 1000}, "stall": {"at": 1000, "seconds": 30}}.get(fault, {})
    desk.sandbox.faults.add("throttle", times=1, rate=50_000_000)
    desk.sandbox.faults.add(fault, 4, "", **params)
    desk.fetch(desk.order(connections=3), timeout=0.5)
    assert desk.target.read_bytes() == desk.content


def test_a_lasting_fault_ends_it_with_the_bytes_in_order_kept(desk: Desk) -> None:
    order = desk.order(connections=3)
    desk.sandbox.faults.add("cut", times=None, at=5_000_000)
    desk.fetch(order)
    desk.target.unlink()
    desk.sandbox.faults.clear()
    desk.sandbox.faults.add("weak_etag", times=6)
    desk.sandbox.faults.add("storage_503", times=None)
    with pytest.raises(CivitaiKitError):
        desk.fetch(order)
    desk.sandbox.faults.clear()
    desk.sandbox.clear_requests()
    assert desk.fetch(order).size == SIZE
    assert desk.target.read_bytes() == desk.content


def test_wrong_bytes_are_noticed(desk: Desk) -> None:
    desk.sandbox.faults.add("wrong_bytes", times=None)
    with pytest.raises(HashMismatch):
        desk.fetch(desk.order(connections=3))
    assert desk.names() == []
