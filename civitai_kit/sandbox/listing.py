"""`GET /api/v1/models`: which models, in which order, and where the next page starts (API facts 2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.sandbox import enums, render, validation
from civitai_kit.sandbox.records import ModelRecord, VersionRecord
from civitai_kit.sandbox.replies import error, json_reply, next_page, origin, query_of, signed_in, state_of
from civitai_kit.sandbox.state import State
from civitai_kit.sandbox.validation import Invalid

PERIODS = {"Day": 1, "Week": 7, "Month": 30, "Year": 365}
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
    **dict.fromkeys(("supportsGeneration", "fromPlatform", "earlyAccess", "archived", "followed", "needsReview"), validation.truthy),
    **dict.fromkeys(("primaryFileOnly", "favorites", "hidden", "newCreators"), validation.boolean_word),
    "availability": validation.word(enums.AVAILABILITIES),
    "allowCommercialUse": validation.words(enums.COMMERCIAL_USES),
    **{
        name: validation.never("boolean")
        for name in (
            "allowNoCredit", "allowDerivatives", "allowDifferentLicense", "disablePoi", "pending", "isFeatured",
        )
    },
    **{name: validation.never("number") for name in ("browsingLevel", "collectionId", "collectionTagId")},
    **{name: validation.never("array") for name in ("excludedTagIds", "excludedUserIds", "excludedImageTagIds")},
    "fileFormats": validation.at_least_twice,
    "rating": validation.number(),
}  # fmt: skip

Key = tuple[Any, ...]


class Refused(Exception):
    """The query ends here with a ready answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class Order:
    """A sort order: what its cursor is made of and which rows lie from a cursor on."""

    key: Callable[[ModelRecord], Key]
    parts: int
    descending: bool
    follows: Callable[[Key, Key], bool]


def _by(first: Callable[[ModelRecord], int], second: Callable[[ModelRecord], int]) -> Order:
    """Counters downwards; the page starts at the row that the cursor names."""
    return Order(lambda m: (first(m), second(m), m.id), 3, True, lambda row, cursor: row <= cursor)


def _thumbs(model: ModelRecord) -> int:
    return model.thumbs_up


def _downloads(model: ModelRecord) -> int:
    return model.downloads or 0


ORDERS: dict[str, Order] = {
    "Highest Rated": _by(_thumbs, _downloads),
    "Most Liked": _by(_thumbs, _downloads),
    "Most Downloaded": _by(_downloads, _thumbs),
    "Most Discussed": _by(lambda m: m.comments, _thumbs),
    "Most Collected": _by(lambda m: m.collected, _thumbs),
    "Most Images": _by(lambda m: m.image_count, _thumbs),
    # The row the cursor names is lost: the comparison is strict though the cursor names the first unseen row.
    "Newest": Order(lambda m: (m.last_version_at, m.id), 2, True, lambda row, cursor: row < cursor),
    # Only the time is compared, so rows of one time come again.
    "Oldest": Order(lambda m: (m.last_version_at, m.id), 2, False, lambda row, cursor: row[0] >= cursor[0]),
}


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
    except Refused as refused:
        return refused.response


def _answer(request: Request, state: State, options: dict[str, Any], *, anonymous: bool) -> Response:
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
    state: State, options: dict[str, Any], limit: int, cursor: str | None
) -> tuple[list[ModelRecord], str | None]:
    order = ORDERS[options.get("sort", "Highest Rated")]
    keep = _filters(state, options, search=False)
    rows = [model for model in state.world.models.values() if all(test(model) for test in keep)]
    rows.sort(key=order.key, reverse=order.descending)
    if cursor:
        start = parse_cursor(cursor, order)
        rows = [row for row in rows if order.follows(order.key(row), start)]
    wanted = max(1, limit)
    following = _cursor_for(order, rows[wanted]) if len(rows) > wanted else None
    return rows[:wanted], following


def _searched(
    state: State, options: dict[str, Any], limit: int, cursor: str | None
) -> tuple[list[ModelRecord], str | None]:
    """Relevance search: only types and levels are applied inside; the rest empties pages afterwards."""
    offset = int(cursor) if cursor and cursor.isdigit() else 0
    words = options["query"].lower().split()
    inside = _filters(state, {k: v for k, v in options.items() if k in ("types", "nsfw")}, search=True)
    hits = [
        model
        for model in state.world.models.values()
        if all(word in _search_text(model) for word in words) and all(test(model) for test in inside)
    ]
    hits.sort(key=lambda m: (options["query"].lower() not in m.name.lower(), -m.thumbs_up, m.id))
    wanted = max(1, limit)
    after = _filters(state, options, search=False)
    rows = [model for model in hits[offset : offset + wanted] if all(test(model) for test in after)]
    following = str(offset + wanted) if len(hits) > offset + wanted else None
    return rows, following


def _search_text(model: ModelRecord) -> str:
    return " ".join([model.name, *model.tags, (model.user.username or "") if model.user else ""]).lower()


def _filters(state: State, options: dict[str, Any], *, search: bool) -> list[Callable[[ModelRecord], bool]]:
    """The conditions of the query; those of the search index are fewer."""
    world = state.world
    levels = enums.ALL_LEVELS if options.get("nsfw") else enums.PG
    tests: list[Callable[[ModelRecord], bool]] = [
        lambda m: m.status == "Published" and not m.poi and m.availability != "Private",
        lambda m: bool(m.nsfw_level & levels),
    ]
    if options.get("nsfw"):
        tests.append(lambda m: not m.minor)
    if "types" in options:
        tests.append(lambda m: m.type in options["types"])
    if search:
        return tests
    if not options.get("archived"):
        tests.append(lambda m: m.mode != "Archived")
    tests.extend(_owner_tests(state, options))
    if "ids" in options:
        tests.append(lambda m: m.id in options["ids"])
    if "modelVersionIds" in options:
        tests.append(lambda m: any(v.id in options["modelVersionIds"] for v in m.versions))
    tag = options.get("tagname", options.get("tag"))
    if tag in world.blocked_tags:
        tests.append(lambda m: False)
    elif tag in world.tags:
        tests.append(lambda m: tag in m.tags)
    if "baseModels" in options:
        tests.append(lambda m: any(v.base_model in options["baseModels"] for v in render.visible_versions(m)))
    if "checkpointType" in options:
        tests.append(lambda m: m.type != "Checkpoint" or m.checkpoint_type == options["checkpointType"])
    if options.get("period", "AllTime") in PERIODS and options.get("periodMode", "published") == "published":
        since = world.now - timedelta(days=PERIODS[options["period"]])
        tests.append(lambda m: m.last_version_at >= since)
    if options.get("earlyAccess"):
        tests.append(lambda m: any(v.paid and not v.paid.permanent for v in m.versions))
    if options.get("supportsGeneration"):
        tests.append(lambda m: m.supports_generation)
    if "allowCommercialUse" in options:
        tests.append(lambda m: any(use in str(m.allow_commercial_use) for use in options["allowCommercialUse"]))
    return tests


def _owner_tests(state: State, options: dict[str, Any]) -> list[Callable[[ModelRecord], bool]]:
    name = options.get("user")
    if "username" in options:
        name = normal_username(options["username"])
    if name is None:
        return []
    known = state.world.users.get(name.lower())
    if known is None:
        raise Refused(json_reply({"message": "User not found"}, 404))
    return [lambda m: m.user is known]


def normal_username(given: str) -> str:
    """First space to underscore, other foreign characters gone, lower case."""
    return re.sub(r"[^A-Za-z0-9_]", "", given.replace(" ", "_", 1)).lower()


# -- cursors --------------------------------------------------------------------------------------------------


def parse_cursor(text: str, order: Order) -> Key:
    """A cursor's parts; the answer for one that is not of this sort."""
    parts = text.split("|")
    if len(parts) != order.parts:
        expected = f"expected {order.parts} value(s) for this sort, received {len(parts)}"
        raise Refused(json_reply({"message": f"Invalid cursor: {expected}"}, 400))
    if order.parts == 2:
        return (_date(parts[0]), _integer(parts[1]))
    return tuple(_integer(part) for part in parts)


def _integer(part: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", part):
        raise Refused(json_reply({"message": f'Invalid cursor: unparseable numeric value "{part}"'}, 400))
    return int(part)


def _date(part: str) -> datetime:
    try:
        return datetime.fromisoformat(part).replace(tzinfo=UTC)
    except ValueError:
        raise Refused(json_reply({"message": f'Invalid cursor: unparseable date value "{part}"'}, 400)) from None


def _cursor_for(order: Order, model: ModelRecord) -> str:
    return "|".join(_cursor_part(part) for part in order.key(model))


def _cursor_part(part: Any) -> str:
    if isinstance(part, datetime):
        return part.strftime("%Y-%m-%d %H:%M:%S.") + f"{part.microsecond // 1000:03d}"
    return str(part)


# -- items ----------------------------------------------------------------------------------------------------


def _items(
    request: Request, state: State, options: dict[str, Any], rows: Iterable[ModelRecord]
) -> Iterable[render.Json]:
    """The rows as JSON; a row none of whose versions may be seen is dropped after the page was cut."""
    host = origin(request)
    levels = enums.ALL_LEVELS if options.get("nsfw") else enums.PG
    for model in rows:
        versions = _shown_versions(model, options)
        if model.versions and not versions:
            continue
        yield render.listed_model(
            state, model, versions, host=host, levels=levels, primary_only=bool(options.get("primaryFileOnly"))
        )


def _shown_versions(model: ModelRecord, options: dict[str, Any]) -> list[VersionRecord]:
    named = options.keys() & {"ids", "username", "user", "modelVersionIds"}
    versions = [v for v in render.visible_versions(model) if named or v.availability == "Public"]
    if "baseModels" in options:
        versions = [v for v in versions if v.base_model in options["baseModels"]]
    if "modelVersionIds" in options:
        versions = [v for v in versions if v.id in options["modelVersionIds"]]
    return versions
