"""How a client asks: where, with which key, how patiently, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from math import inf
from typing import Protocol

from civitai_kit.client import exchange
from civitai_kit.client.exchange import Exchange
from civitai_kit.client.pacing import Pace, PacePolicy
from civitai_kit.core.errors import UsageError
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

    def __post_init__(self) -> None:
        """Raise UsageError for what nothing can be asked with."""
        _check_policy("retry", self.retry, "wait")
        _check_policy("pace", self.pace, "reserve", "hold")
        check_hook("on_wait", self.on_wait)
        check_hook("log", self.log)
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not 0 < self.timeout < inf:
            raise UsageError(f"timeout takes seconds, not {self.timeout!r}.", hint="More than none, such as 60.")

    def pause(self, seconds: float, why: str, *, everybody: bool) -> None:
        """Tell of a pause before another try; with `everybody` other requests pause too."""
        if self.on_wait is not None:
            self.on_wait(seconds, why)
        if everybody:
            self.pace.hold(seconds)


def check_hook(name: str, hook: object) -> None:
    """Raise UsageError for what cannot be called, or would have to be awaited."""
    if hook is not None and (not callable(hook) or iscoroutinefunction(hook)):
        raise UsageError(f"{name} takes a plain function, not {hook!r}.")


def _check_policy(name: str, policy: object, *methods: str) -> None:
    if isinstance(policy, type) or not all(callable(getattr(policy, method, None)) for method in methods):
        wanted = " and ".join(f"{method}()" for method in methods)
        raise UsageError(f"{name} takes an object with {wanted}, not {policy!r}.")
