"""Models and versions one at a time: by id, by hash, and mini (site.md 3 to 6)."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.sandbox.site import enums, render, render_version, validation
from civitai_kit.sandbox.site.files import primary_file
from civitai_kit.sandbox.site.replies import error, json_reply, origin, query_of, state_of
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.state import SandboxState
from civitai_kit.sandbox.worlds.records import WorldFile, WorldVersion

BATCH, BATCH_OF_IDS = 100, 10_000


async def model(request: Request) -> Response:
    """`/models/{id}`: 404 also for models that exist but may not be seen."""
    try:
        number = validation.identifier("id", request.path_params["id"])
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    state = state_of(request)
    known = state.world.models.get(number)
    hidden = known is None or not known.nsfw_level & enums.ALL_LEVELS or known.availability == "Private" or known.poi
    if known is None or hidden or known.status != "Published" or not _published_versions(known.versions):
        return error(404, f"No model with id {number}")
    return json_reply(render.model_by_id(state, known))


def _published_versions(versions: list[WorldVersion]) -> bool:
    """Whether there is a version that anybody may see."""
    return any(version.status == "Published" for version in versions)


async def version(request: Request) -> Response:
    """`/model-versions/{id}`: looks only at the version's own status."""
    given = request.path_params["id"]
    try:
        number = validation.number()("id", [given])
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    if number == 0:
        return error(400, "Missing modelVersionId")
    if number > validation.INT4_MAX:
        return error(500, "Failed to fetch model version details")
    state = state_of(request)
    known = state.world.version(int(number))
    if known is None or known.status != "Published" or not known.nsfw_level & enums.ALL_LEVELS:
        return error(404, "Model not found")
    if not known.files:
        return error(404, "Missing model file")
    owner = state.world.models[known.model_id]
    return json_reply(render_version.version_by_id(state, owner, known, host=origin(request)))


async def by_hash(request: Request) -> Response:
    """`GET /model-versions/by-hash/{hash}`: the oldest published version that has it."""
    state = state_of(request)
    found = state.world.versions_by_hash(request.path_params["hash"])
    if not found:
        return error(404, "Model not found")
    if not _usable_files(found[0][0]):
        return error(404, "Missing model file")
    return json_reply(_hash_version(state, found[0][0], origin(request)))


async def batch_by_hash(request: Request) -> Response:
    """`POST /model-versions/by-hash`: an object for each matching file, with nulls and duplicates."""
    try:
        wanted = await _hashes(request, BATCH)
    except Invalid as invalid:
        return error(400, f"Request must include an array of SHA256 Hashes. {invalid.as_json_text}")
    state = state_of(request)
    return json_reply([_batch_item(state, *pair, origin(request)) for pair in _matching(state, wanted)])


async def batch_ids_by_hash(request: Request) -> Response:
    """`POST /model-versions/by-hash/ids`: the ids of model and version for each matching file."""
    try:
        wanted = await _hashes(request, BATCH_OF_IDS)
    except Invalid as invalid:
        return error(400, f"Request must include an array of SHA256 Hashes. {invalid.as_json_text}")
    return json_reply(
        [
            {"modelVersionId": found.id, "modelId": found.model_id, "hash": file.shown_hashes["SHA256"].upper()}
            for found, file in _matching(state_of(request), wanted)
        ]
    )


async def _hashes(request: Request, most: int) -> set[str]:
    body = await request.body()
    is_json = request.headers.get("content-type", "").startswith("application/json")
    try:
        given: Any = json.loads(body) if is_json and body else None
    except ValueError:
        given = None
    if not isinstance(given, list):
        received = "undefined" if given is None else type(given).__name__
        raise validation.wrong_type([], "array", received)
    if len(given) > most:
        raise Invalid(
            [
                {
                    "origin": "array",
                    "code": "too_big",
                    "maximum": most,
                    "inclusive": True,
                    "path": [],
                    "message": "Too many hashes",
                }
            ]
        )
    for index, value in enumerate(given):
        if not isinstance(value, str) or len(value) != 64:
            raise Invalid([{"code": "custom", "path": [index], "message": "Invalid hash"}])
    return {value.upper() for value in given}


def _matching(state: SandboxState, wanted: set[str]) -> list[tuple[WorldVersion, WorldFile]]:
    return [
        (found, file)
        for owner in state.world.models.values()
        if owner.status == "Published"
        for found in owner.versions
        if found.status == "Published"
        for file in found.files
        if file.shown_hashes.get("SHA256", "").upper() in wanted
    ]


def _batch_item(state: SandboxState, found: WorldVersion, file: WorldFile, host: str) -> Any:
    return _hash_version(state, found, host) if _usable_files(found) else None


def _usable_files(found: WorldVersion) -> list[WorldFile]:
    return [each for each in found.files if each.visibility == "Public" and not each.replaced]


def _hash_version(state: SandboxState, found: WorldVersion, host: str) -> render.Json:
    owner = state.world.models[found.model_id]
    return render_version.version_by_id(state, owner, found, host=host, by_hash=True)


async def mini(request: Request) -> Response:
    """`/model-versions/mini/{id}`: one file in brief."""
    query = query_of(request)
    try:
        number = validation.identifier("id", request.path_params["id"])
        options = validation.read_all(query, {"modelFileId": validation.number(1), "epoch": validation.never("number")})
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    state = state_of(request)
    known = state.world.version(number)
    if known is None or known.status != "Published":
        return error(404, "Model not found")
    if not known.files:
        return error(404, "Missing model file")
    file_id = options.get("modelFileId")
    file = primary_file(known.files) if file_id is None else next((f for f in known.files if f.id == file_id), None)
    if file is None:
        return error(404, f"Model file {file_id} not found in version {number}")
    return json_reply(render_version.version_in_brief(state, known, file))
