"""What the two hosts of one running sandbox share."""

from __future__ import annotations

from dataclasses import dataclass, field

from civitai_kit.sandbox.faults import FaultBox
from civitai_kit.sandbox.request_log import RequestLog
from civitai_kit.sandbox.world import World

API_KEY = "sandbox-key"
KEY_USER_ID = 4242
KEY_USER_NAME = "sandbox_user"


@dataclass(slots=True)
class State:
    """The world shown, the faults to come and the requests so far; `world` may be exchanged while it runs."""

    world: World
    faults: FaultBox = field(default_factory=FaultBox)
    requests: RequestLog = field(default_factory=RequestLog)
    site_url: str = ""
    storage_url: str = ""
