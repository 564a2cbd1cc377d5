"""Generation data of an image: whether there is any, the prompt, which model made it, and the texts kept of it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.site.air import parse_air
from civitai_kit.core.site.models import Image
from civitai_kit.core.site.reading import integer, mapping, number, objects, text

_LINE_BREAKS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
# `urn:air:sdxl:checkpoint:civitai:101055@128078`, also as the old grabber's cleaned folder names have it.
_URN = re.compile(r"\s*urn[:_]", re.IGNORECASE)
_URN_VERSION = re.compile(r"civitai[:_]\d+@(\d{1,10})", re.IGNORECASE)
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A workflow of a thousand nodes has some hundred kilobytes; what unpacks to more is none.
_LONGEST_TEXT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Clue:
    """What generation data says of the model: its `name` outright, or version ids that may be the checkpoint's.

    `sure` are ids that are said to be a checkpoint's, `maybe` those of resources of no said type. `plain` is a name
    from the plainer list of resources, for when no id leads to one.
    """

    name: str | None = None
    sure: tuple[int, ...] = ()
    maybe: tuple[int, ...] = ()
    plain: str | None = None

    @property
    def version_ids(self) -> tuple[int, ...]:
        """Every id that may lead to a name, the likeliest first."""
        return () if self.name is not None else (*self.sure, *self.maybe)


def generation_of(image: Image) -> dict[str, Any] | None:
    """The image's generation data; None where it has none, or all of its values are blank."""
    meta = image.meta
    return meta if meta and any(not _is_blank(value) for value in meta.values()) else None


def prompt_of(image: Image) -> str:
    """The prompt, empty where there is none (it may be null, or no text)."""
    return text((image.meta or {}).get("prompt")) or ""


def clue_of(meta: Mapping[str, Any]) -> Clue:
    """Which model made an image: `Model`, else the checkpoint among its resources (site.md 8.2)."""
    said = meta.get("Model")
    name = _usable_name(said)
    if name is not None:
        return Clue(name=name)
    by_urn = tuple(_version_of_urn(said))
    resources = objects(meta.get("civitaiResources"))
    named = [(_kind(resource), _resource_version(resource)) for resource in resources]
    sure = tuple(number for kind, number in named if number is not None and kind == "checkpoint")
    maybe = tuple(number for kind, number in named if number is not None and not kind)
    return Clue(sure=tuple(dict.fromkeys((*by_urn, *sure))), maybe=maybe, plain=_plain_name(meta))


def meta_text(meta: Mapping[str, Any], name: str | None) -> str:
    """`key: value`, one line a key in the site's order; led by `Model: <name>` where the data has no such name.

    Nested values are JSON, line breaks within a value are blanks, None is nothing.
    """
    rows = {str(key): value for key, value in meta.items()}
    if _usable_name(rows.get("Model")) is None:
        rows.pop("Model", None)
        rows = ({"Model": name} if name else {}) | rows
    return "\n".join(f"{_one_line(key)}: {_one_line(_written(value))}" for key, value in rows.items())


def no_meta_text(page_url: str) -> str:
    """What stands in place of generation data: that there is none, and where to look."""
    return f"No metadata available.\nURL: {page_url}"


def workflow_of(meta: Mapping[str, Any]) -> Any | None:
    """The ComfyUI workflow among generation data: the editor's graph, else the one that ran; None without one."""
    comfy = meta.get("comfy")
    found = graph_of(comfy) if isinstance(comfy, str) else mapping(comfy)
    graphs = ((found or {}).get(part) for part in ("workflow", "prompt"))
    return next((graph for graph in graphs if isinstance(graph, dict) and graph), None)


def workflow_in_png(png: bytes) -> Any | None:
    """The graph among a PNG's texts, `workflow` before `prompt`; None where there is none."""
    texts = dict(_png_texts(png))
    graphs = (graph_of(texts.get(keyword, "")) for keyword in ("workflow", "prompt"))
    return next((graph for graph in graphs if graph), None)


def graph_of(said: str) -> dict[str, Any] | None:
    """The object of a JSON text by ComfyUI, which writes NaN where it means nothing; None for anything else."""
    try:
        found = json.loads(said, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found else None


def _finite(digits: str) -> float | None:
    return number(float(digits))


def _is_blank(value: Any) -> bool:
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())


def _usable_name(value: Any) -> str | None:
    """A name of a model that is one: no URN, not empty, not `unknown`."""
    name = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text(value)
    if name is None or not name.strip() or name.strip().casefold() == "unknown" or _URN.match(name):
        return None
    return " ".join(name.split())


def _version_of_urn(value: Any) -> Iterator[int]:
    said = text(value)
    if said is None or not _URN.match(said):
        return
    air = parse_air(said.strip())
    number = integer(air.version) if air is not None and air.source == "civitai" else None
    found = _URN_VERSION.search(said)
    number = int(found.group(1)) if number is None and found else number
    if number is not None and 0 < number < 2**31:
        yield number


def _kind(resource: Mapping[str, Any]) -> str:
    """The resource's type in lower case; records of the generator's own say it at their end (`…, Type = Lora }`)."""
    said = (text(resource.get("type")) or "").strip().lower()
    inner = re.search(r"type\s*=\s*(\w+)", said)
    return inner.group(1) if inner else said


def _resource_version(resource: Mapping[str, Any]) -> int | None:
    number = integer(resource.get("modelVersionId"))
    return number if number is not None and 0 < number < 2**31 else None


def _plain_name(meta: Mapping[str, Any]) -> str | None:
    for resource in objects(meta.get("resources")):
        if _kind(resource) in ("model", "checkpoint") and (name := _usable_name(resource.get("name"))):
            return name
    return None


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _one_line(value: str) -> str:
    # What can be printed has no line breaks, and is told from what cannot in no time.
    return value if value.isprintable() else _LINE_BREAKS.sub(" ", value.strip("\r\n"))


def _png_texts(png: bytes) -> Iterator[tuple[str, str]]:
    """Keyword and text of every tEXt, zTXt and iTXt chunk that can be read."""
    at = len(_PNG_SIGNATURE)
    if not png.startswith(_PNG_SIGNATURE):
        return
    while at + 8 <= len(png):
        length, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        payload = png[at + 8 : at + 8 + length]
        keyword, _, rest = payload.partition(b"\0")
        text = _png_text(kind, rest)
        if text is not None:
            yield keyword.decode("latin-1"), text
        at += 12 + length


def _png_text(kind: bytes, rest: bytes) -> str | None:
    match kind:
        case b"tEXt":
            return rest.decode("utf-8", "replace")
        case b"zTXt":
            return _unpacked(rest[1:])
        case b"iTXt":
            packed, rest = rest[:1] == b"\1", rest[2:]
            body = rest.partition(b"\0")[2].partition(b"\0")[2]
            return _unpacked(body) if packed else body.decode("utf-8", "replace")
        case _:
            return None


def _unpacked(body: bytes) -> str | None:
    try:
        return zlib.decompressobj().decompress(body, _LONGEST_TEXT).decode("utf-8", "replace")
    except zlib.error:
        return None
