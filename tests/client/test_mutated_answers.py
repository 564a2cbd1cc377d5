"""Five thousand answers of the site with something in them changed: each is read whole, and kept as it came."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civitai_kit import CivitaiKitError, Client, Image, Model, Page, RetryRules
from civitai_kit.core.site.models import SiteValue
from civitai_kit.testing import sandbox

RECORDS = Path(__file__).parents[3] / "shared" / "data"
PAGES, ROWS, WANTED = 200, 27, 5_000
PLACES = 10_000
LARGEST = 6_000

GONE = object()
ODD: list[Any] = [
    *(GONE, None, True, False, 0, -1, 1.5, 7.0, 1e308, 2**31, 2**70, "", "x", "12", "{Image,Sell}", "\ud800"),
    *("2024-01-01T00:00:00Z", "a" * 5_000, [], [None], [[]], [{}], ["x", 5], list(range(100)), {}, {"": None}),
    *({"id": "x"}, {"name": {}}, {"meta": {"meta": 5}}, {"id": 1, "meta": None}, [{"id": 1}, {"id": 1}]),
]


@cache
def answers() -> dict[str, list[dict[str, Any]]]:
    """Rows of listings to begin with: the sandbox's, and recorded ones where they are; no large ones, to be quick."""
    with sandbox() as served, httpx2.Client(base_url=f"{served.url}/api/v1") as http:
        found = {
            path: http.get(f"/{path}?limit=100&nsfw=true&withMeta=true").json()["items"]
            for path in ("models", "images")
        }
    for path, folder in (("models", "model"), ("images", "image-item")):
        found[path] += [json.loads(each.read_bytes()) for each in sorted((RECORDS / folder).glob("*"))]
    return {path: [row for row in rows if len(json.dumps(row)) < LARGEST] for path, rows in found.items()}


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to everything within an answer."""
    yield here
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*here, key))


def changed(value: Any, way: tuple[Any, ...], odd: Any) -> Any:
    """A copy of an answer with one thing in it another, or gone."""
    if not way:
        return {} if odd is GONE else odd
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if odd is GONE and len(way) == 1:
        del copy[way[0]]
    else:
        copy[way[0]] = changed(copy[way[0]], way[1:], odd)
    return copy


def mutated(rows: list[dict[str, Any]], which: int, changes: list[tuple[int, int]]) -> Any:
    """One of the rows, changed in some places."""
    row: Any = rows[which % len(rows)]
    for place, odd in changes:
        ways = list(places(row))
        row = changed(row, ways[place % len(ways)], ODD[odd])
    return row


def read_whole(value: Any) -> None:
    """Look at everything that a value says, as a program might."""
    if isinstance(value, SiteValue):
        properties = [name for name, each in vars(type(value)).items() if isinstance(each, property)]
        for name in [*type(value).model_fields, *properties]:
            read_whole(getattr(value, name))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            read_whole(item)


MUTATIONS = st.tuples(
    st.integers(0, PLACES), st.lists(st.tuples(st.integers(0, PLACES), st.integers(0, len(ODD) - 1)), max_size=3)
)


def asked(path: str, body: bytes) -> Page[Model] | Page[Image]:
    """What the client makes of a page."""
    http = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, content=body)))
    with Client(http=http, retry=RetryRules(max_retries=0)) as client:
        return client.models_page() if path == "models" else client.images_page()


def test_a_mutated_record_is_read_and_kept_and_a_broken_page_is_a_typed_error() -> None:
    read = 0

    @settings(max_examples=PAGES, deadline=None)
    @given(
        st.sampled_from(["models", "images"]),
        st.lists(MUTATIONS, min_size=ROWS, max_size=ROWS),
        st.sampled_from(ODD[1:]),
        st.integers(0, PLACES),
    )
    def look(path: str, mutations: list[tuple[int, list[tuple[int, int]]]], metadata: Any, cut: int) -> None:
        nonlocal read
        rows = [mutated(answers()[path], *each) for each in mutations]
        body = json.dumps({"items": rows, "metadata": metadata}).encode()
        page = asked(path, body)
        read_whole(page.items)
        objects = [row for row in rows if isinstance(row, dict)]
        assert [json.dumps(item.raw) for item in page.items] == [json.dumps(row) for row in objects]
        read += len(objects)
        with pytest.raises(CivitaiKitError):
            asked(path, body[: cut % len(body)])

    look()
    assert read >= WANTED
