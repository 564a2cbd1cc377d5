"""The vault: versions that the site keeps for a paying member, whatever becomes of their models (site.md 9.3)."""

from typing import Annotated

from pydantic import Field

from civitai_kit.core.site.models import SiteValue
from civitai_kit.core.site.reading import ElseRead, Integer, Mapped, Number, Text, objects


class Vault(SiteValue, frozen=True):
    """How much a member's vault may hold, and how much it holds."""

    user_id: Integer = None
    """Whose it is."""
    storage_kb: Number = None
    """How much it may hold, in KB of 1024 bytes."""
    used_storage_kb: Number = None
    """How much it holds, in KB."""
    meta: Mapped = Field(default_factory=dict)
    """What else the site notes."""
    updated_at: Text = None
    """ISO 8601."""


class VaultFile(SiteValue, frozen=True):
    """A file of a version in the vault."""

    id: Integer = None
    """The file's number."""
    size_kb: Number = Field(default=None, validation_alias="sizeKB", serialization_alias="sizeKB")
    """Bytes divided by 1024."""
    url: Text = None
    """Where it can be fetched, with the key."""
    display_name: Text = None
    """The name to show."""


class VaultItem(SiteValue, frozen=True):
    """A version in the vault."""

    id: Integer = None
    """The number of this entry of the vault."""
    status: Text = None
    """`Pending`, `Stored` or `Failed`."""
    model_id: Integer = None
    """The model, which may be gone from the site."""
    model_version_id: Integer = None
    """The version that is kept."""
    model_name: Text = None
    """As on the day when it was put there, as are the other names."""
    version_name: Text = None
    """The version's name."""
    creator_id: Integer = None
    """The number of the creator's account."""
    creator_name: Text = None
    """The creator's name."""
    type: Text = None
    """One of `ModelType`, or a newer word."""
    base_model: Text = None
    """What it was made for."""
    category: Text = None
    """`style`, `character` …"""
    model_size_kb: Number = None
    """The size of its files, in KB of 1024 bytes."""
    details_size_kb: Number = None
    """The size of its description, in KB."""
    images_size_kb: Number = None
    """The size of its images, in KB."""
    created_at: Text = None
    """When the version was made, ISO 8601."""
    added_at: Text = None
    """When it was put into the vault."""
    refreshed_at: Text = None
    """When the vault's copy was last renewed."""
    notes: Text = None
    """What the owner noted."""
    cover_image_url: Text = None
    """The address of its picture."""
    files: Annotated[tuple[VaultFile, ...], ElseRead(objects)] = ()
    """What is kept of it."""
