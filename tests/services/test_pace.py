"""The pace of a host: fewer at once after a refusal, one pause for all, and an end of asking."""

from __future__ import annotations

import pytest

from civitai_kit.core.errors import Interrupted, RateLimited
from civitai_kit.services.pace import HostPace


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def never() -> bool:
    """Nobody has stopped us."""
    return False


def test_a_refusal_halves_what_goes_at_once_and_success_brings_it_back() -> None:
    clock = Clock()
    pace = HostPace(8, 9, never, clock)
    pace.refuse(10)
    assert pace.allowed == 4
    pace.refuse(10)
    assert pace.allowed == 4, "one pause is one refusal, however many were told"
    clock.now += 11
    pace.refuse(10)
    assert pace.allowed == 2
    for _ in range(40 * 6):
        pace.succeed()
    assert pace.allowed == 8


def test_nobody_begins_during_a_pause_and_a_stop_ends_the_waiting() -> None:
    clock = Clock()
    stopped = False
    pace = HostPace(2, 3, lambda: stopped, clock)
    with pace.turn():
        pace.refuse(5)
    stopped = True
    with pytest.raises(Interrupted), pace.turn():
        pass
    with pytest.raises(Interrupted):
        pace.rest(5)
    clock.now += 6
    with pace.turn():
        assert pace.active == 1


def test_a_turn_that_ends_early_lets_another_go_and_ends_once() -> None:
    pace = HostPace(1, 3, never)
    with pace.turn() as end:
        end()
        end()
        with pace.turn():
            assert pace.active == 1
    assert pace.active == 0


def test_a_host_that_never_gives_is_given_up_after_so_many_pauses_each_longer() -> None:
    clock = Clock()
    pace = HostPace(2, 3, never, clock)
    waits = []
    while (wait := pace.refuse(1)) is not None:
        waits.append(wait)
        clock.now += wait
    assert waits == [1, 2, 4]
    pace.succeed()
    assert pace.refuse(1) == 1


def test_no_pause_of_our_own_is_longer_than_five_minutes() -> None:
    clock = Clock()
    pace = HostPace(2, 50, never, clock)
    waits = []
    for _ in range(8):
        waits.append(pace.refuse(30) or 0)
        clock.now += waits[-1]
    assert waits == [30, 60, 120, 240, 300, 300, 300, 300]


def test_with_no_retries_wanted_a_refusal_is_final() -> None:
    assert HostPace(2, 0, never).refuse(30) is None


def test_a_host_that_wants_hours_is_asked_nothing_more_until_they_are_over() -> None:
    clock = Clock()
    pace = HostPace(2, 3, never, clock)
    assert pace.refuse(7200) is None
    with pytest.raises(RateLimited) as caught, pace.turn():
        pass
    assert caught.value.retry_after == 7200
    clock.now += 7201
    with pace.turn():
        assert pace.active == 1
