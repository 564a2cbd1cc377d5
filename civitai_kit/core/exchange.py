"""A collection as JSON Lines: a header, an entry a line, an image record a line; written and read without trust."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from operator import is_
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError

from civitai_kit.core.entry import Entry, FileRecord, ImageRecord, Status
from civitai_kit.core.errors import Code, UsageError
from civitai_kit.core.naming import path_key
from civitai_kit.core.planfile import OUR_ENDINGS, OUR_FOLDERS
from civitai_kit.core.references import LARGEST_ID, path_and_query
from civitai_kit.core.relative_paths import checked_relative
from civitai_kit.core.safe_names import LONGEST_NAME

EXPORT_FORMAT = "civitai-kit"
EXPORT_SCHEMA = 1
# No line of ours is longer; a version's answer has at most some hundred kilobytes.
LONGEST_LINE = 64 * 1024 * 1024
_ENTRY_BEGINS = b'{"entry":'
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CRC32 = re.compile(r"[0-9a-f]{8}")
# What is surely a safe path, told in one go: an import has a hundred thousand of them.
_PLAIN_PART = r"(?!(?i:con|prn|aux|nul|com|lpt))[A-Za-z0-9_][A-Za-z0-9_. -]*(?<![. ])"
_PLAIN_PATH = re.compile(rf"{_PLAIN_PART}(?:/{_PLAIN_PART})*")
_HINT = "`civitai-kit db export FILE` makes such a file."


class Passed(StrEnum):
    """Why a line was not taken; the names stand in `reasons`."""

    SAME = "same"
    OLDER = "older"
    BROKEN = "broken"
    INVALID = "invalid"
    UNSAFE_PATH = "unsafe_path"


class Refused(Exception):
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


class Line(BaseModel):
    """One line after the header: an entry or an image record."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    entry: Entry | None = None
    image: ImageRecord | None = None


def header_line(*, made_at: str, entries: int, images: int) -> bytes:
    """The first line of an export, with the schema by which the others are read."""
    header = {"format": EXPORT_FORMAT, "schema": EXPORT_SCHEMA, "exported_at": made_at}
    return _dumped({**header, "entries": entries, "images": images})


def entry_line(entry: Entry) -> bytes:
    """An entry with the site's saved answers as one line."""
    return _ENTRY_BEGINS + _model_json(entry) + b"}\n"


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


def read_line(line: bytes) -> Entry | ImageRecord:
    """The record of a line, fit to be remembered; raises Refused for anything else."""
    record = _parsed(line)
    return _fit_entry(record) if isinstance(record, Entry) else _fit_image(record)


def line_error(number: int, refused: Refused, name: str) -> dict[str, Any]:
    """A refused line as one row of `errors[]`."""
    return {
        "code": str(Code.USAGE),
        "message": f"{name}, line {number}: {refused.what}; it was passed over.",
        "hint": "The rest of the file was read. Export it again where it comes from.",
        "path": name,
    }


def counted(reasons: Counter[Passed]) -> dict[str, int]:
    """Reason → how many, most first, as `reasons` has it."""
    return {str(reason): number for reason, number in reasons.most_common()}


def _parsed(line: bytes) -> Entry | ImageRecord:
    # Pydantic's reader lets these pass, which are no JSON and could not be written back.
    if b"NaN" in line or b"Infinity" in line:
        return _parsed_slowly(line)
    text = line.rstrip()
    if text.startswith(_ENTRY_BEGINS) and text.endswith(b"}}"):
        # As we write them: an object within an object, of which the inner one is read at once.
        with suppress(ValidationError):
            return Entry.model_validate_json(text[len(_ENTRY_BEGINS) : -1])
    return _parsed_whole(line)


def _parsed_whole(line: bytes) -> Entry | ImageRecord:
    try:
        return _record_of(Line.model_validate_json(line))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] != "json_invalid":
            where = ".".join(str(part) for part in first["loc"])
            raise Refused(Passed.INVALID, f"{where}: {first['msg']}") from error
    return _parsed_slowly(line)


def _record_of(line: Line) -> Entry | ImageRecord:
    record = line.entry or line.image
    if record is None:
        raise Refused(Passed.INVALID, "it holds neither an entry nor an image")
    return record


def _parsed_slowly(line: bytes) -> Entry | ImageRecord:
    """The same with the standard reader, for what pydantic's refuses but the site can send: half a surrogate pair."""
    try:
        return _record_of(Line.model_validate(json.loads(line, parse_constant=_no_constant)))
    except ValidationError as error:
        raise Refused(Passed.INVALID, "it is no entry and no image") from error
    except (ValueError, RecursionError) as error:
        raise Refused(Passed.BROKEN, "it is not JSON") from error


def _fit_entry(entry: Entry) -> Entry:
    if not 0 < entry.version_id <= LARGEST_ID:
        raise Refused(Passed.INVALID, f"{entry.version_id} is no version id")
    files = tuple([_fit_file(record) for record in entry.files])
    if len(files) > 1 and len({path_key(record.path) for record in files}) < len(files):
        raise Refused(Passed.UNSAFE_PATH, "two of its files share a path")
    same = all(map(is_, files, entry.files))
    return entry if same else entry.model_copy(update={"files": files})


def _fit_file(record: FileRecord) -> FileRecord:
    _check_path(record.path)
    if record.path.casefold().endswith(OUR_ENDINGS):
        raise Refused(Passed.UNSAFE_PATH, f"{record.path!r} is a name that civitai-kit keeps for itself")
    _check_digests(record.sha256, record.blake3, record.crc32)
    if record.proved:
        _check_digests(*(record.proved.get(name) for name in ("sha256", "blake3", "crc32")))
    if record.size is not None and record.size < 0:
        raise Refused(Passed.INVALID, "a size is negative")
    if record.url is not None and not _is_download_path(record.url):
        return record.model_copy(update={"url": None})
    return record


def _check_digests(sha256: str | None, blake3: str | None, crc32: str | None) -> None:
    if not (
        (sha256 is None or _DIGEST.fullmatch(sha256))
        and (blake3 is None or _DIGEST.fullmatch(blake3))
        and (crc32 is None or _CRC32.fullmatch(crc32))
    ):
        raise Refused(Passed.INVALID, "a digest is not hex digits in lower case, as many as it has")


def _fit_image(record: ImageRecord) -> ImageRecord:
    """The record; where its file is said to lie outside the save path, that is left out and it counts as not there."""
    try:
        if record.path is not None:
            _check_path(record.path)
    except Refused:
        return record.model_copy(update={"path": None})
    return record


def _check_path(path: str) -> None:
    if len(path) > LONGEST_NAME or not _PLAIN_PATH.fullmatch(path):
        try:
            checked_relative(path)
        except UsageError as error:
            raise Refused(Passed.UNSAFE_PATH, error.message.rstrip(".")) from error
    top = path.split("/", 1)[0]
    if top in OUR_FOLDERS or top.startswith(".civitai-kit"):
        raise Refused(Passed.UNSAFE_PATH, f"{path!r} is a name that civitai-kit keeps for itself")


def _is_download_path(url: str) -> bool:
    """Whether it is a path on the site and nothing that would lead elsewhere; without it the id is asked for."""
    return url.startswith("/api/download/models/") and path_and_query(url) == url


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


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _model_json(record: BaseModel) -> bytes:
    try:
        return record.model_dump_json().encode()
    except PydanticSerializationError:
        return json.dumps(record.model_dump(mode="python"), default=str, allow_nan=False).encode()


def _dumped(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"
