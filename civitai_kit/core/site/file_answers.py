"""What the site says of one file: a version in brief, and the tensors within (site.md 6, 9.4)."""

from typing import Annotated

from pydantic import Field

from civitai_kit.core.site.models import Hashes, SiteValue
from civitai_kit.core.site.reading import (
    ElseRead,
    Flag,
    Integer,
    Integers,
    Mapped,
    Number,
    Text,
    Texts,
    Truth,
    an_object,
    mapping,
    objects,
)


class VersionBrief(SiteValue, frozen=True):
    """A version in brief, as seen from one of its files: what `version_mini` gives (site.md 6)."""

    air: Text = None
    """Its name for generators, `urn:air:…` (site.md 11)."""
    model_name: Text = None
    """The model's name."""
    version_name: Text = None
    """The version's name."""
    user_id: Integer = None
    """The number of the creator's account."""
    base_model: Text = None
    """What it was made for."""
    availability: Text = None
    """One of `Availability`, or a newer word."""
    published_at: Text = None
    """ISO 8601."""
    size: Number = None
    """The file's size in KB of 1024 bytes."""
    file_type: Text = None
    """`"Model"`, `"VAE"` …; free text."""
    file_name: Text = None
    """The name under which the file was uploaded."""
    format: Text = None
    """`SafeTensor`, `GGUF` …"""
    hashes: Annotated[Hashes, ElseRead(mapping)] = Field(default_factory=Hashes)
    """The file's digests; every field None where the site has none."""
    download_urls: Texts = ()
    """Where a download of the file begins."""
    can_generate: Truth = None
    """Whether it may be used for generation on the site."""
    require_auth: Flag = False
    """Whether a download wants a key."""
    check_permission: Flag = False
    """Whether not everybody with a key may download it."""
    early_access_ends_at: Text = None
    """When it becomes free for everybody, ISO 8601."""


class TensorInfo(SiteValue, frozen=True):
    """One tensor of a file."""

    name: Text = None
    """Its key in the file."""
    shape: Integers = ()
    """Its lengths, the outermost first."""
    dtype: Text = None
    """`F16`, `BF16`, `Q4_K` …"""
    size_bytes: Integer = None
    """How much of the file it takes, in bytes."""


class DtypeShare(SiteValue, frozen=True):
    """How much of a file is of one number type."""

    dtype: Text = None
    """`F16`, `BF16`, `Q4_K` …"""
    count: Integer = None
    """How many tensors have it."""
    bytes: Integer = None
    """Their bytes together."""


class TensorMetadata(SiteValue, frozen=True):
    """What the header of a SafeTensor or GGUF file says, as the site has read it (site.md 9.4)."""

    format: Text = None
    """`SafeTensor` or `GGUF`."""
    tensor_count: Integer = None
    """How many tensors there are."""
    total_tensor_bytes: Integer = None
    """Their bytes together."""
    weight_precision: Text = None
    """The type that most weights have."""
    dtype_counts: Annotated[tuple[DtypeShare, ...], ElseRead(objects)] = ()
    """How many tensors have which type."""
    largest_tensor: Annotated[TensorInfo | None, ElseRead(an_object)] = None
    """The one with the most bytes."""
    vram_estimate: Mapped = Field(default_factory=dict)
    """The site's guess of the memory it takes, in bytes by name; `{}` where it makes none."""
    tensors: Annotated[tuple[TensorInfo, ...], ElseRead(objects)] = ()
    """All of them, in the file's order; empty in a summary."""
