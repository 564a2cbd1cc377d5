"""Going on from a part at storages that ignore ranges or conditions, or whose validators differ: no byte is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from civitai_kit.core.errors import CivitaiKitError, HashMismatch
from civitai_kit.core.plans.order import Proof
from civitai_kit.core.retry import RetryRules
from civitai_kit.transfer.file.limits import Sizes
from tests.transfer.conftest import Desk

AT = 2_000_000
MIB = 1024 * 1024
GOES_ON = f"bytes={AT}-"
NO_RETRIES = RetryRules(max_retries=0)


def begun(desk: Desk, **changes: Any) -> None:
    """Leave a part of two million bytes behind, as an earlier run would."""
    desk.sandbox.faults.add("cut", at=AT)
    with pytest.raises(CivitaiKitError):
        desk.fetch(desk.order(**changes), retries=NO_RETRIES)
    desk.sandbox.clear_requests()


def conditions(desk: Desk) -> list[bool]:
    """Whether each request to the storage had a condition."""
    return ["if-range" in record.headers for record in desk.sandbox.requests if record.host == "storage"]


def test_a_storage_that_ignores_conditions_is_asked_again_without_one(desk: Desk) -> None:
    begun(desk)
    desk.sandbox.faults.add("ignore_conditions", times=None)
    fetched = desk.fetch(retries=NO_RETRIES)
    assert (fetched.resumed, fetched.received) == (AT, len(desk.content) - AT)
    assert (desk.ranges(), conditions(desk)) == ([GOES_ON, GOES_ON], [True, False])
    assert desk.target.read_bytes() == desk.content


@pytest.mark.parametrize("ignored", [1, 2, 3])
def test_an_ignored_range_is_asked_for_up_to_three_times_through_fresh_links(desk: Desk, ignored: int) -> None:
    begun(desk)
    desk.sandbox.faults.add("ignore_range", times=ignored)
    fetched = desk.fetch(retries=NO_RETRIES)
    assert (fetched.resumed, fetched.received) == (AT, len(desk.content) - AT)
    assert (desk.asked("site"), desk.asked("storage")) == (1 + ignored, 1 + ignored)
    assert desk.target.read_bytes() == desk.content


def test_a_range_ignored_for_ever_ends_in_the_whole_file_and_nothing_is_added_to_the_part(desk: Desk) -> None:
    begun(desk)
    desk.sandbox.faults.add("ignore_range", times=None)
    fetched = desk.fetch(retries=NO_RETRIES)
    assert (fetched.resumed, fetched.received) == (0, len(desk.content))
    assert desk.ranges() == [GOES_ON] * 4
    assert desk.target.read_bytes() == desk.content


def test_the_part_stays_until_the_last_of_these_tries(desk: Desk) -> None:
    begun(desk)
    desk.sandbox.faults.add("ignore_range", times=3)
    desk.sandbox.faults.add("storage_404", times=None)
    with pytest.raises(CivitaiKitError):
        desk.fetch(retries=NO_RETRIES)
    assert desk.target.with_name("model.safetensors.part").read_bytes() == desk.content[:AT]


def test_a_range_that_begins_elsewhere_is_asked_for_again_and_the_part_stays(desk: Desk) -> None:
    begun(desk)
    desk.sandbox.faults.add("wrong_range", times=3)
    assert desk.fetch(retries=NO_RETRIES).resumed == AT
    assert desk.target.read_bytes() == desk.content


def test_validators_that_differ_from_node_to_node_do_not_keep_a_file_from_its_end(desk: Desk) -> None:
    desk.sandbox.faults.add("node_etags", times=None)
    desk.sandbox.faults.add("cut", times=8, at=500_000)
    fetched = desk.fetch(retries=RetryRules(max_retries=1, first_wait=0.001))
    assert fetched.received == len(desk.content)
    assert desk.target.read_bytes() == desk.content


def test_with_differing_validators_and_no_hash_a_file_is_never_put_together_from_two(desk: Desk) -> None:
    proof = Proof(size=len(desk.content))
    begun(desk, proof=proof)
    desk.sandbox.faults.add("node_etags", times=None)
    fetched = desk.fetch(desk.order(proof=proof))
    assert (fetched.resumed, fetched.received) == (0, len(desk.content))
    assert desk.target.read_bytes() == desk.content


def test_where_the_hash_says_that_two_editions_were_mixed_the_file_comes_whole(desk: Desk) -> None:
    desk.sandbox.faults.add("wrong_bytes", times=1)
    desk.sandbox.faults.add("cut", times=1, at=4_000_000)
    desk.sandbox.faults.add("node_etags", times=2)
    fetched = desk.fetch()
    assert fetched.received <= 2 * len(desk.content)
    assert desk.target.read_bytes() == desk.content


def test_a_file_that_is_another_one_for_good_is_refused_after_one_mixed_and_one_whole_try(desk: Desk) -> None:
    begun(desk)
    desk.sandbox.faults.add("changed", times=None)
    with pytest.raises(HashMismatch):
        desk.fetch()
    assert desk.ranges() == [GOES_ON, GOES_ON, ""]
    assert desk.names() == []


def test_another_length_is_another_file_and_is_not_asked_for_again(desk: Desk) -> None:
    begun(desk)
    longer = desk.content + b"more"
    desk.sandbox.world.remove_file(desk.file.id)
    desk.sandbox.world.add_file(desk.version, "model.safetensors", content=longer, id=desk.file.id)
    fetched = desk.fetch(desk.order(proof=Proof(size=len(longer))))
    assert fetched.size == len(longer)
    assert desk.target.read_bytes() == longer


@pytest.mark.parametrize("fault", ["ignore_conditions", "ignore_range", "node_etags", "wrong_range"])
def test_several_connections_get_over_it_each_by_itself(desk_of: Callable[[int], Desk], fault: str) -> None:
    desk = desk_of(12 * MIB)
    desk.sizes = Sizes(segment=2 * MIB, first_segment=MIB)
    desk.sandbox.faults.add("cut", at=500_000)
    order = desk.order(connections=3)
    with pytest.raises(CivitaiKitError):
        desk.fetch(order, retries=NO_RETRIES)
    desk.sandbox.faults.add(fault, times=3)
    fetched = desk.fetch(order, retries=NO_RETRIES)
    assert (fetched.resumed, fetched.received) == (500_000, len(desk.content) - 500_000)
    assert desk.target.read_bytes() == desk.content
