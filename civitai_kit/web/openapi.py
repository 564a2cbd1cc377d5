"""The description of the API for programs."""

from __future__ import annotations

from typing import Any

from civitai_kit.core.site.references import LARGEST_ID
from civitai_kit.core.version import __version__
from civitai_kit.services.live.orders import DownloadStatus
from civitai_kit.web.mirror_paths import mirror_paths

_VERSION_ID = {
    "name": "version_id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_ID},
}
_FILE_NAME = {"type": "string", "pattern": r"^[^/\\\x00]+$", "not": {"enum": [".", ".."]}}
_FILE = {"name": "filename", "in": "path", "required": True, "schema": _FILE_NAME}
_DETAIL = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}
_REFUSALS = {
    "400": "What was asked for cannot be.",
    "401": "The token is missing or wrong.",
    "404": "There is no such thing here, or on the site.",
    "413": "The body is too long, or its length is not said.",
    "421": "The server is not called by that name.",
    "500": "A catalog is broken, or cannot be written.",
    "502": "The site was not reached.",
    "503": "Another program is changing the catalogs, too many downloads wait, or the server is being closed.",
}


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _state(*states: str, **more: str) -> dict[str, Any]:
    properties: dict[str, Any] = {"status": {"type": "string", "enum": list(states)}}
    properties |= {name: {"type": kind} for name, kind in more.items()}
    return {"type": "object", "properties": properties, "required": ["status"]}


def _operation(summary: str, good: dict[str, Any], *refused: str, **parts: Any) -> dict[str, Any]:
    answers = {"200": _answer("Done, or nothing to do.", good)}
    for status in ("401", "413", "421", "500", *refused):
        answers[status] = _answer(_REFUSALS.get(status, "Refused as things stand."), _DETAIL)
    # What the site answers when it does not give is handed on with its status.
    if "502" in refused:
        answers["default"] = _answer("What the site answered.", _DETAIL)
    return {"summary": summary, "responses": answers, "security": [{"token": []}], **parts}


def _admin_paths() -> dict[str, Any]:
    """What the API has for who has the token."""
    rows = {"type": "object", "additionalProperties": {"type": "object"}}
    ids = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}}
    of_map = {
        "type": "object",
        "properties": {"by_version": rows, "by_model": ids},
        "required": ["by_version", "by_model"],
    }
    added = _state(
        "added", "already_exists", "restricted", file="string", name="string", category="string", dest="string"
    )
    return {
        "/api/admin/models/civitai-map": {
            "get": _operation("Which versions of the site are in the catalogs, and are their files here", of_map)
        },
        "/api/admin/civitai/add/{version_id}": {
            "post": _operation(
                "Add a version to models.json", added, "400", "404", "502", "503", parameters=[_VERSION_ID]
            )
        },
        "/api/admin/civitai/promote-to-lora/{version_id}": {
            "post": _operation(
                "Move a LoRA to loras.json",
                _state("promoted", "already_exists", file="string", category="string"),
                *("400", "404", "503"),
                parameters=[_VERSION_ID],
            )
        },
        "/api/admin/models/{filename}/catalog": {
            "delete": _operation(
                "Remove an entry whose file is gone",
                _state("removed", file="string"),
                *("400", "404", "409", "503"),
                parameters=[_FILE],
            )
        },
    }


def _download_schemas() -> dict[str, Any]:
    """What a download looks like, and what is sent for one."""
    number, text = {"type": "integer"}, {"type": "string"}
    or_none, text_or_none = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
    moving = {"path": text, "model_id": or_none, "version_id": or_none, "file_id": or_none}
    moving |= {"done": number, "size": or_none, "speed": number, "waits": text_or_none}
    counts = ("id", "revision", "files", "finished", "failed", "skipped", "done", "size", "speed")
    row: dict[str, Any] = dict.fromkeys(counts, number)
    row["skips"] = {"type": "object", "additionalProperties": number}
    row |= {"ref": text, "name": text_or_none, "model_id": or_none, "version_id": or_none, "waits": text_or_none}
    row |= {"status": {"type": "string", "enum": [str(status) for status in DownloadStatus]}}
    row |= {"moving": {"type": "array", "items": {"type": "object", "properties": moving, "required": [*moving]}}}
    error = {"type": "object", "properties": {"code": text, "message": text, "hint": text}, "required": ["code"]}
    row |= {"saved": {"type": "array", "items": text}, "errors": {"type": "array", "items": error}}
    wanted = {
        "ref": {**text, "minLength": 1, "description": "a page of the site, an AIR, a download URL or a model's id"},
        "version_id": {**number, "minimum": 1, "maximum": LARGEST_ID},
        "plan": {"type": "object", "description": "what `civitai-kit scan -o` writes"},
    }
    one_of = [
        {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}
        for name, schema in wanted.items()
    ]
    return {
        "Download": {"type": "object", "properties": row, "required": [*row]},
        "DownloadOrder": {"oneOf": one_of},
    }


def _download_paths() -> dict[str, Any]:
    """Downloads that are queued, followed and stopped."""
    row = {"$ref": "#/components/schemas/Download"}
    rows = {"type": "object", "properties": {"downloads": {"type": "array", "items": row}}, "required": ["downloads"]}
    examples = {
        "ref": {"value": {"ref": "https://civitai.com/models/1102"}},
        "version_id": {"value": {"version_id": 2001}},
        "plan": {"value": {"plan": {"schema": 1, "items": []}}},
    }
    order = {"schema": {"$ref": "#/components/schemas/DownloadOrder"}, "examples": examples}
    number = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
    queue = _operation(
        "Queue a download; what waits or runs already is answered as it is",
        row,
        *("400", "503"),
        requestBody={"required": True, "content": {"application/json": order}},
    )
    queue["responses"]["202"] = _answer("Queued.", row)
    events = _operation("Follow the downloads: server-sent events `download`, each with a row as data", {}, "503")
    events["responses"]["200"] = {"description": "The stream.", "content": {"text/event-stream": {}}}
    return {
        "/api/admin/download": {"get": _operation("The downloads of this server", rows), "post": queue},
        "/api/admin/download/{id}": {
            "get": _operation("One download", row, "404", parameters=[number]),
            "delete": _operation("Stop a download in order", row, "404", "409", parameters=[number]),
        },
        "/api/admin/events": {"get": events},
    }


def description(*, mirror: bool) -> dict[str, Any]:
    """The OpenAPI document; `mirror` says that files are served."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "civitai-kit", "version": __version__, "license": {"name": "GPL-3.0-or-later"}},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _download_schemas(),
        },
        "paths": {
            **_admin_paths(),
            **_download_paths(),
            **(mirror_paths() if mirror else {}),
            "/healthz": {
                "get": {
                    "summary": "Is the server there",
                    "responses": {
                        "200": _answer("It is.", _state("ok", service="string")),
                        "421": _answer(_REFUSALS["421"], _DETAIL),
                    },
                }
            },
        },
    }
