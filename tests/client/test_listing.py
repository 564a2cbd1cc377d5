"""A listing's way through cursors: sound ones, circles, empty pages, and a site gone astray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from civitai_kit.client.conversation import Call, Request
from civitai_kit.client.listing import Listing
from civitai_kit.core.errors import SiteError, Unavailable, UnexpectedReply
from civitai_kit.core.site.models import Model
from civitai_kit.core.site.paging import Cursor, Page

Told = tuple[Sequence[int | None], Cursor | None]


def pages_of(tell: Callable[[Cursor | None, int], Told | SiteError], **options: Any) -> list[list[int | None]]:
    """The ids of each page of a listing whose pages `tell` knows by cursor and by how often it was asked."""
    asked: list[Cursor | None] = []

    def ask(cursor: Cursor | None) -> Call[Page[Model]]:
        asked.append(cursor)
        yield Request("GET", "https://civitai.test")
        told = tell(cursor, asked.count(cursor))
        if isinstance(told, SiteError):
            raise told
        return Page([{"id": number} for number in told[0]], Model.model_validate, next_cursor=told[1])

    found = []
    whole: Listing[Model] = Listing(ask, lambda row: row["id"], **options)
    try:
        while (page := hold(whole.advance())) is not None:
            found.append([model.id for model in page.items])
    except SiteError as error:
        error.path = str(found)
        raise
    return found


def hold(call: Call[Any]) -> Any:
    """The result of a conversation whose answers do not matter."""
    try:
        while True:
            next(call)
    except StopIteration as done:
        return done.value


def book(**pages: Told) -> Callable[[Cursor | None, int], Told]:
    """Pages by cursor, the first one called `start`."""
    return lambda cursor, _: pages["start" if cursor is None else str(cursor)]


def test_pages_are_followed_to_the_one_without_a_cursor() -> None:
    assert pages_of(book(start=([1, 2], "a"), a=([3], "b"), b=([4], None))) == [[1, 2], [3], [4]]


def test_empty_and_short_pages_are_no_end() -> None:
    assert pages_of(book(start=([], "a"), a=([], "b"), b=([1], None))) == [[], [], [1]]


def test_rows_that_come_again_are_given_once() -> None:
    assert pages_of(book(start=([1, 2], "a"), a=([2, 3], "b"), b=([3, 1], None))) == [[1, 2], [3], []]


def test_rows_without_an_id_are_all_given() -> None:
    assert pages_of(book(start=([None, 1], "a"), a=([None, 1], None))) == [[None, 1], [None]]


def test_a_closed_circle_is_the_end() -> None:
    assert pages_of(book(start=([1], "a"), a=([2], "b"), b=([3], "a"))) == [[1], [2], [3], []]


def test_a_cursor_that_leads_to_itself_is_the_end_when_it_tells_nothing_new() -> None:
    assert pages_of(book(start=([1], "a"), a=([2], "a"))) == [[1], [2], []]


def test_a_passing_circle_heals_at_the_second_look() -> None:
    def tell(cursor: Cursor | None, times: int) -> Told:
        if cursor == "a":
            return [2], "a" if times == 1 else "b"
        return ([1], "a") if cursor is None else ([3], None)

    assert pages_of(tell) == [[1], [2], [], [3]]


def test_a_circle_of_empty_pages_is_an_error_because_rows_may_be_missing() -> None:
    with pytest.raises(UnexpectedReply, match=r"circle.*after 3 pages with 1 row\)") as caught:
        pages_of(book(start=([1], "a"), a=([], "a")))
    assert caught.value.path == "[[1], [], []]" and caught.value.hint


def test_a_circle_that_always_has_news_is_an_error_after_them() -> None:
    fresh = iter(range(100))
    with pytest.raises(UnexpectedReply, match="circle") as caught:
        pages_of(lambda *_: ([next(fresh)], "a"))
    assert caught.value.path == "[[0], [1], [2]]"


def test_a_site_that_makes_up_cursors_for_ever_is_given_up() -> None:
    cursors = iter(range(100))
    with pytest.raises(UnexpectedReply, match=r"after 21 pages with 1 row\)"):
        pages_of(lambda *_: ([1], next(cursors)), most_barren=20)


def test_a_listing_ends_after_the_pages_that_were_wanted() -> None:
    asked: list[Cursor | None] = []

    def tell(cursor: Cursor | None, _: int) -> Told:
        asked.append(cursor)
        return [len(asked)], f"c{len(asked)}"

    assert pages_of(tell, max_pages=2) == [[1], [2]]
    assert asked == [None, "c1"]


def test_a_listing_may_begin_at_a_cursor() -> None:
    assert pages_of(book(a=([3], "b"), b=([4], None)), cursor="a") == [[3], [4]]


def test_a_first_page_that_fails_is_told_as_it_is() -> None:
    with pytest.raises(Unavailable, match=r"^down$"):
        pages_of(lambda *_: Unavailable("down"))


def test_a_later_page_that_fails_says_how_far_it_came() -> None:
    with pytest.raises(Unavailable, match=r"^down \(after 1 page with 2 rows\)$") as caught:
        pages_of(lambda cursor, _: ([1, 2], "a") if cursor is None else Unavailable("down"))
    assert (caught.value.message, caught.value.path) == (str(caught.value), "[[1, 2]]")
