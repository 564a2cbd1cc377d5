"""A collection as JSON Lines: a header, an entry a line, an image record a line; written and read without trust."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageRecord, Status
from civitai_kit.core.errors import Code, UsageError

EXPORT_FORMAT = "civitai-kit"
EXPORT_SCHEMA = 1
# No line of ours is longer; a version's answer has at most some hundred kilobytes.
LONGEST_LINE = 64 * 1024 * 1024
ENTRY_BEGINS = b'{"entry":'
_HINT = "`civitai-kit db export FILE` makes such a file."


class Passed(StrEnum):
    """Why a line was not taken; the names stand in `reasons`."""

    SAME = "same"
    OLDER = "older"
    BROKEN = "broken"
    INVALID = "invalid"
    UNSAFE_PATH = "unsafe_path"


class LineRefused(Exception):
    """A line that cannot be taken: the `reason`, and `what` is wrong with it in a few words."""

    def __init__(self, reason: Passed, what: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What an export or import came to; `reasons` counts what was passed over, `rows` are errors of single lines."""

    file: str
    entries: int = 0
    images: int = 0
    format: str | None = None
    reasons: dict[str, int] | None = None
    rows: tuple[dict[str, Any], ...] = ()
    exit_code: int = 0

    @property
    def skipped(self) -> int:
        """How many records were passed over."""
        return sum((self.reasons or {}).values())

    def as_json(self) -> dict[str, Any]:
        """The `data` of `db export --json` and `db import --json`."""
        data = {"file": self.file, "entries": self.entries, "images": self.images}
        if self.format is None:
            return data
        return {**data, "format": self.format, "skipped": self.skipped, "reasons": dict(self.reasons or {})}


def header_line(*, made_at: str, entries: int, images: int) -> bytes:
    """The first line of an export, with the schema by which the others are read."""
    header = {"format": EXPORT_FORMAT, "schema": EXPORT_SCHEMA, "exported_at": made_at}
    return _dumped({**header, "entries": entries, "images": images})


def entry_line(entry: Entry) -> bytes:
    """An entry with the site's saved answers as one line."""
    return ENTRY_BEGINS + _model_json(entry) + b"}\n"


def image_line(record: ImageRecord) -> bytes:
    """An image record as one line."""
    return b'{"image":' + _model_json(record) + b"}\n"


def is_export(head: bytes) -> bool:
    """Whether a file that begins so is one of ours (of any schema)."""
    first = head.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    return f'"format":"{EXPORT_FORMAT}"'.encode() in first.replace(b": ", b":") and first.lstrip().startswith(b"{")


def check_header(line: bytes, name: str) -> None:
    """Refuse a header that is none, or is of a newer schema; `name` is the file's, for messages."""
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: the first line is not JSON.", hint=_HINT, path=name) from error
    schema = header.get("schema") if isinstance(header, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise UsageError(f"{name}: the first line has no schema number.", hint=_HINT, path=name)
    if schema > EXPORT_SCHEMA:
        raise UsageError(
            f"{name} was written by a newer version (export schema {schema}, this one reads {EXPORT_SCHEMA}).",
            hint="Upgrade civitai-kit.",
            path=name,
        )


def line_error(number: int, what: str, name: str) -> dict[str, Any]:
    """A refused line as one row of `errors[]`; `what` is wrong with it in a few words."""
    return {
        "code": str(Code.USAGE),
        "message": f"{name}, line {number}: {what}; it was passed over.",
        "hint": "The rest of the file was read. Export it again where it comes from.",
        "path": name,
    }


def records_error(number: int, name: str) -> dict[str, Any]:
    """The records of a history that make no sense as one row of `errors[]`: they have no lines to be named by."""
    return {
        "code": str(Code.USAGE),
        "message": f"{name}: {_records(number)} no sense; the rest was read.",
        "hint": "A record has a key such as 12345_HD, or username:NAME_12345_SD, and the path of its file.",
        "path": name,
    }


def _records(number: int) -> str:
    return f"{number:,} records make" if number > 1 else "1 record makes"


def counted(reasons: Counter[Passed]) -> dict[str, int]:
    """Reason → how many, most first, as `reasons` has it."""
    return {str(reason): number for reason, number in reasons.most_common()}


def better(old: Entry | None, new: Entry) -> Entry | None:
    """What to remember when `new` is read where `old` is remembered; None when there is nothing to gain.

    Facts are the newer one's, gaps are filled from the other; a file that is there stays as it is remembered, and
    an answer of the site is never exchanged for none.
    """
    if old is None:
        return new
    if old == new:
        return None
    newer, other = (new, old) if (new.updated_at or "") > (old.updated_at or "") else (old, new)
    facts = {
        name: getattr(newer, name) or getattr(other, name)
        for name in Entry.model_fields
        if name not in ("version_id", "files", "added_at")
    }
    added = min(filter(None, (old.added_at, new.added_at)), default=None)
    merged = newer.model_copy(update={**facts, "added_at": added, "files": old.files})
    for record in new.files:
        known = old.file(record.file_id, record.path)
        if known is None or _is_better(known, record):
            merged = merged.with_file(record)
    merged = merged.model_copy(update={"updated_at": max(old.updated_at or "", new.updated_at or "") or None})
    return None if merged == old else merged


def _is_better(known: FileRecord, record: FileRecord) -> bool:
    if known.status is Status.DOWNLOADED:
        return False
    newer = (record.updated_at or "") > (known.updated_at or "")
    return record.status is Status.DOWNLOADED or newer


def _model_json(record: BaseModel) -> bytes:
    try:
        return record.model_dump_json().encode()
    except PydanticSerializationError:
        return json.dumps(record.model_dump(mode="python"), default=str, allow_nan=False).encode()


def _dumped(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"
