"""What pydantic does by itself: models with the fields of ours, as one would write them, without tolerance or `raw`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, reduce
from operator import or_
from time import thread_time
from types import UnionType
from typing import Any, get_args, get_origin

import httpx2
from pydantic import BaseModel, ConfigDict, Field, create_model

from civitai_kit import Client, Model
from civitai_kit.core.site.models import SiteValue


@cache
def plain(kind: type[SiteValue]) -> type[BaseModel]:
    """A plain model of the same fields under the same names of the site."""
    fields: dict[str, Any] = {
        name: (
            _plain_type(field.annotation),
            Field(field.get_default(call_default_factory=True), alias=field.serialization_alias),
        )
        for name, field in kind.model_fields.items()
        if name != "raw"
    }
    return create_model(f"Plain{kind.__name__}", __config__=ConfigDict(protected_namespaces=()), **fields)


def _plain_type(annotation: Any) -> Any:
    origin, inner = get_origin(annotation), tuple(_plain_type(each) for each in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, SiteValue):
        return plain(annotation)
    if origin is None or not inner:
        return annotation
    if origin is UnionType:
        return reduce(or_, inner)
    kind: Any = tuple if origin is Sequence else origin
    return kind[(inner[0], ...) if kind is tuple else inner]


def ratios(page: bytes, rounds: int) -> dict[str, float]:
    """The cost of a page of models over `json.loads` and plain models: as it is handed out, and to its last picture."""
    http = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, content=page)))
    fields: dict[str, Any] = {"items": (_plain_type(tuple[Model, ...]), ...)}
    plain_page = create_model("PlainPage", **fields)

    def bare() -> object:
        return plain_page.model_validate(json.loads(http.get("https://civitai.com/").content))

    with Client(http=http) as client:

        def whole() -> object:
            return [tuple(version.images) for model in client.models_page().items for version in model.versions]

        handed_out, read_whole, without = least(lambda: client.models_page().items, whole, bare, rounds=rounds)
    return {"as handed out": handed_out / without, "to its last picture": read_whole / without}


def least(*works: Callable[[], object], rounds: int) -> list[float]:
    """The least processor time of each work, taken in turns: what else the machine does only adds.

    Of this thread alone, for a sandbox may work in the same process.
    """
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work in zip(found, works, strict=True):
            start = thread_time()
            work()
            times.append(thread_time() - start)
    return [min(times) for times in found]
