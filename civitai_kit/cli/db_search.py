"""`civitai-kit db search`: entries by what is in their names, or with --images the records of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from civitai_kit.cli.call import Call
from civitai_kit.cli.console import Outcome
from civitai_kit.cli.db import IMAGE_RECORDS, as_row, filter_of, listing, order_of
from civitai_kit.cli.db_opening import reading
from civitai_kit.cli.options import DB_VIEW
from civitai_kit.cli.parsing import Command
from civitai_kit.core.errors import UsageError

if TYPE_CHECKING:
    from civitai_kit.core.entry import ImageRecord

DETAILS = """Looks for the words, as one text, in the names of models and versions; upper and lower case are the same
in every script. With --images it looks at what images were asked for by, their creators, checkpoints, tags, paths."""


def run(call: Call) -> Outcome:
    """Search, filter, sort, show."""
    text = " ".join(call.arguments).strip()
    if not text:
        raise UsageError("Nothing says what to look for.", hint="`civitai-kit db search TEXT`; `db view` lists all.")
    if call.has("images"):
        return image_outcome(call, text)
    wanted, order = filter_of(call), order_of(call)
    with reading(call) as kit:
        entries = [entry for entry in kit.store.search(text) if wanted(entry)]
    if order is not None:
        key, newest_first = order
        entries.sort(key=key, reverse=newest_first)
    return Outcome({"entries": [as_row(entry) for entry in entries]}, listing(entries))


def image_outcome(call: Call, text: str = "") -> Outcome:
    """The image records that have `text` in them, all of them for an empty one."""
    from civitai_kit.core.entry import fold

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
    from civitai_kit.cli.plan_view import counted, table

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


COMMAND = Command(run, (*DB_VIEW, IMAGE_RECORDS), "QUERY", DETAILS)
