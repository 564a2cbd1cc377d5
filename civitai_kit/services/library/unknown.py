"""Looks up files of which nothing is known: by their hashes, ten thousand a request, then by what else names them.

A site that takes one hash at a time, such as a mirror, is asked file by file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from civitai_kit.core.errors import NotFound, SiteError, UnexpectedReply
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.matching import file_matching, owner_among, weaker_names
from civitai_kit.core.library.model_file import MatchedBy
from civitai_kit.core.site.models import ModelVersion
from civitai_kit.services.library.asking import Inquiry
from civitai_kit.services.listed import batches

# How a site says that it has no such endpoint.
_NO_ENDPOINT = (404, 405)


@dataclass(frozen=True, slots=True)
class LookUp:
    """The look-up of unknown files."""

    inquiry: Inquiry

    def each(self, unknown: Iterable[Identified]) -> Iterator[Identified]:
        """Each file, with the version that holds it where the site has one; in any order."""
        inquiry = self.inquiry
        wanted: list[Identified] = []
        for each in unknown:
            was_missed = each.file.status_code is not None
            if was_missed and (inquiry.how.skip_missing or not inquiry.is_due(each.file)):
                yield each
            else:
                wanted.append(each)
        try:
            held = self._held_hashes(wanted)
        except SiteError as error:
            yield from self._not_answered(error, wanted)
            return
        yield from self._without_sha256([each for each in wanted if each.digests.sha256 not in held])
        for batch in batches(each for each in wanted if each.digests.sha256 in held):
            yield from self._versions_of(batch)

    def _held_hashes(self, wanted: list[Identified]) -> set[str]:
        """Those SHA256 that the site knows; raises SiteError where it could not be asked."""
        hashes = dict.fromkeys(each.digests.sha256 for each in wanted if each.digests.sha256)
        return {row.hash for row in self.inquiry.site.version_ids_by_hash(hashes) if row.hash} if hashes else set()

    def _not_answered(self, error: SiteError, wanted: list[Identified]) -> Iterator[Identified]:
        """Files about which many at once could not be asked: one at a time where the site is there."""
        if error.status in _NO_ENDPOINT:
            yield from map(self._alone, wanted)
            return
        self.inquiry.gone(error)
        yield from map(self.inquiry.skip, wanted)

    def _versions_of(self, batch: list[Identified]) -> Iterator[Identified]:
        hashes = dict.fromkeys(each.digests.sha256 for each in batch if each.digests.sha256)
        versions: tuple[ModelVersion, ...] = ()
        if self.inquiry.away is not None:
            yield from map(self.inquiry.skip, batch)
            return
        try:
            versions = self.inquiry.site.versions_by_hash(hashes)
        except SiteError as error:
            yield from self._not_answered(error, batch)
            return
        for each in batch:
            sha256 = each.digests.sha256 or ""
            owner = owner_among(versions, sha256, self.inquiry.parts.store.by_sha256(sha256))
            yield self._missed(each) if owner is None else self._matched(each, owner, MatchedBy.SHA256, sha256)
        self.inquiry.tell(len(batch))

    def _without_sha256(self, missed: list[Identified]) -> Iterator[Identified]:
        """The files whose SHA256 the site does not know: looked up by what else names them."""
        for each in missed:
            yield self._by_weaker(each) if self.inquiry.may_ask_weaker(each.file) else self._missed(each)
        self.inquiry.tell(len(missed))

    def _by_weaker(self, each: Identified) -> Identified:
        names = weaker_names(each.digests, each.header, thorough=self.inquiry.how.thorough)
        return self._by_names(each, names) or self._missed(each, asked_weaker=True)

    def _alone(self, each: Identified) -> Identified:
        """One file, by its SHA256 and then by what else names it."""
        if (sha256 := each.digests.sha256) and (found := self._by_names(each, [(MatchedBy.SHA256, sha256)])):
            return found
        self.inquiry.tell(1)
        return self._by_weaker(each) if self.inquiry.may_ask_weaker(each.file) else self._missed(each)

    def _by_names(self, each: Identified, names: Iterable[tuple[MatchedBy, str]]) -> Identified | None:
        """A file by the first name that the site knows, as it is where it cannot be asked; None where it has none."""
        inquiry = self.inquiry
        for kind, value in names:
            if inquiry.is_over:
                return inquiry.skip(each)
            try:
                version = inquiry.site.version_by_hash(value)
            except SiteError as error:
                if isinstance(error, NotFound) and not error.no_address:
                    continue
                inquiry.gone(_no_hashes(error) if error.status in _NO_ENDPOINT else error)
                return inquiry.skip(each)
            if file_matching(version, kind, value) is not None:
                return self._matched(each, version, kind, value)
        return None

    def _matched(self, each: Identified, version: ModelVersion, kind: MatchedBy, value: str) -> Identified:
        file = file_matching(version, kind, value)
        known = replace(
            each.file,
            version_id=version.id,
            model_id=version.model_id,
            file_id=None if file is None else file.id,
            matched_by=kind,
            last_seen=self.inquiry.stamp,
            asked_at=self.inquiry.stamp,
            site_state=None,
            status_code=None,
        )
        return replace(each, file=known, version=version.raw)

    def _missed(self, each: Identified, *, asked_weaker: bool = False) -> Identified:
        stamp = self.inquiry.stamp
        asked = stamp if asked_weaker else each.file.weak_asked_at
        return replace(each, file=replace(each.file, asked_at=stamp, status_code=404, weak_asked_at=asked))


def _no_hashes(error: SiteError) -> SiteError:
    """What it means that the site has nothing where hashes are asked for."""
    hint = "Is the site's address (--api-url) right? A file can only be looked up where hashes are answered."
    return UnexpectedReply(
        "The site does not answer questions by hash.", hint=hint, status=error.status, endpoint=error.endpoint
    )
