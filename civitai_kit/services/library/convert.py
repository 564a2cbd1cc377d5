"""Converts sidecars: what one program keeps beside model files, written in another's form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from civitai_kit.core.errors import CivitaiKitError, Interrupted
from civitai_kit.core.library.model_file import NotSeen
from civitai_kit.core.sidecars.about import read_object
from civitai_kit.core.sidecars.merging import Format, NotMerged, sidecar_of
from civitai_kit.core.sidecars.reading import about_from
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.library.roots import refuse_where_nothing_is
from civitai_kit.services.program_sidecars import SidecarPlan, plan_sidecar, preview_beside


@dataclass(frozen=True, slots=True)
class Conversion:
    """One model file: what is to be written for it, or the error that keeps it from being."""

    model: str
    plan: SidecarPlan | None = None
    error: CivitaiKitError | None = None


def plan_conversion(parts: LibraryParts, roots: Sequence[Path], source: Format, target: Format) -> Iterator[Conversion]:
    """A conversion for each model file with a sidecar of the source's form that says something new.

    Raises UsageError where there is nothing at all.
    """
    refuse_where_nothing_is(roots)
    planned: set[str] = set()
    for seen in parts.find_models(roots):
        if parts.stop.is_set():
            raise Interrupted("Stopped before everything was read.")
        path = seen.path.as_posix()
        if isinstance(seen, NotSeen):
            yield Conversion(path, error=seen.error)
            continue
        try:
            plan = _plan(parts, path, source, target)
        except CivitaiKitError as error:
            yield Conversion(path, error=error)
            continue
        # Files of one stem share their sidecars.
        if plan is not None and plan.path not in planned:
            planned.add(plan.path)
            yield Conversion(path, plan)


def _plan(parts: LibraryParts, path: str, source: Format, target: Format) -> SidecarPlan | None:
    place = sidecar_of(path, source)
    try:
        held = read_object(parts.beside.read_beside(place))
    except ValueError as error:
        raise NotMerged(f"{place} cannot be read: {error}.", hint="Repair it, or move it away.", path=place) from error
    stamp = parts.stamp(Path(path))
    known = parts.store.cached_digests(stamp) if stamp is not None else None
    digests = (None, None) if known is None else (known.sha256, known.auto_v3)
    about = about_from(source, held, path, *digests) if held else None
    if about is None or stamp is None:
        return None
    now = parts.now().isoformat(timespec="seconds")
    shown = preview_beside(parts.beside, path)
    whole = replace(about, size=stamp.size, modified=stamp.mtime_ns / 1e9, preview=shown, now=now)
    return plan_sidecar(parts.beside, whole, target)
