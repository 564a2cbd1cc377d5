"""What Civitai says: tolerant values over the site's answers, each keeping the answer as received in `raw`.

Every field may be missing, null or of an unforeseen type (site.md 2.2, 12.2): such a field reads as its default
and the rest of the answer stands. Unknown enum values stay as the text they are.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    SkipValidation,
    model_validator,
)

from civitai_kit.core.site.paging import Page as Page
from civitai_kit.core.site.paging import page_of as page_of
from civitai_kit.core.site.reading import (
    SITE_CONFIG,
    Digest,
    ElseRead,
    Flag,
    Hex,
    Integer,
    Integers,
    Mapped,
    Meta,
    Number,
    Rows,
    Text,
    Texts,
    Truth,
    Uses,
    an_object,
    mapping,
    objects,
)

# A TiB, a dozen times the largest files that there are: what is bigger is nonsense, and would count in totals.
_MOST_KB = 2.0**30

S = TypeVar("S", bound="SiteValue")


class SiteValue(BaseModel):
    """An object of the site; `raw` is its JSON exactly as received, empty in a value that was made by keyword."""

    model_config = SITE_CONFIG

    # Never None: it is set after the fields, and a factory of empty ones would cost a call for each object.
    raw: SkipValidation[dict[str, Any]] = Field(default=None, repr=False, exclude=True)  # type: ignore[arg-type]

    @model_validator(mode="wrap")
    @classmethod
    def _keep_raw(cls: type[S], value: Any, handler: ModelWrapValidatorHandler[S]) -> S:
        made = handler(value)
        # Past the frozen door: handing it in with the fields would copy every object of a page.
        made.__dict__["raw"] = value if isinstance(value, dict) else made.raw or {}
        return made

    def __init__(self, /, **fields: Any) -> None:
        """A value made here, of which the site said nothing: its fields may be no JSON, and are no answer."""
        super().__init__(**fields)
        self.__dict__["raw"] = {}

    # As in pydantic's own RootModel: without it, answers would be read through this door too.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


# How the site spells the digests.
_DIGESTS = {
    "sha256": "SHA256",
    "auto_v1": "AutoV1",
    "auto_v2": "AutoV2",
    "auto_v3": "AutoV3",
    "blake3": "BLAKE3",
    "crc32": "CRC32",
    "sha256_12": "SHA256_12",
    "sshs_12": "SSHS_12",
}
_SPELLED = frozenset(_DIGESTS.values())


def _as_spelled(hashes: dict[str, Any]) -> dict[str, Any]:
    """Digests by names in any case under the site's spelling."""
    spellings = {name.replace("_", ""): spelled for name, spelled in _DIGESTS.items()}
    return {spellings.get(name.lower().replace("_", ""), name): digest for name, digest in hashes.items()}


class Hashes(SiteValue):
    """A file's digests by the site's names, lower-case hex; any may be None, `{}` is common (site.md 10.3).

    `sha256_12` and `sshs_12` are for looking a file up; the second is copied from its header and proves nothing.
    """

    model_config = ConfigDict(alias_generator=lambda name: _DIGESTS.get(name, name), populate_by_name=True)

    sha256: Digest = None
    auto_v1: Digest = None
    auto_v2: Digest = None
    auto_v3: Digest = None
    blake3: Digest = None
    crc32: Digest = None
    sha256_12: Digest = None
    sshs_12: Digest = None

    @model_validator(mode="wrap")
    @classmethod
    def _keep_raw(cls: type[S], value: Any, handler: ModelWrapValidatorHandler[S]) -> S:
        """Read the names in any case."""
        is_plain = not isinstance(value, dict) or value.keys() <= _SPELLED
        made = handler(value if is_plain else _as_spelled(value))
        made.__dict__["raw"] = value if isinstance(value, dict) else made.raw or {}
        return made


class FileTraits(SiteValue):
    """A file's metadata: `format` (SafeTensor …), `size` (full, pruned), `fp`, `quant_type`; each may be None."""

    format: Text = None
    size: Text = None
    fp: Text = None
    quant_type: Text = None


class ModelFile(SiteValue):
    """One downloadable of a version (site.md 2.2); `id` None only in damaged answers."""

    id: Integer = None
    name: Text = None
    type: Text = None
    size_kb: Number = Field(default=None, alias="sizeKB")
    metadata: Annotated[FileTraits, ElseRead(mapping)] = Field(default_factory=FileTraits)
    hashes: Annotated[Hashes, ElseRead(mapping)] = Field(default_factory=Hashes)
    pickle_scan_result: Text = None
    virus_scan_result: Text = None
    download_url: Text = None
    primary: Flag = False

    @property
    def size(self) -> int | None:
        """Length in bytes (`sizeKB` × 1024, rounded); None where the site gives none or a bogus 0."""
        return round(self.size_kb * 1024) if self.size_kb and 0 < self.size_kb <= _MOST_KB else None


class Preview(SiteValue):
    """A picture or clip listed with a version; `id` may only stand in the URL (site.md 3)."""

    id: Integer = None
    url: Text = None
    type: Text = None
    width: Integer = None
    height: Integer = None
    nsfw_level: Any = None

    @property
    def image_id(self) -> int | None:
        """The image's id, from the field or from the URL's file name; None when neither has one."""
        if self.id is not None:
            return self.id
        found = re.search(r"/(\d{1,18})\.[A-Za-z0-9]+(?:[?#].*)?$", self.url or "")
        return int(found.group(1)) if found else None


def _previews(value: Any) -> Sequence[Preview]:
    return value if isinstance(value, Rows | tuple) else Rows(objects(value), Preview)


class PaidAccess(SiteValue):
    """A paid gate: `permanent`, or until `ends_at` (ISO)."""

    permanent: Flag = False
    ends_at: Text = None


class Creator(SiteValue):
    """Who published; `username` None for deleted accounts, `model_count` only in `/creators`."""

    username: Text = None
    image: Text = None
    model_count: Integer = None
    link: Text = None


class VersionOwner(SiteValue):
    """The model as a version by id shows it: name and type, no id (site.md 4)."""

    name: Text = None
    type: Text = None
    nsfw: Truth = None
    poi: Truth = None
    mode: Text = None


class ModelVersion(SiteValue):
    """One release of a model; from a listing it has no `model_id` and no `air` (site.md 2.2, 4)."""

    id: Integer = None
    model_id: Integer = None
    name: Text = None
    base_model: Text = None
    base_model_type: Text = None
    description: Text = None
    status: Text = None
    availability: Text = None
    usage_control: Text = None
    published_at: Text = None
    created_at: Text = None
    updated_at: Text = None
    early_access_deadline: Text = None
    early_access_ends_at: Text = None
    early_access_time_frame: Integer = None
    paid_access: Annotated[PaidAccess | None, ElseRead(an_object)] = None
    trained_words: Texts = ()
    air: Text = None
    download_url: Text = None
    nsfw_level: Integer = None
    stats: Mapped = Field(default_factory=dict)
    model: Annotated[VersionOwner | None, ElseRead(an_object)] = None
    files: Annotated[tuple[ModelFile, ...], ElseRead(objects)] = ()
    images: Annotated[Sequence[Preview], PlainValidator(_previews)] = ()


def with_ids(version: ModelVersion) -> ModelVersion:
    """The version with the ids that its files lack and their printed URLs have (site.md 7.5)."""
    if all(file.id is not None for file in version.files):
        return version
    return version.model_copy(update={"files": tuple(_with_id(file) for file in version.files)})


def _with_id(file: ModelFile) -> ModelFile:
    found = re.search(r"[?&]fileId=([1-9][0-9]{0,9})(?:[&#]|$)", file.download_url or "")
    return file if file.id is not None or found is None else file.model_copy(update={"id": int(found.group(1))})


def _versions(value: Any) -> Sequence[ModelVersion]:
    return value if isinstance(value, Rows | tuple) else Rows(objects(value), ModelVersion)


class Model(SiteValue):
    """A published resource with its versions in the site's order, newest first (site.md 2.2, 3)."""

    id: Integer = None
    name: Text = None
    type: Text = None
    description: Text = None
    nsfw: Truth = None
    nsfw_level: Integer = None
    poi: Truth = None
    mode: Text = None
    availability: Text = None
    allow_no_credit: Truth = None
    allow_commercial_use: Uses = ()
    allow_derivatives: Truth = None
    allow_different_license: Truth = None
    creator: Annotated[Creator | None, ElseRead(an_object)] = None
    tags: Texts = ()
    stats: Mapped = Field(default_factory=dict)
    versions: Annotated[Sequence[ModelVersion], PlainValidator(_versions)] = Field(default=(), alias="modelVersions")


class Image(SiteValue):
    """A picture or clip of `/images` (site.md 8.2); `meta` is the flat generation data, or None.

    `thumbnail` is the address of a still picture of a clip, None for pictures.
    """

    id: Integer = None
    url: Text = None
    thumbnail: Text = None
    type: Text = None
    width: Integer = None
    height: Integer = None
    nsfw_level: Text = None
    browsing_level: Integer = None
    created_at: Text = None
    post_id: Integer = None
    username: Text = None
    base_model: Text = None
    model_version_ids: Integers = ()
    meta: Meta = None
    tags: Texts = ()
    stats: Mapped = Field(default_factory=dict)


class Tag(SiteValue):
    """A tag's `name` and `link`."""

    name: Text = None
    link: Text = None


class User(SiteValue):
    """An account: `id` and `username`; `me()` adds `tier` and `status`."""

    id: Integer = None
    username: Text = None
    tier: Text = None
    status: Text = None


class HashOwner(SiteValue):
    """One row of the batch look-up: whose file has this SHA256 (site.md 5.3)."""

    model_version_id: Integer = None
    model_id: Integer = None
    hash: Hex = None
