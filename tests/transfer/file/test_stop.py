"""Ctrl-C: every thread is back within three seconds, whatever its socket is doing, and keeps what came."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from civitai_kit.core.errors import Interrupted
from civitai_kit.core.plans.order import Proof
from civitai_kit.core.retry import RetryRules
from tests.transfer.conftest import Desk

AT = 2_000_000


def stopped_while(
    desk: Desk, fetch: Callable[[], Any], *, when: Callable[[], bool] = lambda: True, after: float = 0.3
) -> float:
    """Fetch in a thread, stop a while after something is so; gives the seconds until the thread is back."""
    caught: list[BaseException] = []

    def run() -> None:
        try:
            fetch()
        except Interrupted as error:
            caught.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not when():
        assert time.monotonic() < deadline, "it never got that far"
        time.sleep(0.01)
    time.sleep(after)
    assert thread.is_alive()
    desk.stop.set()
    began = time.monotonic()
    thread.join(5)
    assert not thread.is_alive()
    assert [type(error) for error in caught] == [Interrupted]
    return time.monotonic() - began


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture
def full() -> Iterator[str]:
    """The URL of a port whose queue is full: a connect to it hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        crowd = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            crowd.append(one)
        yield f"http://127.0.0.1:{address[1]}/"
        for one in crowd:
            one.close()


def test_while_headers_are_awaited(desk: Desk, silent: str) -> None:
    fetcher = desk.fetcher(timeout=60)
    assert stopped_while(desk, lambda: fetcher.fetch(desk.order(urls=(silent,)), desk.events.append)) < 3


def test_while_connecting(desk: Desk, full: str) -> None:
    fetcher = desk.fetcher(timeout=60)
    assert stopped_while(desk, lambda: fetcher.fetch(desk.order(urls=(full,)), desk.events.append)) < 3


@pytest.mark.parametrize("proof", ["hash", "none"])
def test_while_the_body_stalls(desk: Desk, proof: str) -> None:
    desk.sandbox.faults.add("stall", at=AT, seconds=30)
    order = desk.order() if proof == "hash" else desk.order(proof=Proof())
    part = desk.target.with_name("model.safetensors.part")
    assert stopped_while(desk, lambda: desk.fetch(order, timeout=60), when=lambda: desk.asked("storage") == 1) < 3
    assert part.stat().st_size == AT
    desk.stop.clear()
    assert desk.fetch(order).resumed == AT


@pytest.mark.parametrize(("size", "at"), [(5_000_003, AT), (500_000, 300_000)])
def test_a_host_that_falls_silent_leaves_no_byte_untold(desk_of: Callable[[int], Desk], size: int, at: int) -> None:
    desk = desk_of(size)
    desk.sandbox.faults.add("stall", at=at, seconds=30)
    stopped_while(desk, lambda: desk.fetch(timeout=60), when=lambda: [m.done for m in desk.moved][-1:] == [at], after=0)


def test_while_a_small_body_stalls(desk: Desk) -> None:
    small = desk.sandbox.world.add_file(desk.version, "small.bin", content=bytes(50_000))
    url = f"{desk.sandbox.url}/api/download/models/{desk.version.id}?fileId={small.id}"
    desk.sandbox.faults.add("stall", at=1000, seconds=30)
    assert stopped_while(desk, lambda: desk.fetch(desk.order(urls=(url,), proof=Proof()), timeout=60)) < 3


def test_while_waiting_for_another_try(desk: Desk) -> None:
    desk.sandbox.faults.add("storage_503", times=None)
    assert stopped_while(desk, lambda: desk.fetch(retries=RetryRules(first_wait=60))) < 1


def test_while_the_rate_is_limited(desk: Desk) -> None:
    assert stopped_while(desk, lambda: desk.fetch(limit_rate=100_000)) < 1


def test_while_several_connections_are_open(desk_of: Callable[[int], Desk]) -> None:
    desk = desk_of(90_000_000)
    desk.sandbox.faults.add("stall", times=None, at=10_000_000, seconds=30)
    took = stopped_while(
        desk, lambda: desk.fetch(desk.order(connections=4), timeout=60), when=lambda: desk.asked("storage") >= 4
    )
    assert took < 3
    desk.sandbox.faults.clear()
    desk.stop.clear()
    assert desk.fetch().size == 90_000_000


def test_nothing_begins_after_the_stop(desk: Desk) -> None:
    desk.stop.set()
    with pytest.raises(Interrupted):
        desk.fetch()
    assert len(desk.sandbox.requests) == 0
    assert desk.names() == []


def test_the_fetchers_own_stop_does_the_same(desk: Desk) -> None:
    desk.sandbox.faults.add("stall", at=AT, seconds=30)
    fetcher = desk.fetcher(timeout=60, stop=None)
    threading.Timer(0.3, fetcher.stop).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        fetcher.fetch(desk.order(), desk.events.append)
    assert time.monotonic() - began < 3
