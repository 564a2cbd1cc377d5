"""`GET /api/v1/models`: the query's checks, the page of rows, and their JSON (site.md 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.sandbox.site import enums, render, validation
from civitai_kit.sandbox.site.cursors import ORDERS, cursor_for, parse_cursor
from civitai_kit.sandbox.site.model_filters import database_tests, index_tests, levels_of
from civitai_kit.sandbox.site.replies import (
    SiteRefusal,
    error,
    json_reply,
    next_page,
    origin,
    query_of,
    signed_in,
    state_of,
)
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.state import SandboxState
from civitai_kit.sandbox.worlds.records import WorldModel, WorldVersion

PAGE_CAP = 1000
TOO_MANY_PAGES = "You've requested too many pages, please use cursors instead"

READERS: dict[str, validation.Reader] = {
    "limit": validation.number(0, 100),
    "page": validation.number(1),
    "cursor": validation.text,
    "query": validation.text,
    "ids": validation.integers,
    "modelVersionIds": validation.integers,
    "tag": validation.text,
    "tagname": validation.text,
    "username": validation.text,
    "user": validation.text,
    "types": validation.words(enums.MODEL_TYPES),
    "baseModels": validation.words(),
    "checkpointType": validation.word(enums.CHECKPOINT_TYPES),
    "sort": validation.word(enums.MODEL_SORTS),
    "period": validation.word(enums.PERIODS),
    "periodMode": validation.word(("published", "stats")),
    "nsfw": validation.boolean_word,
    **dict.fromkeys(("supportsGeneration", "fromPlatform", "earlyAccess"), validation.truthy),
    **dict.fromkeys(("archived", "followed", "needsReview"), validation.truthy),
    **dict.fromkeys(("primaryFileOnly", "favorites", "hidden", "newCreators"), validation.boolean_word),
    "availability": validation.word(enums.AVAILABILITIES),
    "allowCommercialUse": validation.words(enums.COMMERCIAL_USES),
    **{
        name: validation.never("boolean")
        for name in (
            "allowNoCredit", "allowDerivatives", "allowDifferentLicense",
            "disablePoi", "pending", "isFeatured",
        )
    },
    **{name: validation.never("number") for name in ("browsingLevel", "collectionId", "collectionTagId")},
    **{name: validation.never("array") for name in ("excludedTagIds", "excludedUserIds", "excludedImageTagIds")},
    "fileFormats": validation.at_least_twice,
    "rating": validation.number(),
}  # fmt: skip


async def models(request: Request) -> Response:
    """The listing, checked in the site's order."""
    query = query_of(request)
    anonymous = not signed_in(request)
    if anonymous and query.keys() & {"favorites", "hidden"}:
        return error(401, "Unauthorized")
    try:
        options = validation.read_all(query, READERS)
    except Invalid as invalid:
        return error(400, {"name": "ZodError", "message": invalid.as_json_text})
    try:
        return _answer(request, state_of(request), options, anonymous=anonymous)
    except SiteRefusal as refused:
        return refused.response


def _answer(request: Request, state: SandboxState, options: dict[str, Any], *, anonymous: bool) -> Response:
    limit, page, cursor = options.get("limit", 100), options.get("page"), options.get("cursor")
    if page is not None and not cursor and page * limit > PAGE_CAP:
        return error(429, TOO_MANY_PAGES)
    if page is not None and options.get("query") is not None:
        return error(400, "Cannot use page param with query search. Use cursor-based pagination.")
    if options.get("availability") == "Private" and "username" not in options:
        return error(401, "Unauthorized")
    if options.get("query"):
        rows, following = _searched(state, options, limit, cursor)
    else:
        rows, following = _sorted(state, options, limit, cursor)
    metadata: dict[str, Any] = {}
    if following is not None and limit > 0:
        metadata = {"nextCursor": following, "nextPage": next_page(request, cursor=following)}
    if page is not None and not cursor:
        metadata |= {"currentPage": page, "pageSize": limit}
    return json_reply({"items": list(_items(request, state, options, rows)), "metadata": metadata})


# -- rows -----------------------------------------------------------------------------------------------------


def _sorted(
    state: SandboxState, options: dict[str, Any], limit: int, cursor: str | None
) -> tuple[list[WorldModel], str | None]:
    order = ORDERS[options.get("sort", "Highest Rated")]
    keep = database_tests(state.world, options)
    rows = [model for model in state.world.models.values() if all(test(model) for test in keep)]
    rows.sort(key=order.key, reverse=order.descending)
    if cursor:
        start = parse_cursor(cursor, order)
        rows = [row for row in rows if order.follows(order.key(row), start)]
    wanted = max(1, limit)
    following = cursor_for(order, rows[wanted]) if len(rows) > wanted else None
    return rows[:wanted], following


def _searched(
    state: SandboxState, options: dict[str, Any], limit: int, cursor: str | None
) -> tuple[list[WorldModel], str | None]:
    """Relevance search: types and levels are applied before the page is cut, the other filters remove rows from it."""
    offset = int(cursor) if cursor and cursor.isdigit() else 0
    words = options["query"].lower().split()
    inside = index_tests(options)
    hits = [
        model
        for model in state.world.models.values()
        if all(word in _search_text(model) for word in words) and all(test(model) for test in inside)
    ]
    hits.sort(key=lambda m: (options["query"].lower() not in m.name.lower(), -m.thumbs_up, m.id))
    wanted = max(1, limit)
    after = database_tests(state.world, options)
    rows = [model for model in hits[offset : offset + wanted] if all(test(model) for test in after)]
    following = str(offset + wanted) if len(hits) > offset + wanted else None
    return rows, following


def _search_text(model: WorldModel) -> str:
    return " ".join([model.name, *model.tags, (model.user.username or "") if model.user else ""]).lower()


# -- items ----------------------------------------------------------------------------------------------------


def _items(
    request: Request, state: SandboxState, options: dict[str, Any], rows: Iterable[WorldModel]
) -> Iterator[render.Json]:
    """The rows as JSON. A model without a visible version is dropped after the page was cut, so pages can be short."""
    host = origin(request)
    for model in rows:
        versions = _shown_versions(model, options)
        if model.versions and not versions:
            continue
        yield render.listed_model(
            state,
            model,
            versions,
            host=host,
            levels=levels_of(options),
            primary_only=bool(options.get("primaryFileOnly")),
        )


def _shown_versions(model: WorldModel, options: dict[str, Any]) -> list[WorldVersion]:
    named = options.keys() & {"ids", "username", "user", "modelVersionIds"}
    versions = [v for v in render.visible_versions(model) if named or v.availability == "Public"]
    if "baseModels" in options:
        versions = [v for v in versions if v.base_model in options["baseModels"]]
    if "modelVersionIds" in options:
        versions = [v for v in versions if v.id in options["modelVersionIds"]]
    return versions
