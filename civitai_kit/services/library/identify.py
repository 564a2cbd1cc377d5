"""Asks the site what hashed files are, and whether anything about those that are known is new; few requests for many.

Unknown files are looked up ten thousand hashes a request, then the versions of those that the site has, a hundred a
request. What is known is asked for by its models, a hundred a request, and no sooner than a day after the last time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from civitai_kit.core.collection.absence import SiteState, lists_version, state_of_mode
from civitai_kit.core.errors import Forbidden, Gone, NotFound, SiteError, Unauthorized
from civitai_kit.core.events import Emit, PageRead
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.matching import file_matching, owner_among, weaker_names
from civitai_kit.core.library.model_file import LibraryFile, MatchedBy
from civitai_kit.core.site.models import Model, ModelVersion
from civitai_kit.core.site.version_answer import with_its_model
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.listed import batches, listed_models
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


def identify(parts: LibraryParts, found: Iterable[Identified], how: Asking, emit: Emit) -> Identifying:
    """Begin to ask about files; iterate what comes back for each file, in any order."""
    return Identifying(parts, list(found), how, emit)


@dataclass
class Identifying:
    """The files of a run with what the site says of them; `away` is why it could not be asked, once that is so.

    `unheard` are the paths of those about which it was to be asked and was not.
    """

    parts: LibraryParts
    found: list[Identified]
    how: Asking
    emit: Emit
    away: SiteError | None = None
    unheard: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._now = self.parts.now()
        self._stamp = self._now.isoformat(timespec="seconds")
        self._asked = 0

    def __iter__(self) -> Iterator[Identified]:
        known: list[Identified] = []
        unknown: list[Identified] = []
        for each in self.found:
            (unknown if each.file.version_id is None else known).append(each)
        matched: list[Identified] = []
        for each in self._look_up(unknown):
            if each.file.version_id is None:
                yield each
            else:
                matched.append(each)
            if len(matched) == 100:
                yield from self._with_models(matched)
                matched = []
        yield from self._with_models(matched)
        due: list[Identified] = []
        rest: list[Identified] = []
        for each in known:
            (due if self._is_due(each.file) else rest).append(each)
        yield from rest
        due.sort(key=lambda each: each.file.model_id or 0)
        for group in _by_models(due):
            yield from self._with_models(group)

    # Unknown files

    def _look_up(self, unknown: list[Identified]) -> Iterator[Identified]:
        """Each unknown file, with the version that holds it where the site has one."""
        wanted: list[Identified] = []
        for each in unknown:
            was_missed = each.file.status_code is not None
            if was_missed and (self.how.skip_missing or not self._is_due(each.file)):
                yield each
            else:
                wanted.append(each)
        held = self._held_hashes(wanted)
        if held is None:
            self.unheard.update(each.file.path for each in wanted)
            yield from wanted
            return
        yield from self._without_sha256([each for each in wanted if each.digests.sha256 not in held])
        having = [each for each in wanted if each.digests.sha256 in held]
        for batch in batches(having):
            yield from self._versions_of(batch)

    def _held_hashes(self, wanted: list[Identified]) -> set[str] | None:
        """Those SHA256 that the site knows; None where it could not be asked."""
        hashes = dict.fromkeys(each.digests.sha256 for each in wanted if each.digests.sha256)
        if not hashes:
            return set()
        try:
            return {row.hash for row in self._site.version_ids_by_hash(hashes) if row.hash}
        except SiteError as error:
            self._gone(error)
            return None

    def _versions_of(self, batch: list[Identified]) -> Iterator[Identified]:
        hashes = dict.fromkeys(each.digests.sha256 for each in batch if each.digests.sha256)
        versions: tuple[ModelVersion, ...] = ()
        try:
            versions = self._site.versions_by_hash(hashes) if self.away is None else ()
        except SiteError as error:
            self._gone(error)
        if self.away is not None:
            self.unheard.update(each.file.path for each in batch)
            yield from batch
            return
        for each in batch:
            sha256 = each.digests.sha256 or ""
            owner = owner_among(versions, sha256, self.parts.store.by_sha256(sha256))
            yield self._not_known(each) if owner is None else self._matched(each, owner, MatchedBy.SHA256, sha256)
        self._tell(len(batch))

    def _without_sha256(self, missed: list[Identified]) -> Iterator[Identified]:
        """The files whose SHA256 the site does not know: looked up by what else names them."""
        for each in missed:
            yield self._by_weaker(each) if self._may_ask_weaker(each.file) else self._not_known(each)
        self._tell(len(missed))

    def _may_ask_weaker(self, file: LibraryFile) -> bool:
        missed_at = _time(file.weak_asked_at)
        return self.how.thorough or missed_at is None or self._now - missed_at > _MISS_LASTS

    def _by_weaker(self, each: Identified) -> Identified:
        for kind, value in weaker_names(each.digests, each.header, thorough=self.how.thorough):
            if self.away is not None or self.parts.stop.is_set():
                return each
            try:
                version = self._site.version_by_hash(value)
            except NotFound:
                continue
            except SiteError as error:
                self._gone(error)
                self.unheard.add(each.file.path)
                return each
            if file_matching(version, kind, value) is not None:
                return self._matched(each, version, kind, value)
        return self._not_known(each, asked_weaker=True)

    def _matched(self, each: Identified, version: ModelVersion, kind: MatchedBy, value: str) -> Identified:
        file = file_matching(version, kind, value)
        known = replace(
            each.file,
            version_id=version.id,
            model_id=version.model_id,
            file_id=None if file is None else file.id,
            matched_by=kind,
            last_seen=self._stamp,
            asked_at=self._stamp,
            site_state=None,
            status_code=None,
        )
        return _with(each, known, version=version.raw)

    def _not_known(self, each: Identified, *, asked_weaker: bool = False) -> Identified:
        asked = self._stamp if asked_weaker else each.file.weak_asked_at
        return _with(each, replace(each.file, asked_at=self._stamp, status_code=404, weak_asked_at=asked))

    # Known files

    def _is_due(self, file: LibraryFile) -> bool:
        asked = _time(file.asked_at)
        return self.how.refresh or asked is None or self._now - asked > _FRESH

    def _with_models(self, group: list[Identified]) -> Iterator[Identified]:
        """Files of at most a hundred models, with what the site says of these now."""
        ids = dict.fromkeys(each.file.model_id for each in group if each.file.model_id is not None)
        listed: dict[int, Model] = {}
        if self.away is None and ids:
            try:
                listed = listed_models(self._site, ids)
            except SiteError as error:
                self._gone(error)
        asked: dict[int, Model | None] = {}
        for each in group:
            yield self._heard(each, listed, asked)
        self._tell(len(group))

    def _heard(self, each: Identified, listed: Mapping[int, Model], asked: dict[int, Model | None]) -> Identified:
        if self.away is not None or self.parts.stop.is_set():
            self.unheard.add(each.file.path)
            return each
        try:
            return self._of_model(each, self._model(each.file.model_id, listed, asked))
        except SiteError as error:
            self._gone(error)
            self.unheard.add(each.file.path)
            return each

    def _model(self, model_id: int | None, listed: Mapping[int, Model], asked: dict[int, Model | None]) -> Model | None:
        """The model as the site shows it, None when it does not; a listing leaves some out (site.md 2.1)."""
        if model_id is None or model_id in listed:
            return listed.get(model_id or 0)
        if model_id not in asked:
            try:
                asked[model_id] = self._site.model(model_id)
            except (NotFound, Gone, Forbidden, Unauthorized):
                asked[model_id] = None
        return asked[model_id]

    def _of_model(self, each: Identified, model: Model | None) -> Identified:
        version_id = each.file.version_id
        assert version_id is not None, "only a file that is known has a model"
        state = None if model is None else state_of_mode(model.mode)
        version = each.version
        if model is not None and lists_version(model, version_id):
            one = next(one for one in model.versions if one.id == version_id)
            version = version or with_its_model(one.raw, model.raw)
        elif version is None and state is None:
            try:
                version, state = self._alone(version_id)
            except (Forbidden, Unauthorized):
                # It says nothing about whether the site has it.
                return _with(each, replace(each.file, asked_at=self._stamp))
        known = replace(
            each.file,
            asked_at=self._stamp,
            site_state=None if state is None else str(state),
            last_seen=self._stamp if state is None else each.file.last_seen,
        )
        return _with(each, known, version=version, model=None if model is None else model.raw)

    def _alone(self, version_id: int) -> tuple[Mapping[str, object] | None, SiteState | None]:
        """A version that its model does not list: its own answer, or why there is none."""
        try:
            version = self._site.version(version_id)
        except NotFound:
            return None, SiteState.GONE
        except Gone:
            return None, SiteState.ARCHIVED
        return version.raw, state_of_mode(version.model.mode) if version.model is not None else None

    # Both

    @property
    def _site(self) -> Site:
        return self.parts.site()

    def _gone(self, error: SiteError) -> None:
        """The site cannot be asked: what is known stays, and nobody waits for it again."""
        self.away = self.away or error

    def _tell(self, count: int) -> None:
        self._asked += count
        self.emit(PageRead(0, self._asked, 0))


def _by_models(due: list[Identified]) -> Iterator[list[Identified]]:
    """Files, sorted by model, in groups of at most a hundred models."""
    group: list[Identified] = []
    models: set[int | None] = set()
    for each in due:
        if len(models | {each.file.model_id}) > 100:
            yield group
            group, models = [], set()
        group.append(each)
        models.add(each.file.model_id)
    if group:
        yield group


def _with(
    each: Identified,
    file: LibraryFile,
    version: Mapping[str, object] | None = None,
    model: Mapping[str, object] | None = None,
) -> Identified:
    return replace(each, file=file, version=version or each.version, model=model or each.model)


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
