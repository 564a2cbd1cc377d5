"""What is read ahead, and that nobody is held by a thread."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from civitai_kit import NotFound, RetryRules
from civitai_kit.client.ahead import aside, read_ahead
from civitai_kit.client.manner import Manner
from civitai_kit.client.pacing import Pace
from civitai_kit.client.site_client import SiteClient
from civitai_kit.core.errors import Interrupted, Unavailable
from civitai_kit.core.site.query import ImageQuery, ModelQuery
from civitai_kit.testing import Sandbox, World
from tests.client.conftest import SWIFT


def soon(happened: Callable[[], bool]) -> bool:
    """Whether something happens within seconds."""
    until = time.monotonic() + 5
    while not happened() and time.monotonic() < until:
        time.sleep(0.005)
    return happened()


def readers() -> list[threading.Thread]:
    """The threads that read ahead now."""
    return [thread for thread in threading.enumerate() if thread.name == "page-ahead"]


def counted(most: int, read: list[int]) -> Callable[[Callable[[], None]], int | None]:
    """Gives 1, 2 … and then None; `read` tells how far it was read."""

    def one(check: Callable[[], None]) -> int | None:
        check()
        read.append(len(read) + 1)
        return read[-1] if read[-1] <= most else None

    return one


def test_items_come_in_order_and_end() -> None:
    assert list(read_ahead(counted(5, []))) == [1, 2, 3, 4, 5]


def test_one_item_is_read_ahead_and_no_more() -> None:
    read: list[int] = []
    with closing(items := read_ahead(counted(9, read))):  # type: ignore[type-var]  # a generator
        assert read == []
        assert next(items) == 1
        assert soon(lambda: read == [1, 2])
    assert soon(lambda: not readers()) and read == [1, 2]


def test_leaving_early_ends_the_thread() -> None:
    for _ in read_ahead(counted(9, [])):
        break
    assert soon(lambda: not readers())


def test_an_error_comes_in_its_turn() -> None:
    def read(check: Callable[[], None]) -> int | None:
        if len(seen) == 1:
            raise Unavailable("down")
        return 1

    seen: list[int] = []
    with pytest.raises(Unavailable):
        seen.extend(read_ahead(read))
    assert seen == [1]


def test_a_thread_that_waits_is_left_behind_when_we_stop() -> None:
    stop, forever = threading.Event(), threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Interrupted("stopped")

    threading.Timer(0.05, stop.set).start()
    start = time.monotonic()
    with pytest.raises(Interrupted):
        aside(lambda: forever.wait(20), check)
    assert time.monotonic() - start < 2
    forever.set()


# -- against the sandbox --------------------------------------------------------------------------------------


@pytest.fixture
def client(civitai_sandbox: Sandbox) -> Iterator[SiteClient]:
    """A client of a sandbox with seven pages of five models."""
    civitai_sandbox.world = World.large(models=35, bytes_each=100)
    with SiteClient(Manner(base_url=civitai_sandbox.url, retry=SWIFT)) as made:
        yield made


PAGES = ModelQuery(limit=5)


def test_pages_read_ahead_hold_every_model_once(client: SiteClient, civitai_sandbox: Sandbox) -> None:
    for read_ahead_too in (True, False):
        pages = list(client.models_of(PAGES, read_ahead=read_ahead_too))
        assert [len(page.items) for page in pages] == [5] * 7
        assert len({model.id for page in pages for model in page.items}) == 35
    assert len(civitai_sandbox.requests) == 14


def test_no_page_is_asked_for_beyond_the_one_ahead(client: SiteClient, civitai_sandbox: Sandbox) -> None:
    with closing(client.models_of(PAGES)) as pages:  # type: ignore[type-var]  # a generator
        assert len(civitai_sandbox.requests) == 0
        next(pages)
        assert soon(lambda: len(civitai_sandbox.requests) == 2)
    assert soon(lambda: not readers())
    assert len(civitai_sandbox.requests) == 2


def test_no_page_is_asked_for_beyond_those_wanted(client: SiteClient, civitai_sandbox: Sandbox) -> None:
    assert len(list(client.models_of(PAGES, max_pages=2))) == 2
    assert len(civitai_sandbox.requests) == 2


def test_a_consumer_that_leaves_early_asks_for_nothing_more(client: SiteClient, civitai_sandbox: Sandbox) -> None:
    for _ in client.models_of(PAGES):
        break
    assert soon(lambda: not readers())
    assert len(civitai_sandbox.requests) <= 2


def test_a_page_that_fails_is_told_after_those_that_came(client: SiteClient, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("server_error", times=None, match="cursor=")
    pages = client.models_of(PAGES)
    assert len(next(pages).items) == 5
    with pytest.raises(Unavailable, match="after 1 page with 5 rows"):
        next(pages)


def test_the_next_page_travels_while_this_one_is_worked_on(client: SiteClient, civitai_sandbox: Sandbox) -> None:
    for number, _ in enumerate(client.models_of(PAGES, max_pages=5), start=1):
        asked = min(number + 1, 5)
        assert soon(lambda asked=asked: len(civitai_sandbox.requests) == asked)  # type: ignore[misc]


def test_images_are_read_from_a_cursor_on(client: SiteClient, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world = World.images_on_the_fly(50)
    first, *rest = client.images_of(ImageQuery(limit=20, nsfw=True))
    again = list(client.images_of(ImageQuery(limit=20, nsfw=True), first.next_cursor))
    assert [image.id for page in again for image in page.items] == [image.id for page in rest for image in page.items]
    assert len(first.items) == 20


def test_an_unknown_name_is_not_found_when_the_first_page_is_taken(client: SiteClient) -> None:
    with pytest.raises(NotFound):
        next(client.models_of(ModelQuery(username="nobody_here")))


# -- stopping -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["rate_limited", "slow"])
@pytest.mark.parametrize("ahead", [True, False])
def test_a_stop_ends_a_pause_and_a_silent_request_within_a_moment(
    civitai_sandbox: Sandbox, fault: str, ahead: bool
) -> None:
    stop = threading.Event()
    civitai_sandbox.faults.add(fault, times=None, **({"delay": 20.0} if fault == "slow" else {"retry_after": 200}))
    threading.Timer(0.1, stop.set).start()
    start = time.monotonic()
    with SiteClient(Manner(base_url=civitai_sandbox.url, stop=stop)) as client, pytest.raises(Interrupted):
        next(client.models_of(PAGES, read_ahead=ahead))
    assert time.monotonic() - start < 2
    civitai_sandbox.faults.clear()


PROGRAM = """
import sys
from civitai_kit.client.manner import Manner
from civitai_kit.client.site_client import SiteClient
from civitai_kit.core.site.query import ModelQuery
try:
    with SiteClient(Manner(base_url=sys.argv[1])) as client:
        print("asking", flush=True)
        next(client.models_of(ModelQuery(), read_ahead=sys.argv[2] == "True"))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("ahead", [True, False])
def test_ctrl_c_ends_a_silent_request_within_a_moment(civitai_sandbox: Sandbox, ahead: bool) -> None:
    civitai_sandbox.faults.add("slow", times=None, delay=20.0)
    command = [sys.executable, "-c", PROGRAM, civitai_sandbox.url, str(ahead)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None and program.stdout.readline() == "asking\n"
        assert soon(lambda: len(civitai_sandbox.requests) == 1)
        start = time.monotonic()
        program.send_signal(signal.SIGINT)
        assert (program.stdout.read(), program.wait()) == ("interrupted\n", 0)
    assert time.monotonic() - start < 2.5


def test_a_stopped_client_asks_nothing(civitai_sandbox: Sandbox) -> None:
    stop = threading.Event()
    stop.set()
    with SiteClient(Manner(base_url=civitai_sandbox.url, stop=stop)) as client, pytest.raises(Interrupted):
        client.model(1001)
    assert len(civitai_sandbox.requests) == 0


def test_a_pause_is_announced(civitai_sandbox: Sandbox) -> None:
    said: list[tuple[float, str]] = []
    civitai_sandbox.faults.add("overloaded", retry_after=0)
    civitai_sandbox.faults.add("server_error")
    rules = RetryRules(first_wait=0.001)
    with SiteClient(
        Manner(base_url=civitai_sandbox.url, retry=rules, on_wait=lambda *pause: said.append(pause))
    ) as client:
        client.model(1001)
    assert said[0] == (0.0, "Model search is temporarily overloaded — please retry.")
    assert 0.002 <= said[1][0] <= 0.0025 and said[1][1] == "An unexpected error occurred"


# -- pace -----------------------------------------------------------------------------------------------------


def test_starts_are_a_delay_apart() -> None:
    now = [100.0]
    pace = Pace(2.0, clock=lambda: now[0])
    assert [pace.reserve() for _ in range(3)] == [0, 2, 4]
    now[0] += 5
    assert pace.reserve() == 1
    now[0] += 60
    assert pace.reserve() == 0


def test_a_hold_keeps_everybody_back_and_no_delay_means_none() -> None:
    pace = Pace(0.0, clock=lambda: 100.0)
    assert [pace.reserve(), pace.reserve()] == [0, 0]
    pace.hold(30)
    pace.hold(5)
    assert pace.reserve() == 30


def test_clients_that_share_a_pace_take_turns(civitai_sandbox: Sandbox) -> None:
    pace = Pace(0.05)
    with (
        SiteClient(Manner(base_url=civitai_sandbox.url, pace=pace)) as one,
        SiteClient(Manner(base_url=civitai_sandbox.url, pace=pace)) as two,
    ):
        threads = [threading.Thread(target=client.model, args=(1001,)) for client in (one, two, one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    starts = sorted(request.started for request in civitai_sandbox.requests)
    assert starts[-1] - starts[0] > 0.12
