"""Which of the site's answers to keep: each file of a model becomes a Choice, or a Skip with its Reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from civitai_kit.core.plans.plan import Reason, Skip
from civitai_kit.core.site.models import Model, ModelFile, ModelVersion, with_ids
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.core.site.references import Reference

TRAINING_DATA = "training data"
DANGER = "Danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to keep here, whatever the site did; empty means no wish. Sizes in bytes.

    Names compare without regard to case; `ignore_base_models` and `ignore_filenames` match parts, `ignore_tags`
    whole tags. `tags`, `usernames`, `types`, `base_models`, `formats`, `file_types` each mean any of theirs.
    """

    types: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    usernames: tuple[str, ...] = ()
    ignore_base_models: tuple[str, ...] = ()
    ignore_tags: tuple[str, ...] = ()
    ignore_filenames: tuple[str, ...] = ()
    creator_exclude: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    file_types: tuple[str, ...] = ()
    min_size: int | None = None
    max_size: int | None = None
    all_versions: bool = False
    primary_only: bool = False
    pruned: bool = False
    fp16: bool = False
    allow_unsafe: bool = False
    early_access: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """What to scan: things named by `references`, listings asked by `queries`, and what to keep of them.

    `limit` counts models that have something to fetch, 0 is all; `max_pages` counts pages in all, `top`
    models of each listing, whatever becomes of them; 0 is all.
    """

    references: tuple[Reference, ...] = ()
    queries: tuple[ModelQuery, ...] = ()
    selection: Selection = field(default_factory=Selection)
    limit: int = 0
    max_pages: int = 0
    top: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """One file that survived the selection, with the model and version it belongs to."""

    model: Model
    version: ModelVersion
    file: ModelFile


def choose(model: Model, selection: Selection, now: datetime, wanted: int | None = None) -> Iterator[Choice | Skip]:
    """Everything of one model that is kept or passed over, in the site's order.

    `wanted` is the id of the one version asked for by name; without it the newest version counts, or all of them.
    """
    if (reason := _model_reason(model, selection)) is not None:
        yield _skip(reason, model)
        return
    if not any(True for _ in _named(model, wanted)):
        yield _skip(Reason.NO_FILES, model)
        return
    for version in _versions(model, _named(model, wanted), selection):
        if isinstance(version, Skip):
            yield version
        else:
            yield from _files(model, version, selection, now)


def _named(model: Model, wanted: int | None) -> Iterator[ModelVersion]:
    return (version for version in model.versions if wanted is None or version.id == wanted)


def gate(version: ModelVersion, now: datetime) -> tuple[bool, str | None]:
    """Whether a version is behind an early-access or paid gate at `now`, and the ISO time it opens (site.md 2.2).

    The older forms of the site's records (`earlyAccessEndsAt`, `earlyAccessTimeFrame` in days) count as well.
    """
    paid = version.paid_access
    if paid is not None:
        opens = paid.ends_at or version.early_access_deadline
        return paid.permanent or opens is None or _is_after(opens, now), None if paid.permanent else opens
    for deadline in (version.early_access_deadline, version.early_access_ends_at):
        if deadline is not None and _is_after(deadline, now):
            return True, deadline
    published = _moment(version.published_at or version.created_at)
    if version.early_access_time_frame and published is not None:
        opens_at = published + timedelta(days=min(version.early_access_time_frame, 3650))
        return opens_at > now, opens_at.isoformat()
    return version.availability == "EarlyAccess", None


def _model_reason(model: Model, selection: Selection) -> Reason | None:
    checks: tuple[tuple[bool, Reason], ...] = (
        (model.mode == "TakenDown", Reason.TAKEN_DOWN),
        (model.mode == "Archived", Reason.ARCHIVED),
        (model.availability == "Private", Reason.PRIVATE),
        (bool(selection.types) and not _among(model.type, selection.types), Reason.TYPE),
        (bool(selection.tags) and not _any_among(model.tags, selection.tags), Reason.TAG),
        (_any_among(model.tags, selection.ignore_tags), Reason.TAG),
        (_creator_unwanted(model, selection), Reason.CREATOR),
    )
    return next((reason for failed, reason in checks if failed), None)


def _creator_unwanted(model: Model, selection: Selection) -> bool:
    username = model.creator.username if model.creator else None
    if _among(username, selection.creator_exclude):
        return True
    asked = {account_name(name) for name in selection.usernames}
    return bool(asked) and username is not None and account_name(username) not in asked


def account_name(name: str) -> str:
    """A username as the site compares it: first space to `_`, other signs dropped, lower case (site.md 2.1)."""
    kept = (sign for sign in name.strip().replace(" ", "_", 1) if sign.isascii() and (sign.isalnum() or sign == "_"))
    return "".join(kept).lower()


def _versions(model: Model, versions: Iterable[ModelVersion], selection: Selection) -> Iterator[ModelVersion | Skip]:
    passed: ModelVersion | None = None
    for version in versions:
        if _base_model_wanted(version, selection):
            yield version
            if not selection.all_versions:
                return
        elif selection.all_versions:
            yield _skip(Reason.BASE_MODEL, model, version)
        else:
            passed = passed or version
    if passed is not None:
        yield _skip(Reason.BASE_MODEL, model, passed)


def _base_model_wanted(version: ModelVersion, selection: Selection) -> bool:
    if selection.base_models and not _among(version.base_model, selection.base_models):
        return False
    return not _part_of(version.base_model, selection.ignore_base_models)


def _files(model: Model, version: ModelVersion, selection: Selection, now: datetime) -> Iterator[Choice | Skip]:
    reason, until = _version_reason(version, selection, now)
    if reason is not None:
        yield _skip(reason, model, version, until=until)
        return
    version = with_ids(version)
    for file in version.files:
        refusal = _file_reason(model, file, selection)
        if refusal is None and file.id is None:
            # Neither an address of its own nor a memory of it can be made.
            refusal = Reason.NO_FILES
        yield Choice(model, version, file) if refusal is None else _skip(refusal, model, version, file)


def _version_reason(version: ModelVersion, selection: Selection, now: datetime) -> tuple[Reason | None, str | None]:
    gated, until = gate(version, now)
    if version.usage_control not in (None, "Download"):
        return Reason.NOT_DOWNLOADABLE, None
    if version.availability == "Private":
        return Reason.PRIVATE, None
    if gated and not selection.early_access:
        return Reason.EARLY_ACCESS, until
    # Without its own id there is no address of it.
    return (Reason.NO_FILES, None) if not version.files or version.id is None else (None, None)


def _file_reason(model: Model, file: ModelFile, selection: Selection) -> Reason | None:
    return next((reason for reason, refuses in _FILE_RULES if refuses(model, file, selection)), None)


def _wrong_file_type(model: Model, file: ModelFile, selection: Selection) -> bool:
    if selection.file_types:
        return not _among(file.type, selection.file_types)
    return (file.type or "").casefold() == TRAINING_DATA


def _checkpoint_lacks(trait: str | None, wanted: str, model: Model) -> bool:
    return model.type == "Checkpoint" and (trait or "").casefold() != wanted


def _wrong_size(model: Model, file: ModelFile, selection: Selection) -> bool:
    if file.size is None:
        return False
    too_small = selection.min_size is not None and file.size < selection.min_size
    return too_small or (selection.max_size is not None and file.size > selection.max_size)


def _is_unsafe(model: Model, file: ModelFile, selection: Selection) -> bool:
    return not selection.allow_unsafe and DANGER in (file.pickle_scan_result, file.virus_scan_result)


def _wrong_format(model: Model, file: ModelFile, selection: Selection) -> bool:
    return bool(selection.formats) and not _among(file.metadata.format, selection.formats)


# In the order in which a person would name the reason.
_FILE_RULES: tuple[tuple[Reason, Callable[[Model, ModelFile, Selection], bool]], ...] = (
    (Reason.FILE_TYPE, _wrong_file_type),
    (Reason.FILE_NAME, lambda model, file, wish: _part_of(file.name, wish.ignore_filenames)),
    (Reason.NOT_PRIMARY, lambda model, file, wish: wish.primary_only and not file.primary),
    (Reason.FORMAT, _wrong_format),
    (
        Reason.NOT_PRUNED,
        lambda model, file, wish: wish.pruned and _checkpoint_lacks(file.metadata.size, "pruned", model),
    ),
    (
        Reason.NOT_FP16,
        lambda model, file, wish: wish.fp16 and _checkpoint_lacks(file.metadata.fp, "fp16", model),
    ),
    (Reason.SIZE, _wrong_size),
    (Reason.UNSAFE, _is_unsafe),
)


def _among(value: str | None, names: tuple[str, ...]) -> bool:
    return value is not None and value.casefold() in {name.casefold() for name in names}


def _any_among(values: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(_among(value, names) for value in values)


def _part_of(value: str | None, parts: tuple[str, ...]) -> bool:
    return value is not None and any(part.casefold() in value.casefold() for part in parts if part)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _is_after(text: str, now: datetime) -> bool:
    moment = _moment(text)
    return moment is None or moment > now


def _skip(
    reason: Reason,
    model: Model,
    version: ModelVersion | None = None,
    file: ModelFile | None = None,
    *,
    until: str | None = None,
) -> Skip:
    return Skip(
        reason=reason,
        model_id=model.id,
        model_name=model.name,
        version_id=version.id if version else None,
        version_name=version.name if version else None,
        file_id=file.id if file else None,
        file_name=file.name if file else None,
        until=until,
    )
