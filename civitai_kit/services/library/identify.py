"""Asks the site what hashed files are, and whether anything about those that are known is new; few requests for many.

Unknown files are looked up ten thousand hashes a request, then the versions of those that the site has, a hundred a
request. What is known is asked for by its models, a hundred a request, and no sooner than a day after the last time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from civitai_kit.core.collection.absence import SiteState, lists_version, state_of_mode
from civitai_kit.core.errors import Forbidden, Gone, NotFound, SiteError, Unauthorized
from civitai_kit.core.library.fuller import fuller
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.model_file import MatchedBy
from civitai_kit.core.site.models import Model
from civitai_kit.core.site.version_answer import with_its_model
from civitai_kit.services.library.asking import Inquiry
from civitai_kit.services.library.unknown import LookUp
from civitai_kit.services.listed import listed_models, refuse_no_address

# A request asks for so many models.
_MODELS_AT_ONCE = 100


def identify(inquiry: Inquiry, found: Iterable[Identified]) -> Iterator[Identified]:
    """Each file with what the site says of it, in any order; what could not be asked is noted in the inquiry."""
    models = _ModelAnswers(inquiry)
    known: list[Identified] = []
    unknown: list[Identified] = []
    for each in found:
        is_known = each.file.version_id is not None and each.file.matched_by is not MatchedBy.SIDECAR
        (known if is_known else unknown).append(each)
    matched: list[Identified] = []
    for each in LookUp(inquiry).each(unknown):
        if each.version is None:
            yield each
        else:
            matched.append(each)
        if len(matched) == _MODELS_AT_ONCE:
            yield from models.of(matched)
            matched = []
    yield from models.of(matched)
    due: list[Identified] = []
    rest: list[Identified] = []
    for each in known:
        (due if inquiry.is_due(each.file) else rest).append(each)
    yield from rest
    due.sort(key=lambda each: each.file.model_id or 0)
    for group in _by_models(due):
        yield from models.of(group)


@dataclass(frozen=True, slots=True)
class _ModelAnswers:
    """What the site says of the models of known files."""

    inquiry: Inquiry

    def of(self, group: list[Identified]) -> Iterator[Identified]:
        """Files of at most a hundred models, with what the site says of these now."""
        ids = dict.fromkeys(each.file.model_id for each in group if each.file.model_id is not None)
        listed: dict[int, Model] = {}
        if self.inquiry.away is None and ids:
            try:
                listed = listed_models(self.inquiry.site, ids)
            except NotFound:  # A mirror may list nothing: its models are asked for one at a time.
                pass
            except SiteError as error:
                self.inquiry.gone(error)
        asked: dict[int, Model | None] = {}
        for each in group:
            yield self._heard(each, listed, asked)
        self.inquiry.tell(len(group))

    def _heard(self, each: Identified, listed: Mapping[int, Model], asked: dict[int, Model | None]) -> Identified:
        if self.inquiry.is_over:
            return self.inquiry.skip(each)
        try:
            return self._with_model(each, self._model(each.file.model_id, listed, asked))
        except SiteError as error:
            self.inquiry.gone(error)
            return self.inquiry.skip(each)

    def _model(self, model_id: int | None, listed: Mapping[int, Model], asked: dict[int, Model | None]) -> Model | None:
        """The model as the site shows it, None when it does not; a listing leaves some out (site.md 2.1)."""
        if model_id is None or model_id in listed:
            return listed.get(model_id or 0)
        if model_id not in asked:
            try:
                asked[model_id] = self.inquiry.site.model(model_id)
            except (NotFound, Gone, Forbidden, Unauthorized) as error:
                refuse_no_address(error)
                asked[model_id] = None
        return asked[model_id]

    def _with_model(self, each: Identified, model: Model | None) -> Identified:
        version_id, stamp = each.file.version_id, self.inquiry.stamp
        assert version_id is not None, "only a file that is known has a model"
        state = None if model is None else state_of_mode(model.mode)
        version = each.version
        if model is not None and lists_version(model, version_id):
            one = next(one for one in model.versions if one.id == version_id)
            version = fuller(version or {}, with_its_model(one.raw, model.raw))
        elif version is None and state is None:
            try:
                version, state = self._alone(version_id)
            except (Forbidden, Unauthorized):
                # It says nothing about whether the site has it.
                return replace(each, file=replace(each.file, asked_at=stamp))
        known = replace(
            each.file,
            asked_at=stamp,
            site_state=None if state is None else str(state),
            last_seen=stamp if state is None else each.file.last_seen,
        )
        return replace(each, file=known, version=version or each.version, model=None if model is None else model.raw)

    def _alone(self, version_id: int) -> tuple[Mapping[str, object] | None, SiteState | None]:
        """A version that its model does not list: its own answer, or why there is none."""
        try:
            version = self.inquiry.site.version(version_id)
        except NotFound as error:
            refuse_no_address(error)
            return None, SiteState.GONE
        except Gone:
            return None, SiteState.ARCHIVED
        return version.raw, state_of_mode(version.model.mode) if version.model is not None else None


def _by_models(due: list[Identified]) -> Iterator[list[Identified]]:
    """Files, sorted by model, in groups of at most a hundred models."""
    group: list[Identified] = []
    models: set[int | None] = set()
    for each in due:
        if len(models | {each.file.model_id}) > _MODELS_AT_ONCE:
            yield group
            group, models = [], set()
        group.append(each)
        models.add(each.file.model_id)
    if group:
        yield group
