"""What other programs read beside downloaded files: their sidecars, and a picture under the name that they look for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.plans.plan import Item
from civitai_kit.core.sidecars.about import About
from civitai_kit.core.sidecars.merging import Format, stem_beside
from civitai_kit.core.site.models import ModelVersion
from civitai_kit.core.site.urls import media_url
from civitai_kit.services.download.sidecars import Sidecars
from civitai_kit.services.pictures import WantedPicture
from civitai_kit.services.program_sidecars import Beside, has_preview, write_sidecars


def program_sidecar_jobs(
    sidecars: Sidecars, beside: Beside, items: Iterable[Item], formats: tuple[Format, ...], now: str
) -> Iterator[Callable[[], None]]:
    """A job for every item; each writes its sidecars in the formats, and fetches its first picture."""
    if formats:
        for item in items:
            yield partial(sidecars.attempt, partial(_write, sidecars, beside, item, formats, now), item)


def _write(sidecars: Sidecars, beside: Beside, item: Item, formats: tuple[Format, ...], now: str) -> None:
    place = sidecars.disk.place_of(item.path)
    version = sidecars.version_of(item) or {}
    preview = _bring_preview(sidecars, beside, item, ModelVersion.model_validate(version))
    about = About(
        path=place.as_posix(),
        size=sidecars.disk.size(item.path),
        modified=place.stat().st_mtime,
        sha256=item.sha256,
        blake3=item.blake3,
        crc32=item.crc32,
        auto_v3=item.auto_v3,
        version=version,
        model=sidecars.model_facts(item) or {},
        preview=preview,
        asked_at=now,
        now=now,
    )
    written, errors = write_sidecars(beside, about, formats, None)
    root = sidecars.disk.root.absolute().as_posix()
    for path in written:
        sidecars.tell(path.removeprefix(f"{root}/"))
    sidecars.errors.extend(errors)


def _bring_preview(sidecars: Sidecars, beside: Beside, item: Item, version: ModelVersion) -> str | None:
    """The path of the file's picture, which is fetched where none is there; None where the site shows none."""
    place = sidecars.disk.place_of(item.path).as_posix()
    shown = next((one for one in version.images if one.url and one.image_id is not None), None)
    if shown is None or has_preview(beside, place):
        return None
    urls = (media_url(shown.url or "", shown.type),)
    stem = f"{stem_beside(item.path)}.preview"
    wanted = WantedPicture(image_id=shown.image_id or 0, quality=Quality.HD, stem=stem, urls=urls)
    brought = sidecars.pictures.bring(wanted)
    sidecars.tell(brought.path)
    return brought.place.as_posix()
