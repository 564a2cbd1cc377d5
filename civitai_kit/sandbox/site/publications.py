"""Articles and collections, in a listing and one at a time (site.md 9.1, 9.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.sandbox.site import validation
from civitai_kit.sandbox.site.render import iso
from civitai_kit.sandbox.site.replies import error, json_reply, next_page, query_of, state_of
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.worlds.records import WorldArticle, WorldCollection

T = TypeVar("T", WorldArticle, WorldCollection)
Json = dict[str, Any]

ARTICLE_SORTS = (
    *("Newest", "Recently Updated", "Most Reactions"),
    *("Most Comments", "Most Bookmarks", "Most Collected"),
)
COLLECTION_SORTS = ("Newest", "Most Followers")
_COMMON: dict[str, validation.Reader] = {
    "limit": validation.number(1, 100),
    "query": validation.text,
    "nsfw": validation.boolean_word,
}
ARTICLE_READERS = _COMMON | {
    "cursor": validation.text,
    "tags": validation.integers,
    "username": validation.text,
    "sort": validation.word(ARTICLE_SORTS),
}
COLLECTION_READERS = _COMMON | {"cursor": validation.number(), "sort": validation.word(COLLECTION_SORTS)}


async def articles(request: Request) -> Response:
    """Published articles; the cursor names the last row that was given."""
    try:
        options = validation.read_all(query_of(request), ARTICLE_READERS)
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    cursor = options.get("cursor")
    if cursor is not None and not re.fullmatch(r"\d+\|\d+", cursor):
        return error(400, "Invalid cursor")
    by_likes = options.get("sort") == "Most Reactions"

    def key(one: WorldArticle) -> tuple[int, int]:
        return (one.likes if by_likes else int(one.published_at.timestamp()), one.id)

    after = None if cursor is None else tuple(int(part) for part in cursor.split("|"))
    everything = sorted(state_of(request).world.articles.values(), key=key, reverse=True)
    shown = [one for one in everything if _wanted(one, options) and (after is None or key(one) < after)]
    limit = options.get("limit", 100)
    following = "|".join(map(str, key(shown[limit - 1]))) if len(shown) > limit else None
    return _page(request, [_article(one) for one in shown[:limit]], following)


def _wanted(one: WorldArticle, options: Json) -> bool:
    return (
        one.status == "Published"
        and (one.nsfw_level == 1 or options.get("nsfw", False))
        and (options.get("query") or "").lower() in one.title.lower()
        and (options.get("username") or "").lower() in ("", (one.user.username or "").lower())
        and ("tags" not in options or any(tag in one.tags for tag in options["tags"]))
    )


async def article(request: Request) -> Response:
    """One article with its content; drafts are missing."""
    return _one(request, state_of(request).world.articles, "article", _seen, _whole_article)


async def collections(request: Request) -> Response:
    """Public collections; the cursor is the id of the last row that was given, in the site's own order alone."""
    try:
        options = validation.read_all(query_of(request), COLLECTION_READERS)
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    followed, cursor = options.get("sort") == "Most Followers", options.get("cursor")
    if followed and cursor is not None:
        return error(400, "cursor is only supported with sort=Newest")
    order = sorted(
        state_of(request).world.collections.values(),
        key=lambda one: (one.followers if followed else 0, one.id),
        reverse=True,
    )
    shown = [
        one
        for one in order
        if one.read == "Public"
        and (one.nsfw_level == 1 or options.get("nsfw", False))
        and (options.get("query") or "").lower() in one.name.lower()
        and (cursor is None or one.id < cursor)
    ]
    limit = options.get("limit", 100)
    following = shown[limit - 1].id if len(shown) > limit and not followed else None
    return _page(request, [_collection(one) | {"itemCount": one.items} for one in shown[:limit]], following)


async def collection(request: Request) -> Response:
    """One collection; unlisted ones too, private ones are missing."""
    return _one(request, state_of(request).world.collections, "collection", _open, _whole_collection)


def _seen(one: WorldArticle) -> bool:
    return one.status == "Published"


def _open(one: WorldCollection) -> bool:
    return one.read != "Private"


def _one(
    request: Request, known: dict[int, T], kind: str, visible: Callable[[T], bool], show: Callable[[T], Json]
) -> Response:
    try:
        number = validation.identifier("id", request.path_params["id"])
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    found = known.get(number)
    if found is None or not visible(found):
        return error(404, f"No {kind} with id {number}")
    return json_reply(show(found))


def _page(request: Request, items: list[Json], following: str | int | None) -> Response:
    metadata = {} if following is None else {"nextCursor": following, "nextPage": next_page(request, cursor=following)}
    return json_reply({"items": items, "metadata": metadata})


def _article(one: WorldArticle) -> Json:
    when = iso(one.published_at)
    return {
        "id": one.id,
        "title": one.title,
        "publishedAt": when,
        "createdAt": when,
        "updatedAt": when,
        "nsfwLevel": one.nsfw_level,
        "availability": "Public",
        "status": one.status,
        "stats": {"likeCount": one.likes, "commentCount": 0, "viewCount": 10},
        "user": {"id": one.user.id, "username": one.user.username, "image": one.user.image},
        "tags": [{"id": tag, "name": name, "isCategory": False} for tag, name in one.tags.items()],
        "coverImage": None,
    }


def _whole_article(one: WorldArticle) -> Json:
    return _article(one) | {"content": one.content}


def _collection(one: WorldCollection) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "type": one.type,
        "nsfwLevel": one.nsfw_level,
        "read": one.read,
        "isPublic": one.read == "Public",
        "coverImageUrl": None,
        "user": {"id": one.user.id, "username": one.user.username},
    }


def _whole_collection(one: WorldCollection) -> Json:
    tags = [{"id": tag, "name": name} for tag, name in one.tags.items()]
    return _collection(one) | {"mode": one.mode, "coverImage": None, "tags": tags}
