"""Every listing of the site and its small endpoints: conversations that the blocking and the asynchronous client hold.

A call takes the `Asker` and what a person says, yields requests, and returns the parsed answer (see conversation.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar, Unpack

from civitai_kit.client.conversation import Asker, Call
from civitai_kit.client.listing import Listing
from civitai_kit.client.shapes import is_page, is_table
from civitai_kit.core.site.enums import BadOption, ImageSort
from civitai_kit.core.site.models import Creator, Image, Model, SiteValue, Tag, User
from civitai_kit.core.site.option_values import bookmark, numbers, page_size, positive, text
from civitai_kit.core.site.paging import Cursor, Page, page_of, with_cursor
from civitai_kit.core.site.query import ImageQuery, ModelQuery, image_query, model_query
from civitai_kit.core.site.query_options import ImageOptions, ModelOptions
from civitai_kit.core.site.reading import integer, texts

V = TypeVar("V", bound=SiteValue)

# The most that the site gives in one page (site.md 9).
NAMES_PAGE = 200
_NUMBER = re.compile(r"[0-9]{1,18}")


def enums(asker: Asker) -> Call[dict[str, tuple[str, ...]]]:
    """The words that the site knows today, by their kind: `ModelType`, `ModelFileType`, `BaseModel` … (site.md 9)."""
    answer = yield from asker.get("/enums", is_table)
    return {name: tuple(texts(words)) for name, words in answer.items()}


def users(asker: Asker, *, query: str | None = None, ids: int | Iterable[int] = ()) -> Call[tuple[User, ...]]:
    """Accounts whose name holds `query` (five at most), or those with these `ids`, as far as they exist (site.md 9).

    One of the two has to be said, else BadOption is raised.
    """
    wanted = numbers("ids", ids)
    asked = text("query", query, blank=True)
    if bool(wanted) == bool(asked):
        raise BadOption("users takes either a query or ids.")
    params = [("ids", str(number)) for number in wanted] or [("query", asked or "")]
    return page_of(User.model_validate, (yield from asker.get("/users", is_page, params))).items


def models_page(asker: Asker, *, cursor: Cursor | None = None, **options: Unpack[ModelOptions]) -> Call[Page[Model]]:
    """One page of a listing of models, the first or the one at `cursor` (site.md 2).

    `cursor` is the `next_cursor` of a page for the same options. A page may be short or empty and have a successor.
    """
    return _model_page(asker, model_query(options), cursor)


def images_page(asker: Asker, *, cursor: Cursor | None = None, **options: Unpack[ImageOptions]) -> Call[Page[Image]]:
    """One page of a listing of images, the first or the one at `cursor` (site.md 8).

    `cursor` is the `next_cursor` of a page for the same options. A page may be short or empty and have a successor.
    """
    return _image_page(asker, image_query(options), cursor)


def creators_page(
    asker: Asker, *, query: str | None = None, limit: int = NAMES_PAGE, cursor: int | None = None
) -> Call[Page[Creator]]:
    """One page of creators, those whose name holds `query`; `limit` 1 to 200, `cursor` a page's number (site.md 9)."""
    return _CREATORS.page(asker, _names_params(query, limit), cursor)


def tags_page(
    asker: Asker, *, query: str | None = None, limit: int = NAMES_PAGE, cursor: int | None = None
) -> Call[Page[Tag]]:
    """One page of tags, those that begin with `query`; `limit` 1 to 200, `cursor` a page's number (site.md 9)."""
    return _TAGS.page(asker, _names_params(query, limit), cursor)


def models(asker: Asker, *, cursor: Cursor | None = None, **options: Unpack[ModelOptions]) -> Listing[Model]:
    """All models that the options let through, from `cursor` on, each once (site.md 2).

    `limit` is the page size: stop iterating when you have enough, pages are asked for as they are needed. Without
    options it is the whole site.
    """
    return model_listing(asker, model_query(options), cursor)


def images(asker: Asker, *, cursor: Cursor | None = None, **options: Unpack[ImageOptions]) -> Listing[Image]:
    """All images that the options let through, from `cursor` on, each once (site.md 8).

    `limit` is the page size: stop iterating when you have enough. In random order there is one page only.
    """
    return image_listing(asker, image_query(options), cursor)


def creators(
    asker: Asker, *, query: str | None = None, limit: int = NAMES_PAGE, cursor: int | None = None
) -> Listing[Creator]:
    """All creators, or those whose name holds `query`, each once (site.md 9).

    The site has no sure order, so a few may be missed. `limit` is the page size, 1 to 200, `cursor` a page's number.
    """
    return Listing(partial(_CREATORS.page, asker, _names_params(query, limit)), partial(_name_of, "username"), cursor)


def tags(asker: Asker, *, query: str | None = None, limit: int = NAMES_PAGE, cursor: int | None = None) -> Listing[Tag]:
    """The tags that begin with `query`, or those that the site features, each once (site.md 9).

    `limit` is the page size, 1 to 200, `cursor` a page's number.
    """
    return Listing(partial(_TAGS.page, asker, _names_params(query, limit)), partial(_name_of, "name"), cursor)


def model_listing(
    asker: Asker, query: ModelQuery, cursor: Cursor | None = None, max_pages: int | None = None
) -> Listing[Model]:
    """The listing of a query from `cursor` on, `max_pages` at most."""
    return Listing(partial(_model_page, asker, query), _id_of, cursor, max_pages)


def image_listing(
    asker: Asker, query: ImageQuery, cursor: Cursor | None = None, max_pages: int | None = None
) -> Listing[Image]:
    """The listing of a query from `cursor` on; one page when in random order, which has no next (site.md 8.3)."""
    most = 1 if query.sort is ImageSort.RANDOM else max_pages
    return Listing(partial(_image_page, asker, query), _id_of, cursor, most)


def tag_exists(asker: Asker, name: str) -> Call[bool]:
    """Whether the site has a tag of this name, in any case; a listing ignores unknown tags (site.md 2.1)."""
    wanted = text("tag", name) or ""
    listing = tags(asker, query=wanted)
    while (page := (yield from listing.advance())) is not None:
        if any((tag.name or "").casefold() == wanted.casefold() for tag in page.items):
            return True
    return False


def _model_page(asker: Asker, query: ModelQuery, cursor: Cursor | None) -> Call[Page[Model]]:
    params = query.params()
    if (cursor := bookmark(cursor)) is not None:
        params.append(("cursor", _past_the_gap(str(cursor)) if query.newest_first else str(cursor)))
    return page_of(Model.model_validate, (yield from asker.get("/models", is_page, params)))


def _past_the_gap(cursor: str) -> str:
    """The cursor `time|id` with the next id: the site leaves out the row that a cursor names (site.md 2.3)."""
    head, bar, last = cursor.rpartition("|")
    return f"{head}|{int(last) + 1}" if bar and _NUMBER.fullmatch(last) else cursor


def _image_page(asker: Asker, query: ImageQuery, cursor: Cursor | None) -> Call[Page[Image]]:
    params = query.params()
    if (cursor := bookmark(cursor)) is not None:
        # A number names the first row of the next page, and the site then leaves that row out, unless from old to new.
        gap = _NUMBER.fullmatch(str(cursor)) and query.by_id and query.sort is not ImageSort.OLDEST
        params.append(("cursor", str(int(cursor) + 1 if gap else cursor)))
    return page_of(Image.model_validate, (yield from asker.get("/images", is_page, params)))


def _id_of(row: dict[str, Any]) -> int | None:
    return integer(row.get("id"))


def _name_of(field: str, row: dict[str, Any]) -> str | None:
    name = row.get(field)
    return name if isinstance(name, str) else None


def _names_params(query: str | None, limit: int) -> list[tuple[str, str]]:
    asked = text("query", query, blank=True)
    return [("limit", str(page_size(limit, NAMES_PAGE))), *([("query", asked)] if asked else [])]


@dataclass(frozen=True)
class _Names(Generic[V]):
    """One of the two listings that go by page numbers."""

    path: str
    kind: type[V]

    def page(self, asker: Asker, params: list[tuple[str, str]], cursor: Cursor | None) -> Call[Page[V]]:
        number = positive("cursor", cursor) or 1
        answer = yield from asker.get(self.path, is_page, [*params, ("page", str(number))])
        page = page_of(self.kind.model_validate, answer)
        following = number + 1 if _goes_on(page, number, int(params[0][1])) else None
        return with_cursor(page, following)


_CREATORS = _Names("/creators", Creator)
_TAGS = _Names("/tags", Tag)


def _goes_on(page: Page[Any], number: int, limit: int) -> bool:
    """Whether more pages follow. Totals are lower bounds, and tags have none, so a full page counts as a yes."""
    total, more = page.metadata.get("totalPages"), page.metadata.get("hasMore")
    rows = page.raw["items"]
    return bool(rows) and (len(rows) >= limit or more is True or (isinstance(total, int) and total > number))
