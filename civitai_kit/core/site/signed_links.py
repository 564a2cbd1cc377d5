"""The signed links to the storage that downloads lead to, and how long they hold (site.md 7.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from civitai_kit.core.url_keys import without_keys


@dataclass(frozen=True, slots=True)
class DownloadLink:
    """Where a file can be fetched without a key until `expires_at` (UTC), None where the link does not say.

    Whoever has the `url` has the file: it is a secret, and does not show in a repr. Send no Authorization header to
    it, the storage refuses that (site.md 7.6).
    """

    url: str
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        """Without the signature."""
        return f"DownloadLink({without_keys(self.url)!r}, expires_at={self.expires_at!r})"


def link_of(url: str) -> DownloadLink:
    """A signed URL with the end of its life."""
    query = parse_qs(urlsplit(url).query)
    life = signature_life(query.get("X-Amz-Date", [""])[0], query.get("X-Amz-Expires", [""])[0])
    return DownloadLink(url, None if life is None else life[0] + timedelta(seconds=life[1]))


def signature_life(stamp: str, seconds: str) -> tuple[datetime, int] | None:
    """When a link was signed and for how many seconds, from its `X-Amz-Date` and `X-Amz-Expires`; None for nonsense."""
    if not re.fullmatch(r"[0-9]{1,9}", seconds):
        return None
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC), int(seconds)
    except ValueError:
        return None
