"""Items and pages of a listing on all three clients: nothing lost, nothing twice, and gone on with another day."""

from __future__ import annotations

from itertools import chain
from operator import methodcaller
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civitai_kit import Client, ModelSort, Unavailable
from civitai_kit.testing import Known, Sandbox, World
from tests.client.conftest import SWIFT, Asking


def cursors(pages: list[Any]) -> list[Any]:
    """Where each page says that the next one begins."""
    return [page.next_cursor for page in pages]


@pytest.mark.parametrize("sort", [None, *ModelSort])
def test_pages_hold_every_model_once_and_any_of_them_can_be_the_first_of_another_day(
    asking: Asking, sort: ModelSort | None
) -> None:
    asking.sandbox.world = World.large(models=13, bytes_each=100)
    pages = asking.ask(lambda client: client.models(sort=sort, limit=4).pages())
    ids = [[model.id for model in page.items] for page in pages]
    assert sorted(chain(*ids)) == sorted(asking.sandbox.world.models)
    for done, cursor in enumerate(cursors(pages)[:-1], start=1):
        rest = asking.ask(methodcaller("models", sort=sort, limit=4, cursor=cursor))
        assert [model.id for model in rest] == list(chain(*ids[done:]))


@pytest.mark.parametrize("sort", ["Newest", "Oldest", "Most Reactions"])
def test_images_go_on_from_a_cursor(asking: Asking, sort: str) -> None:
    options = {"model_id": Known.MANY_VERSIONS, "browsing_level": 31, "sort": sort, "limit": 5}
    pages = asking.ask(lambda client: client.images(**options).pages())
    everything = [image.id for page in pages for image in page.items]
    assert len(everything) == len(set(everything)) == 24
    for bookmark in (cursors(pages)[1], str(cursors(pages)[1])):  # kept in a file, a number is text
        rest = asking.ask(methodcaller("images", **options, cursor=bookmark))
        assert {image.id for image in rest} == set(everything[10:])


@pytest.mark.parametrize("listing", ["creators", "tags", "articles", "collections"])
def test_the_other_listings_go_on_from_a_cursor_too(asking: Asking, listing: str) -> None:
    pages = asking.ask(lambda client: getattr(client, listing)(limit=2).pages())
    rest = asking.ask(lambda client: getattr(client, listing)(limit=2, cursor=pages[0].next_cursor))
    assert list(rest) == [item for page in pages[1:] for item in page.items]


@pytest.fixture
def client(civitai_sandbox: Sandbox) -> Any:
    """A client of a sandbox with 23 models."""
    civitai_sandbox.world = World.large(models=23, bytes_each=100)
    with Client(base_url=civitai_sandbox.url, retry=SWIFT) as made:
        yield made


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=st.integers(0, 23))
def test_items_left_anywhere_go_on_with_nothing_lost_and_a_page_at_most_again(client: Client, taken: int) -> None:
    items = client.models(limit=5)
    before = [next(items).id for _ in range(taken)]
    after = [model.id for model in client.models(limit=5, cursor=items.cursor)] if not items.ended else []
    assert set(before) | set(after) == {10_001 + number for number in range(23)}
    assert len(before) + len(after) - 23 == (taken % 5 if taken < 23 else 0)


def test_items_say_when_they_have_ended(client: Client) -> None:
    items = client.models(limit=20)
    assert (items.ended, items.cursor) == (False, None)
    assert len(list(items)) == 23
    assert (items.ended, items.cursor, list(items)) == (True, None, [])


def test_a_page_that_failed_can_be_asked_for_again(client: Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("server_error", times=4, match="cursor=")
    items = client.models(limit=5)
    found = [next(items).id for _ in range(5)]
    with pytest.raises(Unavailable):
        next(items)
    assert len(found + [model.id for model in items]) == 23


def test_pages_go_on_after_one_that_failed_and_never_say_that_they_have_ended(
    client: Client, civitai_sandbox: Sandbox
) -> None:
    civitai_sandbox.faults.add("server_error", times=4, match="cursor=")
    pages = client.models(limit=5).pages()
    found = list(next(pages).items)
    with pytest.raises(Unavailable):
        next(pages)
    assert len(found + [model for page in pages for model in page.items]) == 23
