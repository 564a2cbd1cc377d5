"""What other programs read beside downloaded files: their sidecars, and a picture under the name that they look for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.library.model_file import is_model_file, usual_first
from civitai_kit.core.plans.plan import Item
from civitai_kit.core.sidecars.about import About
from civitai_kit.core.sidecars.merging import Format, sidecar_of, stem_beside
from civitai_kit.core.site.models import ModelVersion
from civitai_kit.services.download.sidecars import Sidecars
from civitai_kit.services.program_sidecars import Beside, not_its_sidecars, preview_beside, write_sidecars


def program_sidecar_jobs(
    sidecars: Sidecars, beside: Beside, items: Iterable[Item], formats: tuple[Format, ...], now: str
) -> Iterator[Callable[[], None]]:
    """A job for every item; each writes its sidecars in the formats, and fetches its first picture."""
    wanted = sorted(items, key=lambda item: usual_first(item.path)) if formats else []
    taken = {sidecars.disk.place_of(item.path).as_posix() for item in wanted}
    owners: dict[str, str] = {}
    for item in wanted:
        if not is_model_file(item.path):
            continue
        owner = owners.setdefault(stem_beside(item.path), item.path)
        if owner != item.path:
            sidecars.emit(not_its_sidecars(item.path, owner))
            continue
        place = sidecars.disk.place_of(item.path).as_posix()
        # What is downloaded is no sidecar, whatever its name.
        free = tuple(form for form in formats if sidecar_of(place, form) not in taken)
        yield partial(sidecars.attempt, partial(_write, sidecars, beside, item, free, now), item)


def _write(sidecars: Sidecars, beside: Beside, item: Item, formats: tuple[Format, ...], now: str) -> None:
    place = sidecars.disk.place_of(item.path)
    version = sidecars.version_of(item) or {}
    shown, failure = _preview(sidecars, beside, item, ModelVersion.model_validate(version))
    size = sidecars.disk.size(item.path)
    about = About(
        path=place.as_posix(),
        size=item.size if size is None else size,
        modified=None if size is None else place.stat().st_mtime,
        sha256=item.sha256,
        blake3=item.blake3,
        crc32=item.crc32,
        auto_v3=item.auto_v3,
        version=version,
        model=sidecars.model_facts(item) or {},
        preview=shown,
        asked_at=now,
        now=now,
    )
    written, errors = write_sidecars(beside, about, formats)
    root = sidecars.disk.root.absolute().as_posix()
    for path in written:
        sidecars.tell(path.removeprefix(f"{root}/"))
    sidecars.errors.extend(errors)
    if failure is not None:
        raise failure


def _preview(
    sidecars: Sidecars, beside: Beside, item: Item, version: ModelVersion
) -> tuple[str | None, CivitaiKitError | None]:
    """The path of the file's picture, fetched where none is there, and why it could not be had."""
    place = sidecars.disk.place_of(item.path).as_posix()
    there = preview_beside(beside, place)
    named = [one for one in version.images if one.url and one.image_id is not None]
    # Most programs show still pictures alone.
    wanted = next(iter([one for one in named if one.type != "video"] or named), None)
    if there is not None or wanted is None:
        return there, None
    try:
        sidecars.save_image(wanted, f"{stem_beside(item.path)}.preview")
    except CivitaiKitError as error:
        return None, error
    return preview_beside(beside, place), None
