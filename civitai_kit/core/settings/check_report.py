"""What `config check` finds: the key, the site, the save path, the files and extras, and the first thing wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from civitai_kit.core.codes import Exit
from civitai_kit.core.errors import CivitaiKitError

# A clock that is off by more seconds is said to be wrong: certificates and signed links depend on it.
CLOCK_TOLERANCE = 60


class KeyStatus(StrEnum):
    """What the site makes of the key; it is unknown where the site did not say, or where it was not sent."""

    VALID = "valid"
    REFUSED = "refused"
    NONE = "none"
    UNKNOWN = "unknown"


class SiteStatus(StrEnum):
    """Whether the site answers; it is not asked where the request cannot even be made."""

    THERE = "there"
    AWAY = "away"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """The key: where it is from, whose it is and of what tier; never the key itself."""

    status: KeyStatus
    origin: str | None = None
    user_id: int | None = None
    username: str | None = None
    tier: str | None = None
    account_status: str | None = None
    error: CivitaiKitError | None = None


@dataclass(frozen=True, slots=True)
class SiteFinding:
    """The site; `clock_offset` are the seconds that this machine's clock is ahead of the site's, None if unknown."""

    url: str
    status: SiteStatus
    clock_offset: int | None = None
    error: CivitaiKitError | None = None


@dataclass(frozen=True, slots=True)
class SavePathFinding:
    """The save path: whether it is there, can be written, and the bytes free, None if unknown."""

    path: str
    exists: bool
    free: int | None
    error: CivitaiKitError | None = None


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file that settings are read from, and whether others on this machine can read it."""

    path: str
    exists: bool
    readable_by_others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """Everything that was looked at; `extras` is name → installed, empty where the installation cannot be read."""

    key: KeyFinding
    site: SiteFinding
    save_path: SavePathFinding
    settings_files: tuple[SettingsFile, ...] = ()
    extras: Mapping[str, bool] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[CivitaiKitError, ...]:
        """What is wrong, in the order of the report."""
        found = (self.key.error, self.site.error, self.save_path.error)
        return tuple(error for error in found if error is not None)

    @property
    def exit_code(self) -> int:
        """That of the first thing wrong, 0 when all is well; no key is no failure."""
        return self.errors[0].exit_code if self.errors else Exit.DONE

    def as_json(self) -> dict[str, Any]:
        """The `data` of `config check --json`."""
        return {
            "key": {
                "status": str(self.key.status),
                "origin": self.key.origin,
                "user_id": self.key.user_id,
                "username": self.key.username,
                "tier": self.key.tier,
                "account_status": self.key.account_status,
            },
            "site": {
                "url": self.site.url,
                "status": str(self.site.status),
                "clock_offset_seconds": self.site.clock_offset,
            },
            "save_path": {
                "path": self.save_path.path,
                "exists": self.save_path.exists,
                "writable": self.save_path.error is None,
                "free": self.save_path.free,
            },
            "settings_files": [
                {"path": file.path, "exists": file.exists, "readable_by_others": file.readable_by_others}
                for file in self.settings_files
            ],
            "extras": dict(self.extras),
        }


def clock_offset(headers: Mapping[str, str], now: datetime) -> int | None:
    """Seconds that `now` is ahead of the answer's `date` (and `age`, where a cache gave it); None if it says none."""
    try:
        said = parsedate_to_datetime(headers["date"])
        age = int(headers.get("age", "0"))
        # A date without a zone is in UTC.
        told = said if said.tzinfo else said.replace(tzinfo=UTC)
        return round((now - told).total_seconds()) - age
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
