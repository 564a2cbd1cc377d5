"""The small endpoints: creators, tags, me, users, enums (site.md 9)."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.core.site.base_models import ACTIVE_BASE_MODELS, BASE_MODELS
from civitai_kit.sandbox.site import enums, validation
from civitai_kit.sandbox.site.replies import error, json_reply, next_page, origin, query_of, signed_in, state_of
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.state import KEY_USER_ID, KEY_USER_NAME, SandboxState
from civitai_kit.sandbox.worlds.records import UserRecord

READERS: dict[str, validation.Reader] = {
    "limit": validation.number(1, 200),
    "page": validation.number(0),
    "query": validation.text,
}


async def creators(request: Request) -> Response:
    """People by part of their name; with a query the totals count only what was seen so far."""
    try:
        options = validation.read_all(query_of(request), READERS)
    except Invalid as invalid:
        return json_reply(json.loads(invalid.as_json_text), 400)
    state = state_of(request)
    wanted = (options.get("query") or "").lower()
    everybody = [u for u in state.world.users.values() if u.username and wanted in u.username.lower()]
    limit, page = options.get("limit", 20), max(1, options.get("page", 1))
    start = (page - 1) * limit
    items = [_creator(state, user, origin(request)) for user in everybody[start : start + limit]]
    more = len(everybody) > start + limit
    total = min(len(everybody), start + limit + 1) if wanted else len(everybody)
    metadata: dict[str, Any] = {
        "totalItems": total,
        "currentPage": page,
        "pageSize": limit,
        "totalPages": math.ceil(total / limit),
    }
    if wanted:
        metadata["hasMore"] = more
    if more:
        metadata["nextPage"] = next_page(request, page=page + 1)
    if page > 1:
        metadata["prevPage"] = next_page(request, page=page - 1)
    return json_reply({"items": items, "metadata": metadata})


def _creator(state: SandboxState, user: UserRecord, host: str) -> dict[str, Any]:
    count = sum(1 for model in state.world.models.values() if model.user is user)
    shown: dict[str, Any] = {"username": user.username, "link": f"{host}/api/v1/models?username={user.username}"}
    if count:
        shown["modelCount"] = count
    if user.image:
        shown["image"] = user.image
    return shown


async def tags(request: Request) -> Response:
    """Tags by the start of their name; the site never gives a total or a next page."""
    try:
        options = validation.read_all(query_of(request), READERS)
    except Invalid as invalid:
        return json_reply(json.loads(invalid.as_json_text), 400)
    limit, page = options.get("limit", 20), max(1, options.get("page", 1))
    prefix = (options.get("query") or "").lower()
    names = [name for name in state_of(request).world.tags if name.lower().startswith(prefix)]
    start = (page - 1) * limit
    host = origin(request)
    items = [{"name": name, "link": f"{host}/api/v1/models?tag={name}"} for name in names[start : start + limit]]
    metadata = {"totalItems": 0, "currentPage": page, "pageSize": limit, "totalPages": 1}
    return json_reply({"items": items, "metadata": metadata})


async def me(request: Request) -> Response:
    """Who the key belongs to; 401 without a good key."""
    if request.method != "GET":
        return error(405, "Method not allowed")
    if not signed_in(request):
        return error(401, "Unauthorized")
    return json_reply(
        {
            "id": KEY_USER_ID,
            "username": KEY_USER_NAME,
            "tier": "free",
            "status": state_of(request).world.user_status,
            "isMember": False,
            "subscriptions": [],
            "subject": {"type": "apiKey", "id": 1},
        }
    )


async def users(request: Request) -> Response:
    """People by id or by part of their name."""
    try:
        options = validation.read_all(query_of(request), {"ids": validation.integers, "query": validation.text})
    except Invalid as invalid:
        return json_reply({"name": "ZodError", "message": invalid.as_json_text}, 400)
    everybody = state_of(request).world.users.values()
    if "ids" in options:
        found = [user for user in everybody if user.id in options["ids"]]
    else:
        found = [u for u in everybody if (options.get("query") or "").lower() in (u.username or "").lower()][:5]
    return json_reply({"items": [{"id": user.id, "username": user.username} for user in found]})


async def word_lists(request: Request) -> Response:
    """`/enums`: the site's own word lists."""
    return json_reply(
        {
            "ModelType": list(enums.MODEL_TYPES),
            "ModelFileType": list(enums.MODEL_FILE_TYPES),
            "ActiveBaseModel": list(ACTIVE_BASE_MODELS),
            "BaseModel": list(BASE_MODELS),
            "BaseModelType": list(enums.BASE_MODEL_TYPES),
        }
    )


async def permissions(request: Request) -> Response:
    """`/permissions/check`: whether versions may be used for generation."""
    given = ",".join(query_of(request).get("entityIds", []))
    parts = [part for part in given.split(",") if part]
    if not all(part.strip().isdigit() for part in parts):
        return error(400, "Could not parse provided model versions array.")
    return json_reply({part.strip(): True for part in parts} or [])
