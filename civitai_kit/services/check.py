"""Looks whether a set-up works: asks the site once whose the key is, and tries the save path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from civitai_kit.core.errors import CivitaiKitError, Code, Forbidden, RateLimited, Unauthorized, UsageError
from civitai_kit.core.remedies import BAD_KEY
from civitai_kit.core.settings.check_report import (
    CheckReport,
    KeyFinding,
    KeyStatus,
    SavePathFinding,
    SettingsFile,
    SiteFinding,
    SiteStatus,
    clock_offset,
)
from civitai_kit.core.site.models import User
from civitai_kit.services.ports import SavePath


class TriedFolder(SavePath, Protocol):
    """The save path, which can be tried without making it."""

    def check_could_be_written(self) -> None:
        """Prove that it can be written, or its nearest existing parent; raises NotWritable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckParts:
    """What a check works with.

    `ask` asks the site whose the key is; `heard` are the headers of its answer, with names in lower case. `key_origin`
    is None without a key, `sends_key` asks whether it is sent at all.
    """

    ask: Callable[[], User]
    heard: Mapping[str, str]
    key_origin: str | None
    sends_key: Callable[[], bool]
    site_url: str
    disk: TriedFolder
    now: Callable[[], datetime]
    settings_files: tuple[SettingsFile, ...] = ()
    extras: Mapping[str, bool] = field(default_factory=dict)


def check(parts: CheckParts) -> CheckReport:
    """Look at everything; what is wrong is in the report. Raises Interrupted."""
    key, site = _key_and_site(parts)
    return CheckReport(
        key=key,
        site=site,
        save_path=_save_path(parts.disk),
        settings_files=parts.settings_files,
        extras=parts.extras,
    )


def _key_and_site(parts: CheckParts) -> tuple[KeyFinding, SiteFinding]:
    """One question tells both: without a good key the site refuses it, and is there."""
    unknown = KeyFinding(KeyStatus.NONE if parts.key_origin is None else KeyStatus.UNKNOWN, parts.key_origin)
    try:
        user = parts.ask()
    except (Unauthorized, Forbidden) as error:
        return _refused(parts, error) or unknown, _site(parts, SiteStatus.THERE)
    except CivitaiKitError as error:
        if error.code is Code.INTERRUPTED:
            raise
        return unknown, _site(parts, _status_after(error), error)
    owned = KeyFinding(KeyStatus.VALID, parts.key_origin, user.id, user.username, user.tier, user.status)
    return owned, _site(parts, SiteStatus.THERE)


def _refused(parts: CheckParts, error: CivitaiKitError) -> KeyFinding | None:
    """The key that the site does not take; None where it saw none."""
    if parts.key_origin is None or not parts.sends_key():
        return None
    said = f"The site does not take the API key (from {parts.key_origin})."
    return KeyFinding(KeyStatus.REFUSED, parts.key_origin, error=Unauthorized(said, hint=BAD_KEY, code=error.code))


def _status_after(error: CivitaiKitError) -> SiteStatus:
    match error:
        case RateLimited():
            return SiteStatus.THERE
        case UsageError():
            return SiteStatus.NOT_ASKED
        case _:
            return SiteStatus.AWAY


def _site(parts: CheckParts, status: SiteStatus, error: CivitaiKitError | None = None) -> SiteFinding:
    offset = clock_offset(parts.heard, parts.now()) if status is SiteStatus.THERE else None
    return SiteFinding(parts.site_url, status, offset, error)


def _save_path(disk: TriedFolder) -> SavePathFinding:
    error: CivitaiKitError | None = None
    try:
        disk.check_could_be_written()
    except CivitaiKitError as failed:
        error = failed
    return SavePathFinding(str(disk.root), disk.root.is_dir(), disk.free(), error)
