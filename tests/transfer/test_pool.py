"""Slots: as many as asked for, outcomes as they come, an orderly stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from civitai_kit.core.errors import Code, DiskFull, Interrupted, NotFound
from civitai_kit.transfer.pool import FinishedJob, Pool


def raising(error: Exception) -> Callable[[], int]:
    """A job that fails."""

    def job() -> int:
        raise error

    return job


def test_every_job_has_one_outcome() -> None:
    outcomes = list(Pool().run([partial(pow, n, 2) for n in range(50)], 4))
    assert sorted((outcome.index, outcome.value) for outcome in outcomes) == [(n, n * n) for n in range(50)]


def test_no_more_than_the_slots_run_at_once() -> None:
    lock, now, most = threading.Lock(), [0], [0]
    together = threading.Barrier(3)

    def job() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(10)  # Three at once there are, or this breaks.
        with lock:
            now[0] -= 1

    outcomes = list(Pool().run([job] * 12, 3))
    assert [outcome.error for outcome in outcomes] == [None] * 12
    assert most == [3]


def test_jobs_are_taken_only_when_a_slot_is_free() -> None:
    lock, ended, under_way = threading.Lock(), [0], []

    def job() -> None:
        with lock:
            ended[0] += 1

    def jobs() -> Iterator[Callable[[], None]]:
        for number in range(200):
            with lock:
                under_way.append(number - ended[0])
            yield job

    assert len(list(Pool().run(jobs(), 2))) == 200
    assert max(under_way) <= 1


def test_one_failure_is_one_outcome() -> None:
    missing = NotFound("gone")
    outcomes = list(Pool().run([raising(missing), lambda: 1], 1))
    assert outcomes == [FinishedJob(0, error=missing), FinishedJob(1, value=1)]


def test_an_error_that_nobody_foresaw_is_one_outcome_too() -> None:
    first, second = Pool().run([raising(ZeroDivisionError("with a key in it")), lambda: 1], 1)
    assert first.error is not None
    assert (first.error.code, second.value) == (Code.UNFORESEEN, 1)
    assert "ZeroDivisionError" in first.error.message
    assert "key" not in first.error.message


def test_what_ends_a_run_lets_no_further_job_start() -> None:
    full = DiskFull("full")
    ran = []
    outcomes = list(Pool().run([raising(full), *[lambda: ran.append(1)] * 5], 1))
    assert [outcome.error for outcome in outcomes] == [full]
    assert ran == []


def test_running_jobs_come_to_their_end_when_another_ends_the_run() -> None:
    begun, known = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        return "done" if known.wait(10) else "nobody said that the disk is full"

    def full() -> str:
        begun.wait(10)
        raise DiskFull("full")

    values = []
    for outcome in Pool().run([slow, full], 2):
        values.append(outcome.value)
        known.set()
    assert values == [None, "done"]


def test_a_stop_is_over_within_three_seconds_even_with_a_job_that_hangs() -> None:
    stop, hang = threading.Event(), threading.Event()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    outcomes = list(Pool(stop).run([hang.wait, hang.wait, hang.wait], 2))
    assert time.monotonic() - began < 3.2
    assert [outcome.index for outcome in outcomes] == [0, 1]
    assert all(isinstance(outcome.error, Interrupted) for outcome in outcomes)
    hang.set()


def test_a_list_of_jobs_that_breaks_is_not_taken_for_its_end() -> None:
    def jobs() -> Iterator[Callable[[], int]]:
        yield lambda: 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(Pool().run(jobs(), 2))


def test_no_jobs_are_no_outcomes() -> None:
    assert list(Pool().run([], 4)) == []
