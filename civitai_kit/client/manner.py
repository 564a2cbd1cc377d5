"""How a client asks: where, with which key, how patiently, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from civitai_kit.client import exchange
from civitai_kit.client.exchange import Exchange
from civitai_kit.client.pacing import Pace, PacePolicy
from civitai_kit.core.retry import RetryPolicy, RetryRules

SITE = "https://civitai.com"


class Stop(Protocol):
    """What tells a client to stop, such as a threading.Event."""

    def is_set(self) -> bool:
        """Whether to stop."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How to ask.

    `timeout` bounds silence, in seconds. `on_wait(seconds, why)` is called before each pause, `log` after each exchange
    (both from any thread), `stop` is asked while waiting, `largest_body` bounds the answers that are read, in bytes.
    """

    base_url: str = SITE
    api_key: str | None = field(default=None, repr=False)
    retry: RetryPolicy = field(default_factory=RetryRules)
    timeout: float = 60
    pace: PacePolicy = field(default_factory=Pace)
    on_wait: Callable[[float, str], None] | None = None
    log: Callable[[Exchange], None] | None = None
    stop: Stop | None = None
    largest_body: int = exchange.LARGEST_BODY

    def pause(self, seconds: float, why: str, *, everybody: bool) -> None:
        """Tell of a pause before another try; with `everybody` other requests pause too."""
        if self.on_wait is not None:
            self.on_wait(seconds, why)
        if everybody:
            self.pace.hold(seconds)
