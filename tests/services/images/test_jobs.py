"""Jobs made ahead: in order, not too many, and none after the end."""

from __future__ import annotations

import threading
from collections.abc import Generator
from itertools import islice

from civitai_kit.services.images.jobs import MOST_AHEAD, JobsAhead


class Counted:
    """Numbers, with a note of how many were made, in which threads, and whether their maker was closed."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.made = 0
        self.threads: set[int] = set()
        self.closed = threading.Event()
        self.full = threading.Event()

    def numbers(self) -> Generator[int, None, None]:
        try:
            for number in range(self.most):
                self.made += 1
                self.threads.add(threading.get_ident())
                if self.made == MOST_AHEAD:
                    self.full.set()
                yield number
        finally:
            self.closed.set()


def test_everything_comes_in_order_and_made_in_one_thread_that_is_not_ours() -> None:
    source = Counted(1000)
    assert list(JobsAhead(source.numbers())) == list(range(1000))
    assert len(source.threads) == 1
    assert threading.get_ident() not in source.threads


def test_no_more_is_made_than_a_little_ahead() -> None:
    source = Counted(1000)
    ahead = JobsAhead(source.numbers())
    assert source.full.wait(5)
    assert [*islice(ahead, 10)] == [*range(10)]
    ahead.close()
    assert MOST_AHEAD <= source.made <= MOST_AHEAD + 10
    assert source.closed.is_set()


def test_many_may_take_and_each_gets_its_own_and_then_the_end() -> None:
    ahead, taken, lock = JobsAhead(Counted(500).numbers()), [], threading.Lock()

    def take() -> None:
        for number in iter(lambda: next(ahead, None), None):
            with lock:
                taken.append(number)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(taken) == list(range(500))


def test_a_maker_that_fails_lets_nobody_wait_for_ever() -> None:
    def numbers() -> Generator[int, None, None]:
        yield 1
        raise OSError("broken")

    hook, threading.excepthook = threading.excepthook, lambda _: None
    try:
        assert list(JobsAhead(numbers())) == [1]
    finally:
        threading.excepthook = hook
