"""Articles and collections, as conversations that both clients hold (site.md 9.1, 9.2)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from civitai_kit.client.conversation import Asker, Call
from civitai_kit.client.listing import Listing
from civitai_kit.client.shapes import is_page, is_value
from civitai_kit.core.site.enums import ArticleSort, BadOption, CollectionSort
from civitai_kit.core.site.option_values import bookmark, known, numbers, page_size, required_id, text, truth
from civitai_kit.core.site.paging import Cursor, Page, page_of
from civitai_kit.core.site.publications import Article, Collection
from civitai_kit.core.site.reading import integer

# The most that the site gives in one page, and the longest query for collections (site.md 9.1, 9.2).
PAGE = 100
LONGEST_QUERY = 100

Params = list[tuple[str, str]]


def article(asker: Asker, article_id: int) -> Call[Article]:
    """One article by its id, with its `content`; raises NotFound for a draft too (site.md 9.1)."""
    number = required_id("article_id", article_id)
    return Article.model_validate((yield from asker.get(f"/articles/{number}", is_value)))


def articles(
    asker: Asker,
    *,
    query: str | None = None,
    tags: int | Iterable[int] = (),
    username: str | None = None,
    sort: ArticleSort | str | None = None,
    nsfw: bool | None = None,
    limit: int = PAGE,
    cursor: Cursor | None = None,
) -> Listing[Article]:
    """All articles whose title holds `query`, each once (site.md 9.1).

    `tags` are ids, `username` is a whole name, `nsfw` True brings all levels, `limit` is the page size, 1 to 100.
    """
    params = _article_params(query, tags, username=username, sort=sort, nsfw=nsfw, limit=limit)
    return Listing(partial(_article_page, asker, params), _id_of, cursor)


def articles_page(
    asker: Asker,
    *,
    query: str | None = None,
    tags: int | Iterable[int] = (),
    username: str | None = None,
    sort: ArticleSort | str | None = None,
    nsfw: bool | None = None,
    limit: int = PAGE,
    cursor: Cursor | None = None,
) -> Call[Page[Article]]:
    """One page of articles, the first or the one at `cursor` (site.md 9.1)."""
    return _article_page(
        asker, _article_params(query, tags, username=username, sort=sort, nsfw=nsfw, limit=limit), cursor
    )


def collection(asker: Asker, collection_id: int) -> Call[Collection]:
    """The description of one collection by its id, a public or unlisted one, else NotFound is raised (site.md 9.2)."""
    number = required_id("collection_id", collection_id)
    return Collection.model_validate((yield from asker.get(f"/collections/{number}", is_value)))


def collections(
    asker: Asker,
    *,
    query: str | None = None,
    sort: CollectionSort | str | None = None,
    nsfw: bool | None = None,
    limit: int = PAGE,
    cursor: Cursor | None = None,
) -> Listing[Collection]:
    """All public collections whose name holds `query`, each once (site.md 9.2).

    `query` has 100 letters at most, `nsfw` True brings all levels, `limit` is the page size, 1 to 100. By
    `CollectionSort.MOST_FOLLOWERS` there is one page only, and no cursor.
    """
    params = _collection_params(query, sort, nsfw, limit, cursor)
    most = 1 if ("sort", CollectionSort.MOST_FOLLOWERS.value) in params else None
    return Listing(partial(_collection_page, asker, params), _id_of, cursor, most)


def collections_page(
    asker: Asker,
    *,
    query: str | None = None,
    sort: CollectionSort | str | None = None,
    nsfw: bool | None = None,
    limit: int = PAGE,
    cursor: Cursor | None = None,
) -> Call[Page[Collection]]:
    """One page of public collections, the first or the one at `cursor` (site.md 9.2)."""
    return _collection_page(asker, _collection_params(query, sort, nsfw, limit, cursor), cursor)


def _article_params(
    query: str | None,
    tags: int | Iterable[int],
    *,
    username: str | None,
    sort: ArticleSort | str | None,
    nsfw: bool | None,
    limit: int,
) -> Params:
    wanted = ",".join(map(str, numbers("tags", tags)))
    name = text("username", username)
    return [
        *_common(query, known("sort", ArticleSort, sort), nsfw, limit),
        *([("tags", wanted)] if wanted else []),
        *([("username", name)] if name else []),
    ]


def _collection_params(
    query: str | None, sort: CollectionSort | str | None, nsfw: bool | None, limit: int, cursor: Cursor | None
) -> Params:
    order = known("sort", CollectionSort, sort)
    if len(query or "") > LONGEST_QUERY:
        raise BadOption(f"query has more than {LONGEST_QUERY} letters.", hint="Shorten it.")
    if order is CollectionSort.MOST_FOLLOWERS and cursor is not None:
        raise BadOption("Most Followers has one page only.", hint="Leave the cursor or the sort out.")
    return _common(query, order, nsfw, limit)


def _common(query: str | None, order: str | None, nsfw: bool | None, limit: int) -> Params:
    asked = text("query", query, blank=True)
    return [
        ("limit", str(page_size(limit, PAGE))),
        *([("query", asked)] if asked else []),
        *([("sort", str(order))] if order else []),
        *([("nsfw", str(truth("nsfw", nsfw)).lower())] if nsfw is not None else []),
    ]


def _article_page(asker: Asker, params: Params, cursor: Cursor | None) -> Call[Page[Article]]:
    return page_of(Article.model_validate, (yield from asker.get("/articles", is_page, _at(params, cursor))))


def _collection_page(asker: Asker, params: Params, cursor: Cursor | None) -> Call[Page[Collection]]:
    return page_of(Collection.model_validate, (yield from asker.get("/collections", is_page, _at(params, cursor))))


def _at(params: Params, cursor: Cursor | None) -> Params:
    here = bookmark(cursor)
    return params if here is None else [*params, ("cursor", str(here))]


def _id_of(row: dict[str, Any]) -> int | None:
    return integer(row.get("id"))
