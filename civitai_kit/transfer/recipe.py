"""What fetchers are made from, alike in every process of a crew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from civitai_kit.core.retry import RetryRules
from civitai_kit.transfer.fetch import Fetcher
from civitai_kit.transfer.lane import Hashers
from civitai_kit.transfer.source import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What every fetcher of a crew is made from, here and in its processes; the fields are those of `Fetcher`."""

    site: str
    api_key: str | None = field(repr=False)
    user_agent: str
    timeout: float
    retries: RetryRules
    connections: int = 1

    def fetcher(
        self,
        *,
        stop: threading.Event,
        pace: Pace | None,
        log: Callable[[str], None] | None,
        limit_rate: int | None = None,
        hashers: Hashers | None = None,
    ) -> Fetcher:
        """A fetcher after this recipe; what the keywords bring belongs to the process that it works in."""
        return Fetcher(
            site=self.site,
            api_key=self.api_key,
            user_agent=self.user_agent,
            timeout=self.timeout,
            retries=self.retries,
            connections=self.connections,
            limit_rate=limit_rate,
            stop=stop,
            pace=pace,
            log=log,
            hashers=hashers,
        )
