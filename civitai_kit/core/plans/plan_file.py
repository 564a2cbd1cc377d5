"""Plan files: reading what a person may have edited, and refusing what would leave the save path or the site."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from civitai_kit.core.errors import UsageError
from civitai_kit.core.paths.our_names import OUR_PLACES, is_ours
from civitai_kit.core.paths.relative_paths import MOST_PARTS, checked_relative, path_key
from civitai_kit.core.plans.plan import PLAN_SCHEMA, Item, Plan
from civitai_kit.core.site.urls import is_download_path
from civitai_kit.core.url_keys import without_keys


def _digest(length: int) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(rf"[0-9A-Fa-f]{{{length}}}", value):
            raise ValueError(f"must be {length} hex digits")
        return value.lower()

    return AfterValidator(check)


def _inside(path: str) -> str:
    try:
        checked = checked_relative(path)
    except UsageError as error:
        raise ValueError(error.message) from error
    return checked


def _download_path(url: str) -> str:
    if not is_download_path(url):
        raise ValueError("must be a path like /api/download/models/123")
    return without_keys(url)


Id = Annotated[int, Field(gt=0)]


class _PlanItem(BaseModel):
    """One row of a plan file; names may be left out of a hand-written one."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), defer_build=True)

    model_id: Id | None = None
    model_name: str = ""
    version_id: Id
    version_name: str = ""
    file_id: Id | None = None
    file_name: str = ""
    type: str = ""
    base_model: str = ""
    path: Annotated[str, AfterValidator(_inside)]
    size: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, _digest(64)] | None = None
    blake3: Annotated[str, _digest(64)] | None = None
    crc32: Annotated[str, _digest(8)] | None = None
    auto_v3: str | None = None
    file_type: str | None = None
    format: str | None = None
    fp: str | None = None
    size_variant: str | None = None
    quant: str | None = None
    creator: str | None = None
    url: Annotated[str, AfterValidator(_download_path)] | None = None
    foreign: bool = False

    def item(self) -> Item:
        return Item(**self.model_dump())


def plan_text(plan: Plan) -> str:
    """A plan as the text of a plan file."""
    return json.dumps({"schema": PLAN_SCHEMA, **plan.as_json()}, ensure_ascii=False, indent=1) + "\n"


def read_plan(text: str, name: str, places: tuple[str, ...] = OUR_PLACES) -> Plan:
    """The plan in a plan file's text; `name` is the file's, for messages, `places` what is ours under the save path.

    Raises UsageError, repairs nothing.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON: {error}", hint=_HINT) from error
    return plan_of(document, name, places)


def plan_of(found: Any, name: str, places: tuple[str, ...] = OUR_PLACES) -> Plan:
    """The same of what was JSON."""
    document = _document(found, name)
    items = tuple(_read_item(row, number, name) for number, row in enumerate(document["items"], 1))
    _refuse_our_names(items, name, places)
    _refuse_shared_paths(items, name)
    return Plan(items=items, models=len({item.model_id for item in items}))


def _document(document: Any, name: str) -> dict[str, Any]:
    if isinstance(document, dict) and document.get("command") == "scan" and isinstance(document.get("data"), dict):
        document = {"schema": document.get("schema"), **document["data"]}
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise UsageError(f"{name} is not a plan: it has no list of items.", hint=_HINT)
    schema = document.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise UsageError(f"{name} is not a plan: it has no schema number.", hint=_HINT)
    if schema > PLAN_SCHEMA:
        raise UsageError(
            f"{name} was written by a newer version (plan schema {schema}, this one reads {PLAN_SCHEMA}).",
            hint="Upgrade civitai-kit, or make the plan again with `civitai-kit scan -o`.",
        )
    return document


def _read_item(row: Any, number: int, name: str) -> Item:
    try:
        return _PlanItem.model_validate(row).item()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "item"
        what = str(first["msg"]).removeprefix("Value error, ")
        raise UsageError(f"{name}, item {number}: {where}: {what}", hint=_HINT) from error


def _refuse_our_names(items: tuple[Item, ...], name: str, places: tuple[str, ...]) -> None:
    for number, item in enumerate(items, 1):
        if is_ours(item.path, places):
            raise UsageError(
                f"{name}, item {number}: path: {item.path!r} is a name that civitai-kit keeps for itself.",
                hint="Give the item another path.",
            )


def _refuse_shared_paths(items: tuple[Item, ...], name: str) -> None:
    seen: dict[str, int] = {}
    for number, item in enumerate(items, 1):
        key = path_key(item.path)
        if key in seen:
            raise UsageError(
                f"{name}: items {seen[key]} and {number} share the path {item.path!r}.",
                hint="Give each item a path of its own.",
            )
        seen[key] = number
    for key, number in seen.items():
        if above := next((seen[folder] for folder in _folders_of(key) if folder in seen), None):
            raise UsageError(
                f"{name}: item {number} lies in {items[above - 1].path!r}, which is the file of item {above}.",
                hint="A file cannot be a folder too; change one of the paths.",
            )


def _folders_of(path: str) -> Iterator[str]:
    """The folders that a path lies in, the outermost first; what is deeper than any file may lie is not looked at."""
    parts = path.split("/")[:MOST_PARTS]
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


_HINT = "A plan is made with `civitai-kit scan -o PLAN.json`; edit paths and remove items, keep the rest."
