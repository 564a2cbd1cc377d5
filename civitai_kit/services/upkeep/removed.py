"""Asks the site which recorded models it still has; the store notes what is gone and keeps its last answers.

Models are listed a hundred ids at a time. The listing leaves out what is archived, unrated or hidden, so what is
missing there is asked for by id: first the model, then the version (site.md 2.1, 3, 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from civitai_kit.core.collection.absence import Absence, Absent, SiteState, absent_of, lists_version, state_of_mode
from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import Forbidden, Gone, Interrupted, NotFound, Unauthorized
from civitai_kit.core.events import Asked, Emit
from civitai_kit.core.site.models import Model
from civitai_kit.core.site.references import LARGEST_ID
from civitai_kit.services.listed import batches, listed_models, refuse_no_address
from civitai_kit.services.ports import Site
from civitai_kit.services.upkeep.ports import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedParts:
    """What the check works with; `stopped` says that it is to end."""

    site: Site
    store: Records
    now: Callable[[], datetime]
    stopped: Callable[[], bool]


def find_removed(parts: RemovedParts, emit: Emit) -> Absence:
    """Ask about every recorded version and remember the answers, batch by batch.

    Raises a SiteError when the site is out of reach and Interrupted when stopped; the answers until then are kept.
    """
    checked = 0
    removed: list[Absent] = []
    for batch in batches(_versions_by_model(parts.store)):
        if parts.stopped():
            raise Interrupted("Stopped before everything was asked.", hint="What was heard is kept; run it again.")
        heard = list(_ask(parts, batch))
        parts.store.put_many(entry for entry, _ in heard)
        checked += len(heard)
        removed += [absent_of(entry) for entry, state in heard if state is not None]
        emit(Asked(checked, "version"))
    return Absence(checked=checked, removed=tuple(sorted(removed, key=lambda absent: absent.version_id)))


_Group = tuple[int | None, list[int]]


def _versions_by_model(store: Records) -> Iterator[_Group]:
    """Version ids grouped by model; one whose model is not known is a group of its own."""
    groups: dict[int, list[int]] = {}
    orphans: list[int] = []
    for summary in store.summaries():
        if summary.model_id is None or not 0 < summary.model_id <= LARGEST_ID:
            orphans.append(summary.version_id)
        else:
            groups.setdefault(summary.model_id, []).append(summary.version_id)
    yield from groups.items()
    yield from ((None, [version_id]) for version_id in orphans)


def _ask(parts: RemovedParts, batch: list[_Group]) -> Iterator[tuple[Entry, SiteState | None]]:
    """The entries of some models, updated by the site's answers, and their states."""
    listed = listed_models(parts.site, (model_id for model_id, _ in batch if model_id is not None))
    now = parts.now().isoformat(timespec="seconds")
    for model_id, version_ids in batch:
        for version_id, state in _states(parts.site, listed, model_id, version_ids):
            entry = parts.store.get(version_id)
            if entry is not None:
                yield _heard(entry, state, now), state


def _states(
    site: Site, listed: dict[int, Model], model_id: int | None, version_ids: list[int]
) -> Iterator[tuple[int, SiteState | None]]:
    """Each version and why it is gone; None while the site has it."""
    model = listed.get(model_id) if model_id is not None else None
    model = model or _asked(site, model_id)
    state = state_of_mode(model.mode) if model is not None else None
    for version_id in version_ids:
        if state is not None:
            yield version_id, state
        elif model is not None and lists_version(model, version_id):
            yield version_id, None
        else:
            yield version_id, _state_of_version(site, version_id)


def _asked(site: Site, model_id: int | None) -> Model | None:
    """The model by its id; None when the site does not show it."""
    try:
        return site.model(model_id) if model_id is not None else None
    except (NotFound, Gone, Forbidden, Unauthorized):
        return None


def _state_of_version(site: Site, version_id: int) -> SiteState | None:
    try:
        version = site.version(version_id)
    except NotFound as error:
        refuse_no_address(error)
        return SiteState.GONE
    except Gone:
        return SiteState.ARCHIVED
    except (Forbidden, Unauthorized):
        return None
    return state_of_mode(version.model.mode) if version.model is not None else None


def _heard(entry: Entry, state: SiteState | None, now: str) -> Entry:
    """The updated entry: seen now, or its new state with the time when it was last seen."""
    if state is None:
        return entry.model_copy(update={"last_seen": now, "site_state": None})
    return entry.model_copy(update={"site_state": str(state)})
