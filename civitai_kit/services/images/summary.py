"""The CSV of a tag's images: path, model, and the other tags for which each was fetched before."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from civitai_kit.core.collection.entry import ImageKind, ImageRecord, image_prefix
from civitai_kit.core.images.targets import Target
from civitai_kit.services.images.ports import ImageFolder, ImageStore
from civitai_kit.services.images.records import KeptImages

_HEAD = ("Current Tag", "Previously Downloaded Tag", "Checkpoint Name", "Relative Image Path", "Download URL")
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_summary(store: ImageStore, out: ImageFolder, kept: KeptImages, target: Target, now: datetime) -> str | None:
    """Write `summary_<tag>_<YYYYMMDD>.csv` of all images of a tag that are remembered; None where there are none.

    One row for every other tag for which an image was fetched before, or one without. Gives the file's path as
    records hold paths.
    """
    name = target.folder.rpartition("/")[2]
    path = f"{target.folder}/summary_{name}_{now:%Y%m%d}.csv"
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_HEAD)
    count = 0
    for record in store.images(image_prefix(ImageKind.TAG, target.key)):
        if target.holds(record):
            count += 1
            table.writerows(_rows(store, kept, target, record))
    if not count:
        return None
    out.write(path, text.getvalue().encode("utf-8", "replace"))
    return kept.remembered(path)


def _rows(store: ImageStore, kept: KeptImages, target: Target, record: ImageRecord) -> Iterator[list[str]]:
    path = kept.under_output(record) or record.path or "N/A"
    relative = path.removeprefix(f"{target.folder}/")
    for tag in _earlier_tags(store, target, record) or [""]:
        cells = [target.key, tag, record.checkpoint or "Unknown", relative, record.url or "N/A"]
        yield [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]


def _earlier_tags(store: ImageStore, target: Target, record: ImageRecord) -> list[str]:
    """The other tags for which an image was fetched before this one."""
    found: set[str] = set()
    for other in store.images_by_id(record.image_id):
        before = other.imported or (other.date or "") <= (record.date or "")
        if before and other.kind is ImageKind.TAG and not target.holds(other):
            found.add(other.target)
        if other.imported:
            found.update(tag for tag in other.tags if not target.holds(_tagged(other, tag)))
    return sorted(found)


def _tagged(record: ImageRecord, tag: str) -> ImageRecord:
    return record.model_copy(update={"kind": ImageKind.TAG, "target": tag})
