"""The records of images, as `db view --images` and `db search --images` show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from civitai_kit.cli.commands.db.opening import reading
from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import Flag
from civitai_kit.cli.output.console import Outcome

if TYPE_CHECKING:
    from civitai_kit.core.collection.entry import ImageRecord

IMAGE_RECORDS = Flag(("--images",), meaning="show the records of images instead of entries")


def image_outcome(call: Call, text: str = "") -> Outcome:
    """The image records that have `text` in them, all of them for an empty one."""
    from civitai_kit.core.collection.entry import fold

    needle = fold(text)
    with reading(call) as kit:
        records = [record for record in kit.store.images() if not needle or needle in fold(_words(record))]
    return Outcome({"entries": [], "images": [_image_row(record) for record in records]}, _image_lines(records))


def _words(record: ImageRecord) -> str:
    words = (record.target, str(record.image_id), record.username, record.checkpoint, *record.tags, record.path)
    return "\n".join(word for word in words if word)


def _image_row(record: ImageRecord) -> dict[str, Any]:
    return record.model_dump(mode="json")


def _image_lines(records: list[ImageRecord]) -> list[str]:
    from civitai_kit.cli.output.tables import table
    from civitai_kit.core.amounts import counted

    if not records:
        return ["No image records."]
    rows = [
        [
            str(record.kind),
            record.target,
            str(record.image_id),
            str(record.quality),
            record.date or "-",
            record.path or "-",
        ]
        for record in records
    ]
    head = ["KIND", "TARGET", "IMAGE", "QUALITY", "DATE", "PATH"]
    return [*table(head, rows, flexible=5, right=(2,)), "", counted(len(records), "image record")]
