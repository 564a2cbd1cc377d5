"""Whether what a storage sends goes on with the bytes that are here: validators tell, and where there is one, the hash.

The real storage ignores one range in eight (a fresh link mends that), some ignore conditions, and the validators of
some differ from node to node. None of this may cost the bytes that are here, nor let a wrong one through.
"""

from __future__ import annotations

from dataclasses import replace

from civitai_kit.transfer.http.ranges import StoredObject, range_headers
from civitai_kit.transfer.part.journal import Journal

# How often in a row a range is asked for anew that was not served, before the bytes that are here are given up.
_MOST_ASKED_ANEW = 3


class Resumption:
    """Judges the answers to range requests of one part; `hash_decides` says that the site promises a hash."""

    def __init__(self, *, hash_decides: bool) -> None:
        self._hash_decides = hash_decides
        self._conditional = True
        self._unserved = 0
        self._odd = False

    def another(self) -> Resumption:
        """One of the same opinion that counts for itself."""
        other = Resumption(hash_decides=self._hash_decides)
        other._conditional = self._conditional
        return other

    @property
    def gives_up(self) -> bool:
        """Whether other ranges than those asked for came so often that none is to be asked for."""
        return self._odd and self._unserved > _MOST_ASKED_ANEW

    def headers(self, journal: Journal, start: int, stop: int | None = None) -> dict[str, str]:
        """The headers that ask for these bytes; without a condition once one was answered with the whole file."""
        return range_headers(journal if self._conditional else replace(journal, etag=None), start, stop)

    def fits(self, found: StoredObject, journal: Journal) -> bool:
        """Whether this is the object whose bytes are here, or one of its length, where the hash will tell."""
        if not found.differs_from(journal):
            return True
        return self._hash_decides and found.total is not None and found.total == journal.total

    def asks_anew(self, status: int, found: StoredObject, journal: Journal, start: int) -> bool:
        """Whether to ask once more for the bytes from `start`, by a fresh link: other bytes of a fitting file came."""
        if status == 206 and found.start == start:
            self._unserved = 0
            return False
        if status == 416 or not self.fits(found, journal):
            return False
        self._conditional = False
        self._unserved += 1
        self._odd = status == 206
        return self._unserved <= _MOST_ASKED_ANEW

    def distrust(self) -> None:
        """The hash was wrong: from now on only equal validators let bytes be added to others."""
        self._hash_decides = False
        self._conditional = True
