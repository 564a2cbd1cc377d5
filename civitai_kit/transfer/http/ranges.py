"""Range requests and what their answers say of the object: which bytes, of how many, of which edition."""

from __future__ import annotations

import re
from dataclasses import dataclass

from civitai_kit.transfer.http.connection import OpenAnswer
from civitai_kit.transfer.part.journal import Journal
from civitai_kit.transfer.part.validators import sendable_validator

_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What an answer says of the stored object.

    The bytes sent are `start` up to before `stop` (None: not said), of `total` (None: not said).
    """

    start: int | None
    stop: int | None
    total: int | None
    etag: str | None
    modified: str | None

    def differs_from(self, journal: Journal) -> bool:
        """Whether this is another object, or another edition of it, than the one the journal is about."""
        if self.total is not None and journal.total is not None and self.total != journal.total:
            return True
        if self.etag is not None and journal.etag is not None:
            return _bare(self.etag) != _bare(journal.etag)
        return None not in (self.modified, journal.modified) and self.modified != journal.modified


def stored_object(answer: OpenAnswer) -> StoredObject:
    """What `answer` (200, 206 or 416) says of the stored object."""
    etag, modified = (sendable_validator(answer.headers.get(name)) for name in ("etag", "last-modified"))
    if answer.encoded and answer.status != 200:  # Its numbers count compressed bytes.
        return StoredObject(None, None, None, etag, modified)
    if answer.status == 200:
        return StoredObject(0, answer.length, answer.length, etag, modified)
    found = _CONTENT_RANGE.match(answer.headers.get("content-range", ""))
    if found is None:
        return StoredObject(None, None, None, etag, modified)
    first, last, total = found.groups()
    return StoredObject(
        None if first is None else int(first),
        None if last is None else int(last) + 1,
        None if total == "*" else int(total),
        etag,
        modified,
    )


def range_headers(journal: Journal, start: int, stop: int | None = None) -> dict[str, str]:
    """The headers that ask for the bytes from `start` up to before `stop` (None: all), of the same edition only."""
    headers = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
    # A weak validator may not be used here (RFC 9110, 13.1.5); the answer's own is compared instead.
    if journal.etag is not None and not journal.etag.startswith("W/"):
        headers["If-Range"] = journal.etag
    return headers


def _bare(etag: str) -> str:
    return etag.removeprefix("W/")
