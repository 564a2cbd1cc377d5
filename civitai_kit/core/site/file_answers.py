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


class VersionBrief(SiteValue):
    """A version by one of its files; `size` is in KB, `file_name` the name under which it was uploaded (site.md 6)."""

    air: Text = None
    model_name: Text = None
    version_name: Text = None
    user_id: Integer = None
    base_model: Text = None
    availability: Text = None
    published_at: Text = None
    size: Number = None
    file_type: Text = None
    file_name: Text = None
    format: Text = None
    hashes: Annotated[Hashes, ElseRead(mapping)] = Field(default_factory=Hashes)
    download_urls: Texts = ()
    can_generate: Truth = None
    require_auth: Flag = False
    check_permission: Flag = False
    early_access_ends_at: Text = None


class TensorInfo(SiteValue):
    """One tensor of a file; `size_bytes` is its length in the file."""

    name: Text = None
    shape: Integers = ()
    dtype: Text = None
    size_bytes: Integer = None


class DtypeShare(SiteValue):
    """How many tensors of a file have a type, and their bytes."""

    dtype: Text = None
    count: Integer = None
    bytes: Integer = None


class TensorMetadata(SiteValue):
    """What the header of a SafeTensor or GGUF file says; `tensors` is empty in a summary.

    `vram_estimate` is the site's, in bytes by name, empty where it makes none.
    """

    format: Text = None
    tensor_count: Integer = None
    total_tensor_bytes: Integer = None
    weight_precision: Text = None
    dtype_counts: Annotated[tuple[DtypeShare, ...], ElseRead(objects)] = ()
    largest_tensor: Annotated[TensorInfo | None, ElseRead(an_object)] = None
    vram_estimate: Mapped = Field(default_factory=dict)
    tensors: Annotated[tuple[TensorInfo, ...], ElseRead(objects)] = ()
