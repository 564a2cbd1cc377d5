"""What is remembered of a version and its files, and what an audit says of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Status(StrEnum):
    """Where a file, or a version as a whole, stands."""

    PENDING = "Pending"
    DOWNLOADED = "Downloaded"
    ERROR = "Error"


class Finding(StrEnum):
    """One judgement of verify."""

    OK = "ok"
    MISSING = "missing"
    SIZE_MISMATCH = "size_mismatch"
    HASH_MISMATCH = "hash_mismatch"
    UNREADABLE = "unreadable"
    NO_HASH = "no_hash"


class FileRecord(BaseModel):
    """Memory of one file. `path` relative to the save path with `/`; `size` bytes; digests lower-case hex.

    The digests are those the site promises; `proved` are those of the bytes on disk, by the same names.
    `kept_mismatch` marks a file kept although its hash is not the promised one. `error` is `code: message`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    file_id: int | None = None
    name: str = ""
    type: str | None = None
    path: str
    size: int | None = None
    sha256: str | None = None
    blake3: str | None = None
    crc32: str | None = None
    auto_v3: str | None = None
    url: str | None = None
    linked: bool = False
    status: Status = Status.PENDING
    proved: dict[str, str] = {}
    kept_mismatch: bool = False
    error: str | None = None
    updated_at: str | None = None


class Entry(BaseModel):
    """Memory of one version: its names, its files each with its own status, and the site's answers unmodified.

    `version` is the version's object as received, `model` the model's object without its versions; either may
    be None where the site was never heard. Times are ISO 8601 in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    version_id: int
    model_id: int | None = None
    model_name: str = ""
    version_name: str = ""
    type: str = ""
    base_model: str = ""
    creator: str | None = None
    files: tuple[FileRecord, ...] = ()
    version: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    added_at: str | None = None
    updated_at: str | None = None
    last_seen: str | None = None
    site_state: str | None = None

    @property
    def key(self) -> str:
        """The key in the database, `v_<version id>`."""
        return entry_key(self.version_id)

    @property
    def status(self) -> Status:
        """The worst of the files': Error, then Pending, then Downloaded."""
        held = {record.status for record in self.files}
        for status in (Status.ERROR, Status.PENDING):
            if status in held:
                return status
        return Status.DOWNLOADED if held else Status.PENDING

    @property
    def size(self) -> int:
        """Bytes of all its files whose size is known."""
        return sum(record.size or 0 for record in self.files)

    def file(self, file_id: int | None, path: str) -> FileRecord | None:
        """The record of one file, found by its id, or by its path where it has none."""
        for record in self.files:
            if record.file_id == file_id if file_id is not None else record.path == path:
                return record
        return None

    def with_file(self, record: FileRecord) -> Entry:
        """This entry with one file's record put in its place (same id, or same path where there is no id)."""
        others = [old for old in self.files if not _same_file(old, record)]
        position = next((n for n, old in enumerate(self.files) if _same_file(old, record)), len(others))
        files = (*others[:position], record, *others[position:])
        return self.model_copy(update={"files": files, "updated_at": record.updated_at or self.updated_at})


def entry_key(version_id: int) -> str:
    """The key of a version's entry in the database."""
    return f"v_{version_id}"


def _same_file(one: FileRecord, other: FileRecord) -> bool:
    if one.file_id is not None and other.file_id is not None:
        return one.file_id == other.file_id
    return one.path == other.path
