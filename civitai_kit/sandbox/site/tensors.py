"""`GET /api/v1/model-files/{id}/tensor-metadata`: what the header of a file says (site.md 9.4)."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.sandbox.site import validation
from civitai_kit.sandbox.site.replies import error, json_reply, query_of, signed_in, state_of
from civitai_kit.sandbox.site.validation import Invalid
from civitai_kit.sandbox.worlds.bodies import Body

Json = dict[str, Any]

IMMUTABLE = "public, max-age=31536000, s-maxage=31536000, immutable"


async def tensor_metadata(request: Request) -> Response:
    """The tensors of a safetensors file that the caller may download, in its header's order."""
    try:
        number = validation.number()("id", [request.path_params["id"]])
    except Invalid as invalid:
        return error(400, invalid.as_pretty_text)
    state = state_of(request)
    file = state.world.file(int(number))
    if file is None:
        return error(404, "File not found")
    if not signed_in(request) and state.world.downloads_need_key:
        return error(403, "Unauthorized")
    if not file[1].name.endswith((".safetensors", ".sft")):
        return error(400, "File format is not supported")
    tensors = _tensors(file[1].body)
    if tensors is None:
        return error(422, "SafeTensor header is missing or too large to parse safely")
    shown = _analysis(tensors)
    if query_of(request).get("summaryOnly") == ["true"]:
        del shown["tensors"]
    return json_reply(shown, headers={"Cache-Control": IMMUTABLE})


def _tensors(body: Body) -> list[Json] | None:
    length = int.from_bytes(_bytes(body, 0, 8), "little")
    if not 0 < length < body.size:
        return None
    header: dict[str, Any] = json.loads(_bytes(body, 8, 8 + length))
    return [
        {
            "name": name,
            "shape": entry["shape"],
            "dtype": entry["dtype"],
            "sizeBytes": entry["data_offsets"][1] - entry["data_offsets"][0],
        }
        for name, entry in header.items()
        if name != "__metadata__"
    ]


def _bytes(body: Body, start: int, stop: int) -> bytes:
    return b"".join(bytes(view) for view in body.views(start, min(stop, body.size)))


def _analysis(tensors: list[Json]) -> Json:
    counts: dict[str, Json] = {}
    for tensor in tensors:
        count = counts.setdefault(tensor["dtype"], {"dtype": tensor["dtype"], "count": 0, "bytes": 0})
        count["count"] += 1
        count["bytes"] += tensor["sizeBytes"]
    return {
        "format": "SafeTensor",
        "tensorCount": len(tensors),
        "totalTensorBytes": sum(tensor["sizeBytes"] for tensor in tensors),
        "dtypeCounts": sorted(counts.values(), key=lambda count: -count["bytes"]),
        "weightPrecision": None,
        "largestTensor": max(tensors, key=lambda tensor: tensor["sizeBytes"], default=None),
        "vramEstimate": None,
        "tensors": tensors,
    }
