"""The one way to fetch a picture: within its budget, each once, as its host wants it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.errors import CivitaiKitError, Code, Interrupted, NotAModel, NotFound, RateLimited
from civitai_kit.core.events import Event, FileWaits
from civitai_kit.core.retry import RetryRules
from civitai_kit.disk.picture_folder import PictureFolder
from civitai_kit.sandbox.storage.urls import delivery_url
from civitai_kit.sandbox.worlds import media
from civitai_kit.sandbox.worlds.records import WorldImage
from civitai_kit.services.pace import Budget
from civitai_kit.services.pictures import BroughtPicture, Pictures, WantedPicture
from civitai_kit.testing import Sandbox
from civitai_kit.transfer.file.fetch import Fetcher

PNG = media.png(text="a picture")
LARGE = PNG[:-12] + bytes(5_000_000) + PNG[-12:]
RULES = RetryRules(max_retries=3, first_wait=0.0005)
BUDGET = Budget(RULES)


@dataclass
class Gallery:
    """A folder, the sandbox's image host, and what was told."""

    sandbox: Sandbox
    root: Path
    fetcher: Fetcher
    stop: threading.Event
    events: list[Event] = field(default_factory=list)

    def pictures(self, slots: int = 4, rules: RetryRules = RULES) -> Pictures:
        """The way to fetch pictures into the folder."""
        stopped, folder = self.stop.is_set, PictureFolder(self.root)
        return Pictures(self.fetcher, folder, rules, slots=slots, stopped=stopped, emit=self.events.append)

    def picture(self, stem: str = "1", image: WorldImage | None = None, **changes: Any) -> WantedPicture:
        """An image of the site's, wanted at a stem."""
        shown = image or self.sandbox.world.add_image(content=PNG)
        urls = (delivery_url(self.sandbox.storage_url, shown),)
        return WantedPicture(**{"image_id": shown.id, "quality": Quality.HD, "stem": stem, "urls": urls, **changes})

    def bring(self, picture: WantedPicture | None = None, **parts: Any) -> BroughtPicture:
        """Bring one picture."""
        return self.pictures(**parts).bring(picture or self.picture())

    @property
    def waits(self) -> list[FileWaits]:
        """Every announced wait."""
        return [event for event in self.events if isinstance(event, FileWaits)]

    @property
    def requests(self) -> int:
        """How many requests the image host has had."""
        return len(self.sandbox.requests)


@pytest.fixture
def gallery(civitai_sandbox: Sandbox, tmp_path: Path) -> Iterator[Gallery]:
    """An empty folder and a fetcher that would try a model file often."""
    stop = threading.Event()
    rules = RetryRules(max_retries=9, first_wait=0.0005)
    with ExitStack() as closing:
        fetcher = Fetcher(
            site=civitai_sandbox.url, api_key=None, user_agent="tests/1", timeout=0.5, retries=rules, stop=stop
        )
        yield Gallery(civitai_sandbox, tmp_path / "images", closing.enter_context(fetcher), stop)


# -- the budget -----------------------------------------------------------------------------------------------


def test_the_budget_of_three_retries_is_sixteen_requests() -> None:
    assert (BUDGET.tries, BUDGET.pauses, BUDGET.requests) == (4, 12, 16)
    assert Budget(RetryRules(max_retries=0)).requests == 1


@pytest.mark.parametrize(
    ("fault", "most"),
    [
        ("storage_503", BUDGET.tries),
        ("storage_500", BUDGET.tries),
        ("storage_reset", BUDGET.tries),
        ("html_file", BUDGET.tries),
        ("json_file", BUDGET.tries),
        ("range_416", BUDGET.tries),
        ("cut", BUDGET.tries),
        ("storage_429", BUDGET.pauses + 1),
        ("storage_404", 1),
        ("expired", 1),
    ],
)
def test_a_host_that_never_gives_is_asked_as_often_as_the_budget_says(gallery: Gallery, fault: str, most: int) -> None:
    params: dict[str, dict[str, Any]] = {"storage_429": {"retry_after": 0}, "cut": {"at": 20}}
    gallery.sandbox.faults.add(fault, None, "", **params.get(fault, {}))
    with pytest.raises(CivitaiKitError):
        gallery.bring()
    assert gallery.requests == most
    assert [*gallery.root.rglob("*.*")] == []


def test_a_kept_connection_that_is_reset_costs_one_request_more_at_most(gallery: Gallery) -> None:
    pictures = gallery.pictures()
    pictures.bring(gallery.picture("1"))
    gallery.sandbox.clear_requests()
    gallery.sandbox.faults.add("storage_reset", None, "")
    with pytest.raises(CivitaiKitError):
        pictures.bring(gallery.picture("2"))
    assert BUDGET.tries <= gallery.requests <= BUDGET.tries + 1


def test_all_faults_in_turn_cost_no_more_than_the_budget(gallery: Gallery) -> None:
    for _ in range(20):
        gallery.sandbox.faults.add("storage_429", 4, "", retry_after=0)
        for fault in ("html_file", "storage_503", "storage_reset"):
            gallery.sandbox.faults.add(fault, 1, "")
    with pytest.raises(CivitaiKitError):
        gallery.bring()
    assert BUDGET.tries < gallery.requests <= BUDGET.requests


def test_every_variant_of_a_clip_has_the_budget_once(gallery: Gallery) -> None:
    still = gallery.picture(is_clip=True)
    with pytest.raises(NotAModel):
        gallery.bring(gallery.picture(urls=still.urls * 2, is_clip=True))
    assert gallery.requests == 2
    assert [*gallery.root.rglob("*.*")] == []


def test_with_no_retries_wanted_there_is_one_request(gallery: Gallery) -> None:
    for fault in ("storage_503", "html_file", "storage_429"):
        gallery.sandbox.faults.add(fault, 1, "")
        with pytest.raises(CivitaiKitError):
            gallery.bring(rules=RetryRules(max_retries=0))
    assert gallery.requests == 3


@pytest.mark.parametrize("fault", ["cut", "stall", "storage_429", "storage_503", "storage_reset", "no_content_length"])
def test_a_passing_fault_is_got_over(gallery: Gallery, fault: str) -> None:
    params: dict[str, dict[str, Any]] = {
        "cut": {"at": 20},
        "stall": {"at": 20, "seconds": 30},
        "storage_429": {"retry_after": 0},
    }
    gallery.sandbox.faults.add(fault, 1, "", **params.get(fault, {}))
    assert gallery.bring().path == "1.png"
    assert (gallery.root / "1.png").read_bytes() == PNG
    assert [path.name for path in gallery.root.iterdir()] == ["1.png"]


def test_a_picture_that_is_gone_is_not_asked_for_again(gallery: Gallery) -> None:
    with pytest.raises(NotFound):
        gallery.bring(gallery.picture(urls=(f"{gallery.sandbox.storage_url}/nothing/1/2.jpeg",)))
    assert gallery.requests == 1


def test_a_large_picture_that_is_cut_goes_on_where_it_was_and_advance_renews_the_tries(gallery: Gallery) -> None:
    image = gallery.sandbox.world.add_image(content=LARGE)
    gallery.sandbox.faults.add("cut", 6, "", at=700_000)
    brought = gallery.bring(gallery.picture(image=image))
    assert brought.place.read_bytes() == LARGE
    ranges = [record.headers.get("range", "") for record in gallery.sandbox.requests]
    assert ranges == ["", *(f"bytes={700_000 * number}-" for number in range(1, 7))]
    assert brought.received == len(LARGE)


# -- what the host asks for -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.3, 0.0])
def test_a_retry_after_is_heeded(gallery: Gallery, seconds: float) -> None:
    gallery.sandbox.faults.add("storage_429", 1, "", retry_after=seconds)
    gallery.bring()
    first, second = (record.started for record in gallery.sandbox.requests)
    assert second - first >= seconds
    assert [(wait.seconds, wait.too_fast) for wait in gallery.waits] == [(seconds, True)]


def test_the_pause_of_one_is_kept_by_all(gallery: Gallery) -> None:
    pictures = gallery.pictures(slots=1)
    gallery.sandbox.faults.add("storage_429", 1, "", retry_after=0.3)
    wanted = [gallery.picture(f"{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        brought = list(pool.map(pictures.bring, wanted))
    assert sorted(one.path for one in brought) == ["0.png", "1.png", "2.png", "3.png"]
    first, second, *others = (record.started for record in gallery.sandbox.requests)
    assert second - first >= 0.3
    assert len(others) == 3


def test_a_host_that_wants_a_long_pause_is_asked_for_no_other_picture(gallery: Gallery) -> None:
    pictures = gallery.pictures()
    gallery.sandbox.faults.add("storage_429", 1, "", retry_after=3600)
    for stem in ("1", "2"):
        with pytest.raises(RateLimited) as caught:
            pictures.bring(gallery.picture(stem))
        assert caught.value.code is Code.RATE_LIMITED
    assert gallery.requests == 1


def test_a_stop_ends_a_pause(gallery: Gallery) -> None:
    gallery.sandbox.faults.add("storage_429", None, "", retry_after=200)
    pictures = gallery.pictures()
    with ThreadPoolExecutor(1) as pool:
        bringing = pool.submit(pictures.bring, gallery.picture())
        while not gallery.waits:
            assert not bringing.done()
        gallery.stop.set()
        assert isinstance(bringing.exception(5), Interrupted)


# -- each once ------------------------------------------------------------------------------------------------


def test_the_same_picture_for_two_places_is_fetched_once_and_linked(gallery: Gallery) -> None:
    pictures, image = gallery.pictures(), gallery.sandbox.world.add_image(content=PNG)
    wanted = [gallery.picture(f"{folder}/1", image) for folder in ("a", "b", "c")]
    with ThreadPoolExecutor(3) as pool:
        brought = list(pool.map(pictures.bring, wanted))
    assert gallery.requests == 1
    assert sorted(one.received or 0 for one in brought) == [0, 0, len(PNG)]
    assert {one.place.stat().st_ino for one in brought} == {brought[0].place.stat().st_ino}


def test_a_picture_that_was_taken_away_meanwhile_is_fetched_again(gallery: Gallery) -> None:
    pictures, image = gallery.pictures(), gallery.sandbox.world.add_image(content=PNG)
    pictures.bring(gallery.picture("a/1", image)).place.unlink()
    assert pictures.bring(gallery.picture("b/1", image)).received == len(PNG)
