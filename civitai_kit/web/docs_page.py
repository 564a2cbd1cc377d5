"""The page on which a reader tries the API: each request of the description as a form, with one script of ours."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from civitai_kit.core.site.references import LARGEST_ID


@dataclass(frozen=True, slots=True)
class DocsPage:
    """The page, and what its Content-Security-Policy lets it do: run its own script and ask its own server."""

    html: str
    policy: str


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of a request; `least` and `most` are of a number."""

    name: str
    is_required: bool
    is_query: bool
    is_number: bool
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class BodyExample:
    """A body that can be sent, as JSON."""

    name: str
    text: str


def docs_page(description: Mapping[str, Any]) -> DocsPage:
    """The page of an OpenAPI document."""
    from jinja2 import Environment, StrictUndefined

    template, style, script = (_asset(name) for name in ("docs.html", "docs.css", "docs.js"))
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    html = made.from_string(template).render(
        style=style, script=script, version=description["info"]["version"], operations=[*_operations(description)]
    )
    return DocsPage(html, _policy(style, script))


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src '{_hash_of(script)}'; style-src '{_hash_of(style)}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )


def _hash_of(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (files("civitai_kit.web") / "assets" / name).read_text(encoding="utf-8")


def _operations(description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The requests, in the order of the description, as the template wants them."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            bodies = [*_bodies(operation)]
            yield {
                "method": method,
                "path": path,
                "summary": operation["summary"],
                "wants_token": "security" in operation,
                "fields": [_field(each) for each in operation.get("parameters", ())],
                "bodies": bodies,
                "answers": sorted((status, said["description"]) for status, said in operation["responses"].items()),
                "curl": _curl(method, path, "security" in operation, bodies),
            }


def _field(parameter: Mapping[str, Any]) -> Field:
    schema = parameter["schema"]
    return Field(
        name=parameter["name"],
        is_required=bool(parameter.get("required")),
        is_query=parameter["in"] == "query",
        is_number=schema.get("type") == "integer",
        least=schema.get("minimum", 0),
        most=schema.get("maximum", LARGEST_ID),
    )


def _bodies(operation: Mapping[str, Any]) -> Iterator[BodyExample]:
    """The examples of a body; where there are none, the least that its kind can be."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        examples = content.get("examples") or {
            "empty": {"value": [] if content["schema"].get("type") == "array" else {}}
        }
        for name, example in examples.items():
            yield BodyExample(name, json.dumps(example["value"]))


def _curl(method: str, path: str, wants_token: bool, bodies: list[BodyExample]) -> str:
    words = ["curl", "-X", method.upper()]
    if wants_token:
        words.append("-H 'Authorization: Bearer TOKEN'")
    if bodies:
        words.append(f"-H 'Content-Type: application/json' -d '{bodies[0].text}'")
    return " ".join([*words, f"http://HOST:PORT{path}"])
