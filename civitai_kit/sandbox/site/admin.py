"""The sandbox's own paths under `/_sandbox/`: faults to come and requests so far."""

from __future__ import annotations

import json
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from civitai_kit.sandbox.site.replies import error, json_reply, state_of


async def faults(request: Request) -> Response:
    """GET lists those that wait, POST adds one (`name`, `times`, `match`, parameters), DELETE clears all."""
    box = state_of(request).faults
    if request.method == "DELETE":
        box.clear()
    elif request.method == "POST":
        try:
            wanted = json.loads(await request.body())
            box.add(**wanted)
        except (ValueError, TypeError) as problem:
            return error(400, str(problem))
    return json_reply([{"name": p.name, "left": p.left, "match": p.match, "params": p.params} for p in box.pending()])


async def requests(request: Request) -> Response:
    """GET lists the requests so far, DELETE forgets them."""
    log = state_of(request).requests
    if request.method == "DELETE":
        log.clear()
    return json_reply([asdict(record) for record in log])
