"""Finds the model that a REF names, or the error that says why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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

if TYPE_CHECKING:
    from civitai_kit.services.ports import Site

# Answers that concern the one thing asked for, so that the other REFs still have their turn.
_ONE_REF_ONLY = (NotFound, Gone, Forbidden, Unauthorized, BadQuery, UnexpectedReply)

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
    """Each REF's model, or its error; the same REF twice is one. Raises when the site is out of reach."""
    seen: set[tuple[int | None, int | None]] = set()
    for reference in references:
        key = (None if reference.version_id else reference.model_id, reference.version_id)
        if key in seen:
            continue
        seen.add(key)
        try:
            yield _look_up(site, reference)
        except _ONE_REF_ONLY as error:
            error.model_id = error.model_id or reference.model_id
            error.version_id = error.version_id or reference.version_id
            yield error
        except UsageError as error:
            yield error


def refusal_of(found: Named, skips: list[Skip]) -> CivitaiKitError | None:
    """The error for a REF that can only be skipped; None when it is there, or was filtered out."""
    reasons = {skip.reason for skip in skips}
    refusing = [skip for skip in skips if skip.reason in _CODE_OF_SKIP]
    if not refusing or reasons - set(_CODE_OF_SKIP):
        return None
    skip = refusing[0]
    until = f" until {skip.until}" if skip.until else ""
    hint = "`--early-access` tries it all the same." if skip.reason is Reason.EARLY_ACCESS else None
    what = f"Version {found.version_id}" if found.version_id else f"Model {found.model.id}"
    return CivitaiKitError(
        f"{what} ({found.model.name}) {_WORDS_OF_SKIP[skip.reason]}{until}.",
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
            modelVersions=(version,),
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
