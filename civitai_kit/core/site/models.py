"""What Civitai says: tolerant values over the site's answers, each keeping the answer as received in `raw`.

Every field may be missing, null or of an unforeseen type (site.md 2.2, 12.2): such a field reads as its default
and the rest of the answer stands. Unknown enum values stay as the text they are.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    SkipValidation,
    model_validator,
)

from civitai_kit.core.site.paging import Page as Page
from civitai_kit.core.site.paging import page_of as page_of
from civitai_kit.core.site.reading import (
    Digest,
    ElseRead,
    Flag,
    Hex,
    Integer,
    Integers,
    Mapped,
    Meta,
    Number,
    ReadWhenTouched,
    Text,
    Texts,
    Truth,
    Uses,
    an_object,
    camel,
    mapping,
    objects,
)

# A TiB, a dozen times the largest files that there are: what is bigger is nonsense, and would count in totals.
_MOST_KB = 2.0**30

S = TypeVar("S", bound="SiteValue")


# Type checkers read this, and `frozen` again with each class below. Schemas are built when they are first used: a
# command meets few of these.
class SiteValue(
    BaseModel,
    frozen=True,
    extra="ignore",
    alias_generator=camel,
    populate_by_name=True,
    protected_namespaces=(),
    defer_build=True,
):
    """An object of the site; `raw` is its JSON exactly as received, empty in a value that was made by keyword."""

    # Never None: it is set after the fields, and a factory of empty ones would cost a call for each object.
    raw: SkipValidation[dict[str, Any]] = Field(default=None, repr=False, exclude=True)  # type: ignore[arg-type]
    """The site's JSON of this object, as received."""

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

    def __hash__(self) -> int:
        """By its texts and numbers: what else it holds need not be hashable."""
        return hash(frozenset(field for field in self.__dict__.items() if isinstance(field[1], str | int)))

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


class Hashes(SiteValue, frozen=True, alias_generator=lambda name: _DIGESTS.get(name, name), populate_by_name=True):
    """A file's digests, lower-case hex; any may be None, and often all are (site.md 10.3).

    Each of them finds the file with `Client.version_by_hash`.
    """

    sha256: Digest = None
    """Of the whole file, 64 digits: this is what proves a file."""
    auto_v1: Digest = None
    """8 digits, of a stretch of 64 KiB; files below 2 MiB have none."""
    auto_v2: Digest = None
    """The first 10 digits of the SHA256."""
    auto_v3: Digest = None
    """12 digits, of what follows a safetensors header: it stays the same when only the header is edited."""
    blake3: Digest = None
    """Of the whole file, 64 digits."""
    crc32: Digest = None
    """Of the whole file, 8 digits; the bytes of a few are reversed."""
    sha256_12: Digest = None
    """The first 12 digits of the SHA256."""
    sshs_12: Digest = None
    """12 digits that the file's own header states; they prove nothing."""

    @model_validator(mode="wrap")
    @classmethod
    def _keep_raw(cls: type[S], value: Any, handler: ModelWrapValidatorHandler[S]) -> S:
        """Read the names in any case."""
        is_plain = not isinstance(value, dict) or value.keys() <= _SPELLED
        made = handler(value if is_plain else _as_spelled(value))
        made.__dict__["raw"] = value if isinstance(value, dict) else made.raw or {}
        return made


class FileTraits(SiteValue, frozen=True):
    """What the site says of a file's form; each may be None or a newer word."""

    format: Text = None
    """`SafeTensor`, `PickleTensor`, `GGUF`, `Diffusers`, `ONNX`, `Other` …"""
    size: Text = None
    """`full` or `pruned`; no number."""
    fp: Text = None
    """The precision: `fp32`, `fp16`, `bf16`, `fp8` …"""
    quant_type: Text = None
    """The quantization of a GGUF file: `Q4_K_M` …"""


class ModelFile(SiteValue, frozen=True):
    """One downloadable of a version (site.md 2.2); `Client.download` takes it."""

    id: Integer = None
    """The file's number; None only in damaged answers."""
    name: Text = None
    """The name the site gives it today, which may change and may hold path separators (site.md 7.4)."""
    type: Text = None
    """`"Model"`, `"Pruned Model"`, `"VAE"`, `"Config"`, `"Training Data"` …; free text (site.md 10.1)."""
    size_kb: Number = Field(default=None, validation_alias="sizeKB", serialization_alias="sizeKB")
    """Bytes divided by 1024; `size` has the bytes."""
    metadata: Annotated[FileTraits, ElseRead(mapping)] = Field(default_factory=FileTraits)
    """Format, size, precision; every field None where the site says nothing."""
    hashes: Annotated[Hashes, ElseRead(mapping)] = Field(default_factory=Hashes)
    """The digests; every field None where the site has none."""
    pickle_scan_result: Text = None
    """`Success`, `Danger`, `Error`, `Pending` …: whether a pickle does what no model should."""
    virus_scan_result: Text = None
    """The same words, for viruses."""
    download_url: Text = None
    """Where a download begins; nearly always it wants a key (site.md 7.5)."""
    primary: Flag = False
    """Whether the site means this file when nobody names one."""

    @property
    def size(self) -> int | None:
        """Length in bytes (`sizeKB` × 1024, rounded); None where the site gives none or a bogus 0."""
        return round(self.size_kb * 1024) if self.size_kb and 0 < self.size_kb <= _MOST_KB else None


class Preview(SiteValue, frozen=True):
    """A picture or clip that a version shows, without generation data (site.md 2.2, 3)."""

    id: Integer = None
    """The image's number, where the answer has a field for it; see `image_id`."""
    url: Text = None
    """The address of the picture; its ending says nothing about the format (site.md 8.4)."""
    type: Text = None
    """`image`, `video` or `audio`."""
    width: Integer = None
    """In pixels."""
    height: Integer = None
    """In pixels."""
    nsfw_level: Any = None
    """The rating as the site puts it here: a number of bits (site.md 10.1), in older answers a word."""

    @property
    def image_id(self) -> int | None:
        """The image's id, from the field or from the URL's file name; None when neither has one."""
        if self.id is not None:
            return self.id
        found = re.search(r"/(\d{1,18})\.[A-Za-z0-9]+(?:[?#].*)?$", self.url or "")
        return int(found.group(1)) if found else None


class PaidAccess(SiteValue, frozen=True):
    """A gate before downloads that those pass who pay, for some days or for ever (site.md 2.2)."""

    permanent: Flag = False
    """Whether it never opens."""
    ends_at: Text = None
    """When it opens for everybody, ISO 8601."""


class Creator(SiteValue, frozen=True):
    """Who published a model (site.md 2.2, 9)."""

    username: Text = None
    """None for a deleted account."""
    image: Text = None
    """The address of the portrait."""
    model_count: Integer = None
    """How many models are public; only in a listing of creators."""
    link: Text = None
    """The listing of the creator's models; only in a listing of creators."""


class VersionOwner(SiteValue, frozen=True):
    """A model as a version by id or hash shows it: no id, that is in `ModelVersion.model_id` (site.md 4)."""

    name: Text = None
    """The model's name."""
    type: Text = None
    """One of `ModelType`, or a newer word."""
    nsfw: Truth = None
    """Whether the model is for adults."""
    poi: Truth = None
    """Whether it shows a real person."""
    mode: Text = None
    """`Archived` or `TakenDown`; None when all is well."""


class ModelVersion(SiteValue, frozen=True):
    """One release of a model (site.md 2.2, 4).

    A listing says less of it than `Client.version` does, which in turn shows fewer images.
    """

    id: Integer = None
    """The version's number."""
    model_id: Integer = None
    """The number of its model; None in a listing and in `Model.versions`, where the model is at hand."""
    name: Text = None
    """What the creator calls it: `v1.0` …"""
    base_model: Text = None
    """What it was made for: `SDXL 1.0`, `Pony`, `Flux.1 D` … (site.md 10.2)."""
    base_model_type: Text = None
    """`Standard`, `Inpainting`, `Refiner` …"""
    description: Text = None
    """What is new in it, HTML."""
    status: Text = None
    """`Published`, `Draft` …; None in a listing."""
    availability: Text = None
    """One of `Availability`, or a newer word."""
    usage_control: Text = None
    """`Download`; any other word means that it cannot be downloaded. None in a listing."""
    published_at: Text = None
    """ISO 8601, as are all times here."""
    created_at: Text = None
    """When it was begun; None in a listing."""
    updated_at: Text = None
    """When it was last changed; only with a version by id or hash."""
    early_access_deadline: Text = None
    """When it becomes free for everybody."""
    early_access_ends_at: Text = None
    """The same, of older answers."""
    early_access_time_frame: Integer = None
    """The days of early access, of older answers."""
    paid_access: Annotated[PaidAccess | None, ElseRead(an_object)] = None
    """The gate before its downloads; None where there is none."""
    trained_words: Texts = ()
    """The words that wake it in a prompt."""
    air: Text = None
    """Its name for generators, `urn:air:…` (site.md 11); None in a listing."""
    download_url: Text = None
    """Where a download of it begins. Which file comes is the site's choice: take a file's own (site.md 7.3)."""
    nsfw_level: Integer = None
    """The rating bits of its images together; see `NsfwLevel`. 0 is not rated yet."""
    stats: Mapped = Field(default_factory=dict)
    """Counters as the site names them: `downloadCount`, `thumbsUpCount` …; `{}` where it tells none."""
    model: Annotated[VersionOwner | None, ElseRead(an_object)] = None
    """The model in brief; only with a version by id or hash."""
    files: Annotated[tuple[ModelFile, ...], ElseRead(objects)] = ()
    """Its public files in the site's order; empty for an archived model."""
    images: Annotated[Sequence[Preview], ReadWhenTouched()] = ()
    """Pictures and clips: 20 at most in a listing, 10 with a version by id. Its items are read when touched."""


def with_ids(version: ModelVersion) -> ModelVersion:
    """The version with the ids that its files lack and their printed URLs have (site.md 7.5)."""
    if all(file.id is not None for file in version.files):
        return version
    return version.model_copy(update={"files": tuple(_with_id(file) for file in version.files)})


def _with_id(file: ModelFile) -> ModelFile:
    found = re.search(r"[?&]fileId=([1-9][0-9]{0,9})(?:[&#]|$)", file.download_url or "")
    return file if file.id is not None or found is None else file.model_copy(update={"id": int(found.group(1))})


class Model(SiteValue, frozen=True):
    """A published resource with its versions (site.md 2.2, 3).

    A listing trims `versions` to those that fit what was asked, and images by `nsfw`; `Client.model` has all of them.
    """

    id: Integer = None
    """The model's number, the one in the address of its page."""
    name: Text = None
    """May hold any characters, `/` and emoji too."""
    type: Text = None
    """One of `ModelType`, or a newer word."""
    description: Text = None
    """HTML of the creator's: clean it before you show it."""
    nsfw: Truth = None
    """Whether the creator marked it as for adults."""
    nsfw_level: Integer = None
    """The rating bits of its images together; see `NsfwLevel`. 0 is not rated yet."""
    poi: Truth = None
    """Whether it shows a real person."""
    mode: Text = None
    """`Archived` (no files) or `TakenDown` (no images); None when all is well."""
    availability: Text = None
    """One of `Availability`, or a newer word."""
    allow_no_credit: Truth = None
    """Whether it may be used without naming the creator; None where the site does not say, as in all four."""
    allow_commercial_use: Uses = ()
    """What may be sold, as words of `CommercialUse`."""
    allow_derivatives: Truth = None
    """Whether merges and further training may be published."""
    allow_different_license: Truth = None
    """Whether those may have other permissions."""
    creator: Annotated[Creator | None, ElseRead(an_object)] = None
    """None for the site's own account."""
    tags: Texts = ()
    """The names of its tags."""
    stats: Mapped = Field(default_factory=dict)
    """Counters as the site names them: `downloadCount`, `thumbsUpCount` …; `{}` where the creator hides them."""
    versions: Annotated[Sequence[ModelVersion], ReadWhenTouched()] = Field(
        default=(), validation_alias="modelVersions", serialization_alias="modelVersions"
    )
    """In the creator's order, the default one first; may be empty. Its items are read when touched."""


class Image(SiteValue, frozen=True):
    """A picture or clip that somebody posted (site.md 8.2)."""

    id: Integer = None
    """The image's number, the one in the address of its page."""
    url: Text = None
    """The address of the picture or clip; its ending says nothing about the format (site.md 8.4)."""
    thumbnail: Text = None
    """A still picture of a clip; None for pictures."""
    type: Text = None
    """`image`, `video` or `audio`."""
    width: Integer = None
    """In pixels."""
    height: Integer = None
    """In pixels."""
    nsfw_level: Text = None
    """The rating as a word: `None`, `Soft`, `Mature` or `X` (site.md 10.1)."""
    browsing_level: Integer = None
    """The rating as a bit; see `NsfwLevel`."""
    created_at: Text = None
    """ISO 8601."""
    post_id: Integer = None
    """The post that it is in."""
    username: Text = None
    """Who posted it."""
    base_model: Text = None
    """May be empty, or several names glued together."""
    model_version_ids: Integers = ()
    """The versions that made it, as far as the site knows."""
    meta: Meta = None
    """The generation data, flat: `prompt`, `seed`, `resources` …, any keys; None unless asked for by `with_meta`."""
    tags: Texts = ()
    """The names of its tags; empty unless asked for by `with_tags`."""
    stats: Mapped = Field(default_factory=dict)
    """Counters as the site names them: `likeCount`, `commentCount` …"""


class Tag(SiteValue, frozen=True):
    """A word that models are found by (site.md 9)."""

    name: Text = None
    """As it is searched for."""
    link: Text = None
    """The listing of models that bear it."""


class User(SiteValue, frozen=True):
    """An account (site.md 9)."""

    id: Integer = None
    """The account's number."""
    username: Text = None
    """None for a deleted account."""
    tier: Text = None
    """The membership; only from `me()`."""
    status: Text = None
    """`active`, `muted` or `banned`; only from `me()`."""


class HashOwner(SiteValue, frozen=True):
    """Whose file has a SHA256: one row of `Client.version_ids_by_hash` (site.md 5.3)."""

    model_version_id: Integer = None
    """The version that holds the file."""
    model_id: Integer = None
    """The model of that version."""
    hash: Hex = None
    """The SHA256 that was asked for, lower-case hex."""
