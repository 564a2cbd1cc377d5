"""How often one file is tried again: the count starts anew whenever bytes have advanced."""

from __future__ import annotations

from collections.abc import Callable

from civitai_kit.core.retry import RetryRules, wait_before_retry
from civitai_kit.transfer.answers import Setback

# A link that was just issued and is refused again is a trouble of the storage, no longer of the link's age.
_FREE_LINKS = 1


class Patience:
    """Counts the setbacks of one file; `chance` gives 0 to 1."""

    def __init__(self, rules: RetryRules, chance: Callable[[], float]) -> None:
        self._rules = rules
        self._chance = chance
        self._tried = 0
        self._links = 0

    def renew(self) -> None:
        """Bytes have advanced."""
        self._tried = self._links = 0

    def wait_after(self, setback: Setback) -> float | None:
        """Seconds to wait before the next try, None to give up."""
        if setback.stale:
            self._links += 1
            if self._links <= min(_FREE_LINKS, self._rules.max_retries):
                return 0.0
        self._tried += 1
        return wait_before_retry(
            self._rules, setback.trouble, self._tried, retry_after=setback.retry_after, chance=self._chance()
        )
