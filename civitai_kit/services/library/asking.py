"""How a scan asks the site, and what has come of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from civitai_kit.core.errors import SiteError
from civitai_kit.core.events import Asked, Emit
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.ports import Site

# What was asked about within this time is not asked again, unless somebody wants it.
_FRESH = timedelta(hours=24)
# A look-up by a weaker hash takes a request a file: a miss is believed for so long.
_MISS_LASTS = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How to ask: `refresh` also about what was asked lately, `skip_missing` not about what the site did not know,
    `thorough` by every digest there is.
    """

    refresh: bool = False
    skip_missing: bool = False
    thorough: bool = False


@dataclass
class Inquiry:
    """One run's questions; `away` is why the site could not be asked, once that is so.

    `unheard` are the paths of the files about which it was to be asked and was not.
    """

    parts: LibraryParts
    how: Asking
    emit: Emit
    away: SiteError | None = None
    unheard: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._now = self.parts.now()
        self.stamp = self._now.isoformat(timespec="seconds")
        self._asked = 0

    @property
    def site(self) -> Site:
        """The site; who never asks never loads what is needed for it."""
        return self.parts.site()

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be asked, or is wanted."""
        return self.away is not None or self.parts.stop.is_set()

    def gone(self, error: SiteError) -> None:
        """The site cannot be asked: what is known stays, and nobody waits for it again."""
        self.away = self.away or error

    def skip(self, each: Identified) -> Identified:
        """A file about which nothing was heard: it stays as it is."""
        self.unheard.add(each.file.path)
        return each

    def tell(self, count: int) -> None:
        """So many more files were asked about."""
        self._asked += count
        if count:
            self.emit(Asked(self._asked, "file"))

    def is_due(self, file: LibraryFile) -> bool:
        """Whether the last answer about a file is too old to be believed."""
        asked = _time(file.asked_at)
        return self.how.refresh or asked is None or self._now - asked > _FRESH

    def may_ask_weaker(self, file: LibraryFile) -> bool:
        """Whether an unknown file is to be looked up by weaker hashes (again)."""
        missed_at = _time(file.weak_asked_at)
        return self.how.thorough or missed_at is None or self._now - missed_at > _MISS_LASTS

    def wants_header(self, file: LibraryFile) -> bool:
        """Whether the header of a file that was seen before is needed to look it up."""
        if file.version_id is not None or not self.may_ask_weaker(file):
            return False
        return file.status_code is None or (self.is_due(file) and not self.how.skip_missing)


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
