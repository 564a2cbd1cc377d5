"""Looks up files of which nothing is known: by their hashes, ten thousand a request, then by what else names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from civitai_kit.core.errors import NotFound, SiteError
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.matching import file_matching, owner_among, weaker_names
from civitai_kit.core.library.model_file import MatchedBy
from civitai_kit.core.site.models import ModelVersion
from civitai_kit.services.library.asking import Inquiry
from civitai_kit.services.listed import batches


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
        held = self._held_hashes(wanted)
        if held is None:
            yield from map(inquiry.skip, wanted)
            return
        yield from self._without_sha256([each for each in wanted if each.digests.sha256 not in held])
        for batch in batches(each for each in wanted if each.digests.sha256 in held):
            yield from self._versions_of(batch)

    def _held_hashes(self, wanted: list[Identified]) -> set[str] | None:
        """Those SHA256 that the site knows; None where it could not be asked."""
        hashes = dict.fromkeys(each.digests.sha256 for each in wanted if each.digests.sha256)
        if not hashes:
            return set()
        try:
            return {row.hash for row in self.inquiry.site.version_ids_by_hash(hashes) if row.hash}
        except SiteError as error:
            self.inquiry.gone(error)
            return None

    def _versions_of(self, batch: list[Identified]) -> Iterator[Identified]:
        hashes = dict.fromkeys(each.digests.sha256 for each in batch if each.digests.sha256)
        versions: tuple[ModelVersion, ...] = ()
        try:
            versions = self.inquiry.site.versions_by_hash(hashes) if self.inquiry.away is None else ()
        except SiteError as error:
            self.inquiry.gone(error)
        if self.inquiry.away is not None:
            yield from map(self.inquiry.skip, batch)
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
        inquiry = self.inquiry
        for kind, value in weaker_names(each.digests, each.header, thorough=inquiry.how.thorough):
            if inquiry.is_over:
                return inquiry.skip(each)
            try:
                version = inquiry.site.version_by_hash(value)
            except NotFound:
                continue
            except SiteError as error:
                inquiry.gone(error)
                return inquiry.skip(each)
            if file_matching(version, kind, value) is not None:
                return self._matched(each, version, kind, value)
        return self._missed(each, asked_weaker=True)

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
