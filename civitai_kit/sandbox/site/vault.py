"""The vault of the key's owner (site.md 9.3)."""

from __future__ import annotations

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.sandbox.site import validation
from civitai_kit.sandbox.site.render import iso
from civitai_kit.sandbox.site.replies import error, json_reply, query_of, signed_in, state_of
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.state import KEY_USER_ID, SandboxState

Json = dict[str, Any]

SORTS = ("Recently Added", "Recently Created", "Model Name", "Model Size")
READERS: dict[str, validation.Reader] = {
    "limit": validation.number(1, 200),
    "page": validation.number(1),
    "query": validation.text,
    "types": validation.at_least_twice,
    "baseModels": validation.at_least_twice,
    "sort": validation.word(SORTS),
}


async def get(request: Request) -> Response:
    """How much the vault holds; null for who is no member."""
    if not signed_in(request):
        return error(401, "Unauthorized")
    items = _items(state_of(request))
    if items is None:
        return json_reply({"vault": None})
    used = sum(item["modelSizeKb"] for item in items)
    vault = {
        "userId": KEY_USER_ID,
        "storageKb": 1048576,
        "usedStorageKb": used,
        "meta": {},
        "updatedAt": iso(_today(request)),
    }
    return json_reply({"vault": vault})


async def everything(request: Request) -> Response:
    """A page of what is in the vault; what cannot be read is the site's fault (500)."""
    if not signed_in(request):
        return error(401, "Unauthorized")
    try:
        options = validation.read_all(query_of(request), READERS)
    except Invalid as invalid:
        return json_reply({"message": "An unexpected error occurred", "error": {"issues": invalid.issues}}, 500)
    items = _items(state_of(request))
    if items is None:
        return json_reply({"vault": None})
    wanted = (options.get("query") or "").lower()
    shown = [
        item
        for item in items
        if wanted in f"{item['modelName']} {item['versionName']} {item['creatorName']}".lower()
        and ("types" not in options or item["type"] in options["types"])
        and ("baseModels" not in options or item["baseModel"] in options["baseModels"])
    ]
    limit, page = options.get("limit", 60), options.get("page", 1)
    start = (page - 1) * limit
    pages = math.ceil(len(shown) / limit)
    totals = {"totalItems": len(shown), "currentPage": page, "pageSize": limit, "totalPages": pages}
    return json_reply({"items": shown[start : start + limit], **totals})


async def check(request: Request) -> Response:
    """Which versions are in the vault, a row for each that was asked for."""
    if not signed_in(request):
        return error(401, "Unauthorized")
    try:
        wanted = validation.integers("modelVersionIds", query_of(request).get("modelVersionIds", [""]))
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    items = {item["modelVersionId"]: item for item in _items(state_of(request)) or []}
    return json_reply([{"modelVersionId": number, "vaultItem": items.get(number)} for number in wanted])


def _today(request: Request) -> Any:
    return state_of(request).world.now


def _items(state: SandboxState) -> list[Json] | None:
    if state.world.vault is None:
        return None
    return [_item(state, number, place) for place, number in enumerate(state.world.vault)]


def _item(state: SandboxState, number: int, place: int) -> Json:
    version = state.world.version(number)
    assert version is not None, "the vault holds versions of the world"
    model = state.world.models[version.model_id]
    when = iso(state.world.now)
    return {
        "id": 9000 + place,
        "vaultId": KEY_USER_ID,
        "status": "Stored",
        "modelVersionId": number,
        "modelId": model.id,
        "modelName": model.name,
        "versionName": version.name,
        "creatorId": model.user.id if model.user else None,
        "creatorName": model.user.username if model.user else "",
        "type": model.type,
        "baseModel": version.base_model,
        "category": "",
        "modelSizeKb": sum(file.shown_size for file in version.files),
        "detailsSizeKb": 12,
        "imagesSizeKb": 0,
        "createdAt": iso(version.created_at),
        "addedAt": when,
        "refreshedAt": None,
        "notes": None,
        "meta": {"failures": 0},
        "coverImageUrl": None,
        "files": [
            {"id": file.id, "sizeKB": file.shown_size, "url": "", "displayName": file.name} for file in version.files
        ],
    }
