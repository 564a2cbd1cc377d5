"""When to try again and how long to wait: the table of site.md 13 as data, without clock or chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import NamedTuple, Protocol

from civitai_kit.core.errors import CivitaiKitError, UsageError

# A longer pause than this is reported to the person instead of waited for.
LONGEST_RETRY_AFTER = 300.0


class Trouble(StrEnum):
    """What came instead of an answer, as far as trying again is concerned; equal to its text (site.md 13)."""

    REFUSED = "refused"
    """Asking again changes nothing."""
    NO_SUCH_FILE = "no_such_file"
    """404 of a download, which may be the storage's bad moment (site.md 7.2, 13)."""
    WALLED = "walled"
    """A challenge page of the site's gatekeeper."""
    BUSY = "busy"
    """Overloaded, restarting or timed out."""
    GARBLED = "garbled"
    """A page, or broken JSON, where an answer should be."""
    NETWORK = "network"
    """No answer, or one cut short."""
    TOO_FAST = "too_fast"
    """429: slow down."""
    TOO_DEEP = "too_deep"
    """429 for too many pages, which never heals (site.md 1.5)."""
    QUOTA = "quota"
    """429 for the day's downloads, which are used up: ends the run."""


@dataclass(frozen=True, kw_only=True)
class FailedTry:
    """A try that failed, as a retry policy sees it: the `tried`-th one (1, 2 …) of one request.

    `error` is raised if there is no further try, `trouble` sorts it. `retry_after` are the seconds that the site asks
    to wait, None where it does not say; `chance` is a number from 0 to 1 to spread waits with.
    """

    error: CivitaiKitError
    trouble: Trouble
    tried: int
    retry_after: float | None = None
    chance: float = 0.0


class RetryPolicy(Protocol):
    """Decides after each failed try whether there is another one; RetryRules is the usual one. Any thread may ask."""

    def wait(self, failed: FailedTry) -> float | None:
        """Seconds to wait before the next try, None to give up and raise the error."""


@dataclass(frozen=True)
class RetryRules:
    """How often and how long to try again what may heal: busy servers, broken connections, garbled answers.

    At most `max_retries` times a request. Waits double from `first_wait` seconds up to `longest_wait`; where the site
    asks for more patience (429 without a time, a gatekeeper's page), they begin at 30 times `first_wait`. A
    Retry-After of up to five minutes is kept to the letter, a longer one ends the tries. `RetryRules(max_retries=0)`
    never tries again.
    """

    max_retries: int = 3
    first_wait: float = 1.0
    longest_wait: float = 60.0

    def __post_init__(self) -> None:
        """Raise UsageError for what counts nothing."""
        if isinstance(self.max_retries, bool) or not isinstance(self.max_retries, int):
            raise UsageError(f"max_retries takes a whole number, not {self.max_retries!r}.")
        sound_seconds(self.first_wait, "first_wait")
        sound_seconds(self.longest_wait, "longest_wait")

    def wait(self, failed: FailedTry) -> float | None:
        """Seconds to wait before the next try, None to give up."""
        return wait_before_retry(
            self, failed.trouble, failed.tried, retry_after=failed.retry_after, chance=failed.chance
        )


def sound_seconds(said: object, where: str) -> float:
    """Seconds that somebody's program has said, none where they are below none; UsageError for what are none."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not isfinite(said):
        raise UsageError(f"{where} is seconds, not {said!r}.")
    return max(said, 0.0)


def wait_said(policy: RetryPolicy, failed: FailedTry) -> float | None:
    """What a policy says, which may be anybody's: seconds, or None to give up. Raises UsageError for anything else."""
    wait = policy.wait(failed)
    return None if wait is None else sound_seconds(wait, "What wait() of a retry policy gives")


class Setback(Exception):
    """An attempt that failed: `error` is the final error if no retry helps, `trouble` says whether one may.

    `stale` says that the signed link is the trouble: the site is to be asked for another. `received` bytes came
    before it; `advanced` says that some were kept.
    """

    def __init__(
        self,
        error: CivitaiKitError,
        trouble: Trouble,
        *,
        retry_after: float | None = None,
        stale: bool = False,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.trouble = trouble
        self.retry_after = retry_after
        self.stale = stale
        self.received = 0
        self.advanced = False


WHY_WAIT: dict[Trouble, str] = {
    Trouble.NO_SUCH_FILE: "the site does not find the file at the moment",
    Trouble.WALLED: "the site's gatekeeper wants a pause",
    Trouble.BUSY: "the server is busy",
    Trouble.GARBLED: "a page came instead of the file",
    Trouble.NETWORK: "the connection broke",
    Trouble.TOO_FAST: "the server asks to slow down",
}
"""Why a transfer waits, as one phrase a trouble."""


class _Habit(NamedTuple):
    first: float  # multiples of first_wait
    longest: float  # multiples of first_wait
    tries: int  # tries again; never more than max_retries


# A link that was just issued and is refused again is a trouble of the storage, no longer of the link's age.
_FREE_LINKS = 1

_MANY = 1_000_000
_HABITS: dict[Trouble, _Habit] = {
    Trouble.NO_SUCH_FILE: _Habit(1, 30, 2),
    Trouble.WALLED: _Habit(30, 60, 2),
    Trouble.BUSY: _Habit(1, 30, _MANY),
    Trouble.GARBLED: _Habit(1, 30, _MANY),
    Trouble.NETWORK: _Habit(1, 30, _MANY),
    Trouble.TOO_FAST: _Habit(30, 480, _MANY),
}

_BUSY = frozenset({408, 425, 499, 500, 502, 503, 504, *range(520, 528), 530})


def trouble_of(status: int, *, text: str = "", page: bool = False, download: bool = False) -> Trouble:
    """Sort an answer that is none: `text` is its readable error, `page` says that it is HTML.

    `download` says that a file was asked for, where a 404 can be a passing one.
    """
    if status == 429:
        return _too_many(text.casefold())
    if page and (status == 403 or status < 300):
        return Trouble.WALLED if status == 403 else Trouble.GARBLED
    if status < 300:
        return Trouble.GARBLED
    if status in _BUSY or status > 500:
        return Trouble.BUSY
    return Trouble.NO_SUCH_FILE if download and status == 404 else Trouble.REFUSED


def _too_many(text: str) -> Trouble:
    if "too many pages" in text:
        return Trouble.TOO_DEEP
    return Trouble.QUOTA if "unusual amount of downloading" in text else Trouble.TOO_FAST


def wait_before_retry(
    rules: RetryRules, trouble: Trouble, tried: int, *, retry_after: float | None = None, chance: float = 0.0
) -> float | None:
    """Seconds to wait before another try, or None to give up; `tried` counts the failed tries (1, 2 …).

    `chance` from 0 to 1 stretches a wait of our own by up to a quarter, so that many clients do not come back
    at once; a Retry-After is kept to the letter, and one over five minutes means giving up.
    """
    habit = _HABITS.get(trouble)
    if habit is None or tried > min(rules.max_retries, habit.tries):
        return None
    if retry_after is not None:
        return retry_after if retry_after <= LONGEST_RETRY_AFTER else None
    grown = habit.first * 2.0 ** min(tried - 1, 30)
    wait = min(grown, habit.longest) * rules.first_wait
    return min(wait, rules.longest_wait) * (1 + chance / 4)


class Retries:
    """Counts the setbacks of one file, and asks the policy after each; `chance` gives 0 to 1."""

    def __init__(self, policy: RetryPolicy, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._chance = chance
        self._tried = 0
        self._links = 0

    def renew(self) -> None:
        """Bytes have advanced."""
        self._tried = self._links = 0

    def wait_after(self, setback: Setback) -> float | None:
        """Seconds to wait before the next try, None to give up."""
        failed = FailedTry(
            error=setback.error,
            trouble=setback.trouble,
            tried=self._tried + 1,
            retry_after=setback.retry_after,
            chance=self._chance(),
        )
        wait = wait_said(self._policy, failed)
        self._links += setback.stale
        if setback.stale and wait is not None and self._links <= _FREE_LINKS:
            return 0.0
        self._tried += 1
        return wait


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header (names in lower case), None where it is missing or senseless.

    A date is counted from the answer's own Date header, since nobody here has a clock.
    """
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        until, now = _date(said), _date(headers.get("date", ""))
        if until is None or now is None:
            return None
        seconds = (until - now).total_seconds()
    return max(seconds, 0.0) if isfinite(seconds) else None


def _date(text: str) -> datetime | None:
    # Imported late: few servers name a date, and the import takes as long as this whole module.
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else None
