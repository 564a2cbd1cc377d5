"""Reads one line of an export, and checks every rule that a record must keep before it is remembered."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from operator import is_
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from civitai_kit.core.collection.entry import Entry, FileRecord, ImageRecord
from civitai_kit.core.collection.exchange import ENTRY_BEGINS, LineRefused, Passed
from civitai_kit.core.errors import UsageError
from civitai_kit.core.paths.our_names import OUR_PLACES, is_ours
from civitai_kit.core.paths.relative_paths import checked_relative, is_absolute, path_key
from civitai_kit.core.paths.safe_names import LONGEST_NAME
from civitai_kit.core.site.references import LARGEST_ID, path_and_query
from civitai_kit.core.url_keys import without_keys

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CRC32 = re.compile(r"[0-9a-f]{8}")
# A quick test for paths that are surely safe: an import has a hundred thousand of them.
_PLAIN_PART = r"(?!(?i:con|prn|aux|nul|com|lpt))[A-Za-z0-9_][A-Za-z0-9_. -]*(?<![. ])"
_PLAIN_PATH = re.compile(rf"{_PLAIN_PART}(?:/{_PLAIN_PART})*")


class ExportLine(BaseModel):
    """One line after the header: an entry or an image record."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    entry: Entry | None = None
    image: ImageRecord | None = None


def read_line(line: bytes, places: tuple[str, ...] = OUR_PLACES) -> Entry | ImageRecord:
    """The checked record of a line. Raises LineRefused for anything that must not be remembered.

    `places` are what is ours under the save path: no record may name it.
    """
    # Pydantic accepts these although they are not JSON; they could not be written back.
    odd = b"NaN" in line or b"Infinity" in line
    record = _parsed_slowly(line) if odd else _parsed(line)
    return _fit_entry(record, places) if isinstance(record, Entry) else _fit_image(record, places)


def _parsed(line: bytes) -> Entry | ImageRecord:
    text = line.rstrip()
    if text.startswith(ENTRY_BEGINS) and text.endswith(b"}}"):
        # As we write them: an object within an object, of which the inner one is read at once.
        with suppress(ValidationError):
            return Entry.model_validate_json(text[len(ENTRY_BEGINS) : -1])
    try:
        return _record_of(ExportLine.model_validate_json(line))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] != "json_invalid":
            where = ".".join(str(part) for part in first["loc"])
            raise LineRefused(Passed.INVALID, f"{where}: {first['msg']}") from error
    return _parsed_slowly(line)


def _record_of(line: ExportLine) -> Entry | ImageRecord:
    if line.entry is not None:
        return line.entry
    if line.image is None:
        raise LineRefused(Passed.INVALID, "it holds neither an entry nor an image")
    return line.image


def _parsed_slowly(line: bytes) -> Entry | ImageRecord:
    """The same with the standard library, which accepts half a surrogate pair: the site can send one."""
    try:
        return _record_of(ExportLine.model_validate(json.loads(line, parse_constant=_no_constant)))
    except ValidationError as error:
        raise LineRefused(Passed.INVALID, "it is no entry and no image") from error
    except (ValueError, RecursionError) as error:
        raise LineRefused(Passed.BROKEN, "it is not JSON") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _fit_entry(entry: Entry, places: tuple[str, ...]) -> Entry:
    if not 0 < entry.version_id <= LARGEST_ID:
        raise LineRefused(Passed.INVALID, f"{entry.version_id} is no version id")
    files = tuple([_fit_file(record, places) for record in entry.files])
    if len(files) > 1 and len({path_key(record.path) for record in files}) < len(files):
        raise LineRefused(Passed.UNSAFE_PATH, "two of its files share a path")
    same = all(map(is_, files, entry.files))
    return entry if same else entry.model_copy(update={"files": files})


def _fit_file(record: FileRecord, places: tuple[str, ...]) -> FileRecord:
    if record.adopted and is_absolute(record.path):
        _check_adopted(record.path)
    else:
        _check_path(record.path, places)
    _check_digests(record.sha256, record.blake3, record.crc32)
    if record.proved:
        _check_digests(*(record.proved.get(name) for name in ("sha256", "blake3", "crc32")))
    if record.size is not None and record.size < 0:
        raise LineRefused(Passed.INVALID, "a size is negative")
    if record.error is not None and (error := without_keys(record.error)) != record.error:
        record = record.model_copy(update={"error": error})
    if record.url is not None and not _is_download_path(record.url):
        return record.model_copy(update={"url": None})
    return record


def _check_digests(sha256: str | None, blake3: str | None, crc32: str | None) -> None:
    if not (
        (sha256 is None or _DIGEST.fullmatch(sha256))
        and (blake3 is None or _DIGEST.fullmatch(blake3))
        and (crc32 is None or _CRC32.fullmatch(crc32))
    ):
        raise LineRefused(Passed.INVALID, "a digest is not hex digits in lower case, as many as it has")


def _fit_image(record: ImageRecord, places: tuple[str, ...]) -> ImageRecord:
    """The record. A path outside the save path is dropped, and the file counts as not there."""
    try:
        if record.path is not None:
            _check_path(record.path, places)
    except LineRefused:
        return record.model_copy(update={"path": None})
    return record


def _check_path(path: str, places: tuple[str, ...]) -> None:
    if len(path) > LONGEST_NAME or not _PLAIN_PATH.fullmatch(path):
        try:
            checked_relative(path)
        except UsageError as error:
            raise LineRefused(Passed.UNSAFE_PATH, error.message.rstrip(".")) from error
    if is_ours(path, places):
        raise LineRefused(Passed.UNSAFE_PATH, f"{path!r} is a name that civitai-kit keeps for itself")


def _check_adopted(path: str) -> None:
    """A file that was adopted where it lies, outside the save path, is only ever looked at; its path is a plain one."""
    parts = path.split("/")[1:]
    if not path.isprintable() or "\\" in path or not all(parts) or {".", ".."} & set(parts):
        raise LineRefused(Passed.UNSAFE_PATH, f"{path!r} is no plain path")


def _is_download_path(url: str) -> bool:
    """Whether it is a path on the site that cannot lead elsewhere. Without one, the file is asked for by its id."""
    return url.startswith("/api/download/models/") and path_and_query(url) == url
