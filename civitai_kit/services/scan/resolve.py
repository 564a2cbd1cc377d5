"""Finds the model that a REF names, or the error that says why there is none."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from civitai_kit.core.errors import (
    BadQuery,
    CivitaiKitError,
    Code,
    Forbidden,
    Gone,
    NotFound,
    SiteError,
    Unauthorized,
    UnexpectedReply,
    UsageError,
)
from civitai_kit.core.plans.plan import Reason, Skip
from civitai_kit.core.site.models import Model, ModelVersion
from civitai_kit.core.site.references import Reference, ReferenceKind
from civitai_kit.services.listed import batches, listed_models, listed_owners

if TYPE_CHECKING:
    from civitai_kit.services.ports import Site

# Answers that concern the one thing asked for, so that the other REFs still have their turn.
_ONE_REF_ONLY = (NotFound, Gone, Forbidden, Unauthorized, BadQuery, UnexpectedReply)

_AS_A_MODEL = "It may be gone, not public, or not rated yet. A number is a model's id; a version's: --model-version-id."
_OF_MODELS = (ReferenceKind.MODEL, ReferenceKind.VERSION, ReferenceKind.FILE)

_CODE_OF_SKIP: dict[Reason, Code] = {
    Reason.EARLY_ACCESS: Code.EARLY_ACCESS,
    Reason.NOT_DOWNLOADABLE: Code.DOWNLOADS_DISABLED,
    Reason.PRIVATE: Code.NO_ACCESS,
    Reason.ARCHIVED: Code.ARCHIVED,
    Reason.TAKEN_DOWN: Code.NOT_FOUND,
    Reason.NO_FILES: Code.NOT_FOUND,
}
_WORDS_OF_SKIP: dict[Reason, str] = {
    Reason.EARLY_ACCESS: "is in early access",
    Reason.NOT_DOWNLOADABLE: "can be used on the site only; its creator has disabled downloads",
    Reason.PRIVATE: "is private",
    Reason.ARCHIVED: "is archived, its files can no longer be downloaded",
    Reason.TAKEN_DOWN: "was taken down",
    Reason.NO_FILES: "has no files",
}


@dataclass(frozen=True, slots=True)
class Named:
    """A model that a REF led to; `version_id` when one of its versions was named."""

    reference: Reference
    model: Model
    version_id: int | None = None


def named_models(site: Site, references: Iterable[Reference]) -> Iterator[Named | CivitaiKitError]:
    """Each REF's model, or its error; the same REF twice is one. Raises when the site is out of reach.

    Many are looked up in the listing, a hundred a request; those that it does not show are asked for by id, as is a
    single one, of which the site then tells more.
    """
    for batch in batches(_distinct(references)):
        listed = _Listed.of(site, batch) if len(batch) > 1 else _Listed()
        for reference in batch:
            yield listed.find(reference) or _looked_up(site, reference)


def _distinct(references: Iterable[Reference]) -> Iterable[Reference]:
    named: dict[object, Reference] = {}
    for one in references:
        model_id = None if one.version_id else one.model_id
        ids = (model_id, one.version_id, one.file_id)
        named.setdefault(ids if model_id or one.version_id else one.text, one)
    return named.values()


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the listing shows of some REFs: whole `models` by their ids, and whose the versions are.

    `controls` says for what a version may be used, which listings leave out (site.md 2.2, 4).
    """

    models: dict[int, Model] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)
    controls: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, site: Site, references: list[Reference]) -> _Listed:
        """Ask for all of them at once; raises a SiteError when the site is out of reach."""
        version_ids = [reference.version_id for reference in references if reference.version_id is not None]
        try:
            found = listed_owners(site, version_ids)
            owners = {version_id: model.id for version_id, model in found.items() if model.id is not None}
            named = [one.model_id for one in references if one.version_id is None and one.model_id is not None]
            models = listed_models(site, [*named, *owners.values()])
            return cls(models, owners, _controls(site, models.values(), owners))
        except _ONE_REF_ONLY:
            return cls()

    def find(self, reference: Reference) -> Named | None:
        """The REF's model, None when the listing does not show it, or not this version of it."""
        if reference.kind not in _OF_MODELS:
            return None
        wanted = reference.version_id
        model_id = reference.model_id if wanted is None else self.owners.get(wanted)
        model = self.models.get(model_id) if model_id is not None else None
        if model is None or (wanted is not None and all(version.id != wanted for version in model.versions)):
            return None
        control = self.controls.get(wanted) if wanted is not None else None
        return Named(reference, model if control is None else _controlled(model, wanted, control), wanted)


def _controls(site: Site, models: Iterable[Model], version_ids: Container[int]) -> dict[int, str]:
    """For what those of the versions may be used that can be asked for by a file's hash, many at once."""
    wanted = (version for model in models for version in model.versions if version.id in version_ids)
    hashes = [digest for version in wanted if (digest := _first_hash(version)) is not None]
    heard = site.versions_by_hash(hashes) if hashes else ()
    return {one.id: one.usage_control for one in heard if one.id is not None and one.usage_control is not None}


def _first_hash(version: ModelVersion) -> str | None:
    found = (file.hashes.sha256 for file in version.files)
    return next((digest for digest in found if digest and re.fullmatch("[0-9a-f]{64}", digest)), None)


def _controlled(model: Model, version_id: int | None, control: str) -> Model:
    versions = tuple(
        one.model_copy(update={"usage_control": control}) if one.id == version_id else one for one in model.versions
    )
    return model.model_copy(update={"versions": versions})


def _looked_up(site: Site, reference: Reference) -> Named | CivitaiKitError:
    try:
        return _look_up(site, reference)
    except _ONE_REF_ONLY as error:
        error.model_id = error.model_id or reference.model_id
        error.version_id = error.version_id or reference.version_id
        if isinstance(error, NotFound) and reference.kind is ReferenceKind.MODEL and reference.text.isdigit():
            error.hint = _AS_A_MODEL
        return error
    except UsageError as error:
        return error


def refusal_of(found: Named, skips: list[Skip]) -> CivitaiKitError | None:
    """The error for a REF that can only be skipped; None when it is there, or was filtered out."""
    file_id = found.reference.file_id
    if file_id is not None and not skips:
        return NotFound(
            f"Version {found.version_id} has no file {file_id}.",
            version_id=found.version_id,
            file_id=file_id,
            status=404,
        )
    reasons = {skip.reason for skip in skips}
    refusing = [skip for skip in skips if skip.reason in _CODE_OF_SKIP]
    if not refusing or reasons - set(_CODE_OF_SKIP):
        return None
    skip = refusing[0]
    until = f" until {skip.until}" if skip.until else ""
    hint = "`--early-access` tries it all the same." if skip.reason is Reason.EARLY_ACCESS else None
    what = f"Version {found.version_id}" if found.version_id else f"Model {found.model.id}"
    nameless = skip.reason is Reason.NO_FILES and skip.file_name is not None
    words = "has files, but the site's answer lacks their ids" if nameless else _WORDS_OF_SKIP[skip.reason]
    return CivitaiKitError(
        f"{what} ({found.model.name}) {words}{until}.",
        code=_CODE_OF_SKIP[skip.reason],
        hint=hint,
        model_id=skip.model_id,
        version_id=skip.version_id,
    )


def _look_up(site: Site, reference: Reference) -> Named:
    match reference.kind:
        case ReferenceKind.VERSION | ReferenceKind.FILE:
            return _named_version(site, reference)
        case ReferenceKind.MODEL if reference.version_id is not None:
            return _named_version(site, reference)
        case ReferenceKind.MODEL if reference.model_id is not None:
            return Named(reference, site.model(reference.model_id))
        case _:
            raise UsageError(
                f"{reference.text} names no model or version.",
                hint="Give a model page, a version, a download URL, an AIR or an id; images have `civitai-kit images`.",
            )


def _named_version(site: Site, reference: Reference) -> Named:
    """A version by id, shown within its model where the site shows that: there names and files are the listing's."""
    assert reference.version_id is not None, "the caller has looked"
    version = site.version(reference.version_id)
    model = _model_around(site, version, version.model_id or reference.model_id)
    return Named(reference, model, version.id)


def _model_around(site: Site, version: ModelVersion, model_id: int | None) -> Model:
    try:
        model = site.model(model_id) if model_id is not None else None
    except SiteError as error:
        if not isinstance(error, _ONE_REF_ONLY):
            raise
        model = None
    if model is None:
        owner = version.model
        return Model(
            id=model_id,
            name=owner.name if owner else None,
            type=owner.type if owner else None,
            mode=owner.mode if owner else None,
            versions=(version,),
        )
    return model.model_copy(update={"versions": _with_version(model, version)})


def _with_version(model: Model, version: ModelVersion) -> tuple[ModelVersion, ...]:
    """The model's versions with the one asked by id in its place: its own facts, the model's list of files."""
    merged = []
    for listed in model.versions:
        if listed.id == version.id:
            files = listed.files or version.files
            merged.append(version.model_copy(update={"files": files, "name": listed.name or version.name}))
        else:
            merged.append(listed)
    return tuple(merged) if any(one.id == version.id for one in merged) else (*merged, version)
