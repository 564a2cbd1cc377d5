"""`GET /api/v1/images`: the search feed, the older database path, and the shape of an item (site.md 8)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.core.site.base_models import BASE_MODELS
from civitai_kit.sandbox.site import enums, validation
from civitai_kit.sandbox.site.render import Json, iso
from civitai_kit.sandbox.site.replies import error, json_reply, next_page, query_of, state_of
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.state import SandboxState
from civitai_kit.sandbox.storage import urls
from civitai_kit.sandbox.worlds.records import WorldImage

PAGE_CAP = 1000
LEVEL_WORDS = {0: "None", 1: "None", 2: "Soft", 4: "Mature", 8: "X", 16: "X", 32: "Blocked"}
USERNAME = re.compile(r"[A-Za-z0-9_]*")
IDS_AT_ONCE = 100
IDS = ("postId", "modelId", "modelVersionId", "imageId", "userId")


def _id(name: str, given: Sequence[str]) -> int:
    if len(given) == 1 and re.fullmatch(r"-?\d+", given[0]):
        return int(given[0])
    shown = given[0] if len(given) == 1 else ",".join(given)
    raise Invalid([{"code": "custom", "path": [name], "message": f"'{shown}' cannot be converted to a number"}])


def _ids(name: str, given: Sequence[str]) -> list[int]:
    """Some images at once, in one list with commas."""
    values = validation.integers(name, given)
    bounds: dict[str, Any] = {"origin": "array", "inclusive": True, "path": [name]}
    if any(value < 1 for value in values) or not any(given):
        issue = {**bounds, "code": "too_small", "minimum": 1}
        raise Invalid([issue | {"message": "Too small: expected array to have >=1 items"}])
    if len(values) > IDS_AT_ONCE:
        issue = {**bounds, "code": "too_big", "maximum": IDS_AT_ONCE}
        raise Invalid([issue | {"message": f"Too big: expected array to have <={IDS_AT_ONCE} items"}])
    return values


def _username(name: str, given: Sequence[str]) -> str:
    value = validation.text(name, given)
    if USERNAME.fullmatch(value):
        return value
    pattern = "/^[A-Za-z0-9_]*$/"
    issue = {"origin": "string", "code": "invalid_format", "format": "regex", "pattern": pattern, "path": [name]}
    raise Invalid([issue | {"message": f"Invalid string: must match pattern {pattern}"}])


def _levels(name: str, given: Sequence[str]) -> int:
    """The bit mask behind `nsfw`: a word, or a boolean whose true leaves PG out."""
    if len(given) == 1 and given[0] in enums.NSFW_WORDS:
        return enums.NSFW_WORDS[given[0]]
    return enums.NSFW_LEVELS if validation.boolean_word(name, given) else enums.PG


READERS: dict[str, validation.Reader] = {
    "limit": validation.number(0, 200),
    "page": validation.number(1),
    "cursor": validation.text,
    **dict.fromkeys(IDS, _id),
    "ids": _ids,
    "username": _username,
    "period": validation.word(enums.PERIODS),
    "sort": validation.word(enums.IMAGE_SORTS),
    "nsfw": _levels,
    "browsingLevel": validation.number(0),
    "tags": validation.integers,
    "type": validation.words(enums.MEDIA_TYPES, commas=True),
    "baseModels": validation.words(BASE_MODELS, commas=True),
    "withMeta": validation.boolean_word,
    "flatMeta": validation.boolean_word,
    "withTags": validation.boolean_word,
    "requiringMeta": validation.truthy,
}

FEED_KEYS: dict[str, Callable[[WorldImage], Any]] = {
    "Most Reactions": lambda i: (-sum(v for k, v in i.stats.items() if k != "commentCount"), -i.id),
    "Most Comments": lambda i: (-i.stats.get("commentCount", 0), -i.id),
    "Most Collected": lambda i: -i.id,
    "Newest": lambda i: (-i.created_at.timestamp(), -i.id),
    "Oldest": lambda i: (i.created_at, i.id),
    "Random": lambda i: i.uuid,
}


async def images(request: Request) -> Response:
    """The gallery, checked in the site's order."""
    try:
        options = validation.read_all(query_of(request), READERS)
    except Invalid as invalid:
        return error(400, {"name": "ZodError", "message": invalid.as_json_text})
    limit, page = options.get("limit", 100), options.get("page")
    if page is not None and "cursor" not in options and page * limit > PAGE_CAP:
        return error(429, "You've requested too many pages, please use cursors instead")
    state = state_of(request)
    legacy = bool(options.keys() & {"imageId", "ids"}) or ("modelId" in options and "modelVersionId" not in options)
    if legacy and "username" in options and options["username"].lower() not in state.world.users:
        return json_reply({"message": "User not found"}, 404)
    rows, following = (_from_database if legacy else _from_feed)(state, options, limit)
    metadata: Json = {}
    if following is not None and limit > 0:
        metadata["nextCursor"] = following
    if page is not None:
        metadata |= {"currentPage": page, "pageSize": limit}
    if following is not None and limit > 0:
        changed = {"page": page + 1} if page is not None else {"cursor": following}
        metadata["nextPage"] = next_page(request, **changed)
    items = [shown_item(state, image, options, wrapped=not options.get("flatMeta", not legacy)) for image in rows]
    return json_reply({"items": items, "metadata": metadata})


# -- rows -----------------------------------------------------------------------------------------------------


def _from_feed(state: SandboxState, options: Json, limit: int) -> tuple[list[WorldImage], str | None]:
    """Plain offset paging; the page number is ignored."""
    offset = _offset(options.get("cursor"))
    rows = _feed_rows(state, options)
    slice_ = list(itertools.islice(rows, offset, offset + limit + 1))
    if len(slice_) <= limit:
        return slice_, None
    moment = int(slice_[limit].created_at.timestamp() * 1000)
    return slice_[:limit], f"{offset + limit}|{moment}"


def _feed_rows(state: SandboxState, options: Json) -> Iterable[WorldImage]:
    """The fitting images in order; a gallery made on the fly comes in its own order."""
    images = state.world.images
    if isinstance(images, list):
        return sorted(_fitting(state, options), key=FEED_KEYS[options.get("sort", "Most Reactions")])[
            : state.world.feed_depth
        ]
    if options.keys() & {"tags", "type", "baseModels", "period", *IDS}:
        return _fitting(state, options)
    # Its images all pass the other filters or all fail them, so the offset is an index: none before it has to be made.
    alike = all(test(image) for image in images[:1] for test in _filters(state, options))
    return _Skipped(images, _offset(options.get("cursor"))) if alike else ()


class _Skipped:
    """Images from `start` on; before them comes None for each, so that none has to be made."""

    def __init__(self, images: Sequence[WorldImage], start: int) -> None:
        self._images, self._start = images, start

    def __iter__(self) -> Iterator[Any]:
        yield from itertools.repeat(None, min(self._start, len(self._images)))
        for index in range(self._start, len(self._images)):
            yield self._images[index]


def _offset(cursor: str | None) -> int:
    found = re.match(r"\d+", cursor or "")
    return int(found.group()) if found else 0


def _from_database(state: SandboxState, options: Json, limit: int) -> tuple[list[WorldImage], int | None]:
    """Newest first by id. The row that the cursor names is lost, except in the order `Oldest`."""
    oldest = options.get("sort") == "Oldest"
    rows = sorted(_fitting(state, options), key=lambda image: image.id, reverse=not oldest)
    cursor = options.get("cursor")
    if cursor:
        bound = _offset(cursor)
        rows = [row for row in rows if (row.id >= bound if oldest else row.id < bound)]
    elif "page" in options:
        rows = rows[(options["page"] - 1) * limit :]
    wanted = max(1, limit)
    following = rows[wanted].id if len(rows) > wanted and options.get("sort") != "Random" else None
    return rows[:wanted], following


def _fitting(state: SandboxState, options: Json) -> Iterator[WorldImage]:
    tests = _filters(state, options)
    return (image for image in state.world.images if all(test(image) for test in tests))


def _filters(state: SandboxState, options: Json) -> list[Callable[[WorldImage], bool]]:
    levels = options["browsingLevel"] if "browsingLevel" in options else options.get("nsfw", enums.PG)
    tests: list[Callable[[WorldImage], bool]] = [
        lambda i: bool(i.nsfw_level & levels) and not i.poi and not i.minor,
    ]
    if "modelVersionId" in options:
        tests.append(lambda i: options["modelVersionId"] in i.version_ids)
    elif "modelId" in options:
        tests.append(lambda i: i.model_id == options["modelId"])
    if "postId" in options:
        tests.append(lambda i: i.post_id == options["postId"])
    if "imageId" in options:
        tests.append(lambda i: i.id == options["imageId"])
    if "ids" in options:
        tests.append(lambda i: i.id in options["ids"])
    if "userId" in options:
        tests.append(lambda i: i.user_id == options["userId"])
    if options.get("username"):
        tests.append(lambda i: (i.username or "").lower() == options["username"].lower())
    if options.get("period") in enums.PERIOD_DAYS:
        since = state.world.now - timedelta(days=enums.PERIOD_DAYS[options["period"]])
        tests.append(lambda i: i.created_at >= since)
    if "type" in options:
        tests.append(lambda i: i.type in options["type"])
    if "tags" in options:
        tests.append(lambda i: bool(i.tags.keys() & set(options["tags"])))
    if "baseModels" in options:
        tests.append(lambda i: i.base_model in options["baseModels"])
    return tests


# -- items ----------------------------------------------------------------------------------------------------


def shown_item(state: SandboxState, image: WorldImage, options: Json, *, wrapped: bool = False) -> Json:
    """An image as `/images` lists it; `options` are the query's."""
    word = LEVEL_WORDS.get(image.nsfw_level, "None")
    counts = ("cryCount", "laughCount", "likeCount", "dislikeCount", "heartCount", "commentCount")
    shown: Json = {
        "id": image.id,
        "url": urls.delivery_url(state.storage_url, image),
        "thumbnail": urls.thumbnail_url(state.storage_url, image),
        "hash": image.blurhash,
        "width": image.width,
        "height": image.height,
        "nsfwLevel": word,
        "type": image.type,
        "nsfw": word != "None",
        "browsingLevel": image.nsfw_level,
        "createdAt": iso(image.created_at),
        "postId": image.post_id,
        "stats": {name: image.stats.get(name, 0) for name in counts},
        "meta": _meta(image, wrapped=wrapped) if options.get("withMeta") else None,
        "username": image.username,
        "baseModel": image.base_model,
        "modelVersionIds": list(image.version_ids),
    }
    if options.get("withTags"):
        shown["tags"] = [{"id": number, "name": name} for number, name in image.tags.items()]
    return shown | image.extra


def _meta(image: WorldImage, *, wrapped: bool) -> Json | None:
    return {"id": image.id, "meta": image.meta} if wrapped else image.meta
