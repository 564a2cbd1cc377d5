"""What is remembered of a version and its files, and what an audit says of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from unicodedata import normalize

from pydantic import AfterValidator, BaseModel, ConfigDict, computed_field

from civitai_kit.core.url_keys import without_keys


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

    An `adopted` file was not downloaded by us but found where it lies; outside the save path its path is absolute, and
    it is only ever looked at.

    The digests are those the site promises; `proved` are those of the bytes on disk, by the same names.
    `foreign` says that the file belongs to another version, so that only its `url` reaches it (site.md 7.3).
    `kept_mismatch` marks a file kept although its hash is not the promised one. `error` is `code: message`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

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
    foreign: bool = False
    status: Status = Status.PENDING
    proved: dict[str, str] = {}
    kept_mismatch: bool = False
    adopted: bool = False
    error: str | None = None
    updated_at: str | None = None


class Entry(BaseModel):
    """Memory of one version: its names, its files each with its own status, and the site's answers.

    `version` is the version's object as received, completed with its model's id and name; `model` the model's object
    without its versions; either may be None where the site was never heard. Times are ISO 8601 in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=(), defer_build=True)

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
        if len(self.files) == 1:
            return self.files[0].status
        # A list: an enum's hash takes longer than to compare a few.
        held = [record.status for record in self.files]
        if Status.ERROR in held:
            return Status.ERROR
        return Status.PENDING if not held or Status.PENDING in held else Status.DOWNLOADED

    @property
    def size(self) -> int:
        """Bytes of all its files whose size is known."""
        return sum(record.size or 0 for record in self.files)

    @property
    def sha256s(self) -> frozenset[str]:
        """Every SHA256 that a file of it has, promised or proved, in lower case."""
        found = [digest for record in self.files for digest in (record.sha256, record.proved.get("sha256")) if digest]
        return frozenset([digest.lower() for digest in found])

    @property
    def summary(self) -> Summary:
        """What listings show of it."""
        return Summary(
            version_id=self.version_id,
            model_id=self.model_id,
            model_name=self.model_name,
            version_name=self.version_name,
            type=self.type,
            base_model=self.base_model,
            creator=self.creator,
            status=self.status,
            files=tuple([_shown(record) for record in self.files]),
            added_at=self.added_at,
            updated_at=self.updated_at,
            last_seen=self.last_seen,
            site_state=self.site_state,
        )

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


def _shown(record: FileRecord) -> SummaryFile:
    sha256 = record.sha256 or record.proved.get("sha256")
    return SummaryFile(record.file_id, record.path, record.size, sha256, record.status)


class SummaryFile(NamedTuple):
    """What a listing shows of one file; `size` in bytes, `sha256` the promised one, else the proved one."""

    file_id: int | None
    path: str
    size: int | None
    sha256: str | None
    status: Status


class Summary(NamedTuple):
    """What listings, searches and statistics need of an entry, without its answers.

    A tuple, because a listing makes a hundred thousand of them and a dataclass takes three times as long.
    """

    version_id: int
    model_id: int | None
    model_name: str
    version_name: str
    type: str
    base_model: str
    creator: str | None
    status: Status
    files: tuple[SummaryFile, ...]
    added_at: str | None = None
    updated_at: str | None = None
    last_seen: str | None = None
    site_state: str | None = None

    @property
    def key(self) -> str:
        """The key in the database, `v_<version id>`."""
        return entry_key(self.version_id)

    @property
    def size(self) -> int:
        """Bytes of all its files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def facts(self) -> Facts:
        """What statistics need of it."""
        return Facts(self.type, self.base_model, self.status._value_, self.creator, len(self.files), self.size)

    def matches(self, text: str) -> bool:
        """Whether the model's or the version's name contains `text`, in any case, script and composition."""
        needle = fold(text)
        return needle in fold(self.model_name) or needle in fold(self.version_name)


class Facts(NamedTuple):
    """What statistics need of an entry; `status` as text, how many `files`, and their `size` in bytes as known."""

    type: str
    base_model: str
    status: str
    creator: str | None
    files: int
    size: int


def fold(text: str) -> str:
    """The text as it is compared in searches: composed, case folded, compatibility forms made equal."""
    if text.isascii():
        return text.lower()
    return normalize("NFKC", normalize("NFKC", text).casefold())


class ImageKind(StrEnum):
    """What an image was asked for by; the first part of its key."""

    USERNAME = "username"
    MODEL = "model"
    MODEL_VERSION = "modelVersion"
    TAG = "tag"
    POST = "post"
    IMAGE = "image"


class Quality(StrEnum):
    """The site's resized picture, or the original."""

    SD = "SD"
    HD = "HD"


class ImageRecord(BaseModel):
    """Memory of one image taken for one target. `path` is relative to the save path with `/`; `url` has no key;
    `size` in bytes; `date` ISO 8601 in UTC; `meta` says whether it came with generation data; `imported` that another
    tool took it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=(), defer_build=True)

    kind: ImageKind
    target: str
    image_id: int
    quality: Quality = Quality.HD
    path: str | None = None
    url: Annotated[str, AfterValidator(without_keys)] | None = None
    date: str | None = None
    checkpoint: str | None = None
    tags: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None
    media: str | None = None
    meta: bool | None = None
    username: str | None = None
    base_model: str | None = None
    post_id: int | None = None
    model_id: int | None = None
    version_id: int | None = None
    imported: bool = False

    @computed_field  # type: ignore[prop-decorator]
    @property
    def key(self) -> str:
        """The key in the database, `{kind}:{target}_{image id}_{SD|HD}`."""
        return image_key(self.kind, self.target, self.image_id, self.quality)


def image_key(kind: str, target: str, image_id: int, quality: str) -> str:
    """The key of an image's record in the database."""
    return f"{image_prefix(kind, target)}{image_id}_{quality}"


def image_prefix(kind: str, target: str) -> str:
    """What the keys of all images of a target begin with.

    So do those of a target named alike but longer (`a` and `a_1`): compare `target` where that matters.
    """
    return f"{kind}:{target}_"
