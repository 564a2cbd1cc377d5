"""The description of what a mirror answers, for programs; it is the site's, as much of it as is here."""

from __future__ import annotations

from typing import Any

from civitai_kit.core.site.references import LARGEST_ID

Json = dict[str, Any]

_DETAIL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_ID = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
_IDS = {"type": "array", "items": _ID, "minItems": 1, "maxItems": 100}
_TEXT = {"type": "string"}
_SHA256 = {"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}
_VERSION = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "files": {"type": "array", "items": {"type": "object"}}},
    "required": ["id", "files"],
}
_MODEL = {
    "type": "object",
    "properties": {"id": {"type": ["integer", "null"]}, "modelVersions": {"type": "array", "items": _VERSION}},
    "required": ["modelVersions"],
}
_LISTING = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": _MODEL}, "metadata": {"type": "object"}},
    "required": ["items", "metadata"],
}
_OWNER = {
    "type": "object",
    "properties": {"modelVersionId": {"type": "integer"}, "modelId": {"type": ["integer", "null"]}, "hash": _SHA256},
    "required": ["modelVersionId", "hash"],
}
# Refusals of the server, whatever is asked.
_ALWAYS = {
    "413": "The body is too long, or its length is not said.",
    "421": "The server is not called by that name.",
    "431": "The head of the request is too long.",
    "500": "Something unforeseen happened.",
}


def mirror_paths() -> Json:
    """The paths, for a server that serves files."""
    versions = "/api/v1/model-versions"
    return {
        f"{versions}/{{id}}": _asked(
            "A version with those of its files that are here", _VERSION, [_in_path("id", _ID)]
        ),
        f"{versions}/by-hash/{{hash}}": _asked(
            "The version that holds a file with this SHA256, whole or its first ten digits",
            _VERSION,
            [_in_path("hash", _TEXT)],
        ),
        f"{versions}/by-hash": _told("The versions that hold files with these SHA256", _VERSION, 100),
        f"{versions}/by-hash/ids": _told("Whose files with these SHA256 are here", _OWNER, 10_000),
        "/api/v1/models/{id}": _asked(
            "A model with those of its versions that are here", _MODEL, [_in_path("id", _ID)]
        ),
        "/api/v1/models": _asked(
            "Models by their ids",
            _LISTING,
            # The site's `modelVersionIds` in their place does as well.
            [{**_in_query("ids", _IDS), "required": True}],
        ),
        "/api/download/models/{id}": _download(),
    }


def _asked(summary: str, good: Json, parameters: list[Json]) -> Json:
    return {"get": {"summary": summary, "parameters": parameters, "responses": _answers(good, "400", "404", "503")}}


def _told(summary: str, row: Json, most: int) -> Json:
    wanted = {"type": "array", "items": _SHA256, "maxItems": most}
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": {"application/json": {"schema": wanted}}},
            "responses": _answers({"type": "array", "items": row}, "400", "503"),
        }
    }


def _download() -> Json:
    traits = [_in_query(name, _TEXT) for name in ("type", "format", "size", "fp", "quantType")]
    body: Json = {"content": {"application/octet-stream": {}}}
    plain: Json = {"content": {"text/plain": {}}}
    answers = _answers({}, "404", "503") | {
        "200": {"description": "The file.", **body},
        "206": {"description": "The range of it that was asked for.", "content": {"*/*": {}}},
        "400": {"description": "The range makes no sense.", **plain},
        "416": {"description": "The file has no such range.", **plain},
    }
    parameters = [_in_path("id", _ID), _in_query("fileId", _ID), *traits]
    return {"get": {"summary": "The bytes of a version's file", "parameters": parameters, "responses": answers}}


def _answers(good: Json, *refused: str) -> Json:
    said = {
        "400": "What is asked for makes no sense.",
        "404": "It is not here.",
        "503": "The store cannot be read now.",
    }
    return {
        "200": _answer("What is here.", good),
        **{status: _answer(said[status], _ERROR) for status in refused},
        **{status: _answer(text, _DETAIL) for status, text in _ALWAYS.items()},
    }


def _answer(text: str, schema: Json) -> Json:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}
