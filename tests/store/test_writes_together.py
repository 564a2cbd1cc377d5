"""Writes of several threads: what waits for one to end is synced as one, and each still has its own outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from civitai_kit.store.environment import Environment, Transaction

Job = Callable[[Transaction], object]
WAITING = 7
TRIES = 30


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    with closing(Environment.open(tmp_path / "db", read_only=False)) as environment:
        yield environment


def behind_one_write(environment: Environment, jobs: list[Job]) -> list[Future[object]]:
    """The outcomes of jobs that were asked for while another was under way."""
    begun, go_on = threading.Event(), threading.Event()
    asked = threading.Barrier(len(jobs) + 1)

    def first(_: Transaction) -> None:
        begun.set()
        go_on.wait(10)

    def ask(job: Job) -> object:
        asked.wait(10)
        return environment.write(job)

    with ThreadPoolExecutor(len(jobs) + 1) as pool:
        pool.submit(environment.write, first)
        begun.wait(10)
        outcomes = [pool.submit(ask, job) for job in jobs]
        asked.wait(10)
        go_on.set()
    return outcomes


def putting(number: int) -> Job:
    """A job that writes a number."""
    return lambda txn: txn.put(b"%d" % number, b"x")


def numbers(environment: Environment) -> list[int]:
    """The numbers that are written."""
    return environment.read(lambda txn: sorted(int(key) for key in txn.cursor().iternext(values=False)))


def test_writes_that_wait_for_another_are_one_transaction(environment: Environment) -> None:
    found: list[Transaction] = []

    def noted(txn: Transaction) -> None:
        found.append(getattr(txn, "own", txn))

    # How many have come to wait is up to the system, so it gets more than one chance.
    for _ in range(TRIES):
        found.clear()
        assert all(outcome.exception() is None for outcome in behind_one_write(environment, [noted] * WAITING))
        assert len(found) == WAITING
        if len({id(txn) for txn in found}) < WAITING:
            return
    pytest.fail("each had a transaction of its own")


def test_of_writes_together_the_one_that_fails_meets_its_own_error_and_the_others_are_written(
    environment: Environment,
) -> None:
    def failing(txn: Transaction) -> None:
        txn.put(b"99", b"x")
        raise ValueError("mine")

    for _ in range(TRIES):
        good, bad = [putting(number) for number in range(3)], [failing]
        outcomes = behind_one_write(environment, [*good, *bad, *good])
        assert [type(outcome.exception()) for outcome in outcomes] == [type(None)] * 3 + [ValueError] + [type(None)] * 3
    assert numbers(environment) == [0, 1, 2]


def test_what_a_write_gives_is_its_own(environment: Environment) -> None:
    jobs: list[Job] = [lambda _, number=number: number for number in range(WAITING)]  # type: ignore[misc]
    for _ in range(TRIES):
        assert [outcome.result() for outcome in behind_one_write(environment, jobs)] == list(range(WAITING))


def test_a_write_within_a_write_is_a_mistake_and_harms_neither_the_outer_nor_the_next(environment: Environment) -> None:
    def outer(txn: Transaction) -> None:
        txn.put(b"1", b"x")
        with pytest.raises(RuntimeError):
            environment.write(putting(2))

    environment.write(outer)
    environment.write(putting(3))
    assert numbers(environment) == [1, 3]


def test_a_written_thing_is_there_for_another_process_when_the_write_returns(environment: Environment) -> None:
    def put_and_look(number: int) -> bool:
        environment.write(putting(number))
        return number in numbers(environment)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put_and_look, range(100)))
