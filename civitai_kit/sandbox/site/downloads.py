"""`GET /api/download/models/{versionId}`: every check in the site's order, then a redirect (site.md 7.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from civitai_kit.sandbox.site import enums, validation
from civitai_kit.sandbox.site.files import DEFAULTS, download_name, mismatches, primary_file
from civitai_kit.sandbox.site.render import iso
from civitai_kit.sandbox.site.replies import error, is_browser, query_of, signed_in, state_of
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.state import KEY_USER_NAME, SandboxState
from civitai_kit.sandbox.storage import urls
from civitai_kit.sandbox.worlds.records import WorldFile, WorldModel, WorldVersion

QUOTA = (
    "We've noticed an unusual amount of downloading from your account. Contact support@civitai.com or come back later."
)
DISABLED = "The creator of this asset has disabled downloads on this file"
LOGIN_FIRST = "The creator of this asset requires you to be logged in to download it"
EARLY = "This asset is in Early Access. You can use Buzz access it now!"
NO_ACCESS = "You do not have access to download this file"
ARCHIVED = "Model archived, not available for download"
NO_STORE = {"Cache-Control": "no-store, max-age=0"}

METADATA_KEYS = ("format", "size", "fp", "quantType")


def _short_text(name: str, given: Sequence[str]) -> str:
    value = validation.text(name, given)
    if len(value) > 64:
        issue = {"origin": "string", "code": "too_big", "maximum": 64, "inclusive": True, "path": [name]}
        raise Invalid([issue | {"message": "Too big: expected string to have <=64 characters"}])
    return value


READERS: dict[str, validation.Reader] = {
    "type": validation.word(enums.MODEL_FILE_TYPES),
    "format": validation.word(enums.FILE_FORMATS),
    "size": validation.word(enums.FILE_SIZES),
    "fp": _short_text,
    "quantType": _short_text,
    "fileId": validation.number(),
}


async def download(request: Request) -> Response:
    """The redirect to the signed URL, or the first reason why not."""
    state = state_of(request)
    limit = state.world.download_limit
    if limit is not None and state.world.download_counts[_caller(request)] >= limit:
        return _refusal(request, 429, QUOTA)
    try:
        number = validation.number(None, validation.INT4_MAX)("modelVersionId", [request.path_params["id"]])
        options = validation.read_all(query_of(request), READERS)
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    if number == 0:
        return _refusal(request, 400, "Missing modelVersionId")
    version = state.world.version(int(number))
    if version is None:
        return _refusal(request, 404, "File not found")
    model = state.world.models[version.model_id]
    return (
        _closed(request, model, version)
        or _gated(request, state, model, version)
        or _found(request, state, model, version, options)
    )


def _caller(request: Request) -> str:
    """Whose downloads are counted."""
    if signed_in(request):
        return KEY_USER_NAME
    return request.client.host if request.client else "nobody"


def _refusal(request: Request, status: int, text: str) -> Response:
    """An error, as plain text for what looks like a browser."""
    return PlainTextResponse(text, status) if is_browser(request) else error(status, text)


def _closed(request: Request, model: WorldModel, version: WorldVersion) -> Response | None:
    """What no key can open: checks 5 to 8."""
    if model.poi:
        return _refusal(request, 404, "File not found")
    if model.mode == "Archived":
        return _refusal(request, 410, ARCHIVED)
    if model.status != "Published" or version.status != "Published":
        return _refusal(request, 404, "File not found")
    if version.usage_control != "Download":
        return error(401, "Unauthorized", message=DISABLED)
    return None


def _gated(request: Request, state: SandboxState, model: WorldModel, version: WorldVersion) -> Response | None:
    """What a key or a purchase opens: checks 9 to 11."""
    known = signed_in(request)
    if not known and (version.require_auth or state.world.downloads_need_key):
        return _login(request, version)
    if version.paid is not None:
        return _early_access(request, version)
    if model.availability == "Private" or version.availability == "Private" or not version.granted:
        return _refusal(request, 403, NO_ACCESS) if known else _login(request, version)
    return None


def _login(request: Request, version: WorldVersion) -> Response:
    if is_browser(request):
        back = quote(f"/model-versions/{version.id}", safe="")
        return RedirectResponse(f"/login?returnUrl={back}&reason=download-auth", 307)
    return error(401, "Unauthorized", message=LOGIN_FIRST)


def _early_access(request: Request, version: WorldVersion) -> Response:
    if is_browser(request):
        return RedirectResponse(f"/model-versions/{version.id}", 307)
    until = version.paid.ends_at if version.paid else None
    deadline = {"deadline": iso(until)} if until else {}
    return error(403, "Early Access", **deadline, message=EARLY)


def _found(
    request: Request, state: SandboxState, model: WorldModel, version: WorldVersion, options: dict[str, Any]
) -> Response:
    """The redirect to the file that the query means: checks 12 to 15."""
    owner, file = _chosen(state, version, options, signed_in(request))
    if file is None:
        return _refusal(request, 404, "File not found")
    asked = {key: options[key] for key in METADATA_KEYS if key in options}
    if "fileId" not in options and mismatches(file, asked):
        return _refusal(request, 404, "File not found")
    state.world.downloads.append((version.id, file.id))
    state.world.download_counts[_caller(request)] += 1
    name = download_name(state.world.models[owner.model_id], owner, file, unique=state.world.unique_names)
    url = state.storage_url + urls.signed_path(
        file,
        owner_id=model.user.id if model.user else 0,
        name=name if state.world.storage_mode == "r2" else None,
        seconds=state.world.signature_seconds,
    )
    return PlainTextResponse(url, 307, {"Location": url, **NO_STORE})


def _chosen(
    state: SandboxState, version: WorldVersion, options: dict[str, Any], known: bool
) -> tuple[WorldVersion, WorldFile | None]:
    public = [file for file in version.files if file.visibility == "Public"]
    if "fileId" in options:
        return version, next((file for file in public if file.id == options["fileId"]), None)
    wanted = DEFAULTS | (state.world.file_preferences if known else {}) | options
    if "type" not in options:
        return version, primary_file(public, wanted)
    fitting = [file for file in public if file.type == options["type"]]
    linked = state.world.file(version.linked_vae) if version.linked_vae else None
    if not fitting and linked and options["type"] in enums.COMPONENT_TYPES:
        return linked
    return version, primary_file(fitting, wanted)


async def other_downloads(request: Request) -> Response:
    """Every other path under `/api/download` (site.md 7.7)."""
    if not signed_in(request):
        if request.headers.get("content-type", "").startswith("application/json"):
            return error(401, "Unauthorized")
        return RedirectResponse(f"/login?returnUrl={quote(request.url.path, safe='')}", 307)
    return error(404, "Not found")
