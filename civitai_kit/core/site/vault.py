"""The vault: versions that the site keeps for a paying member, whatever becomes of their models (site.md 9.3)."""

from typing import Annotated

from pydantic import Field

from civitai_kit.core.site.models import SiteValue
from civitai_kit.core.site.reading import ElseRead, Integer, Mapped, Number, Text, objects


class Vault(SiteValue):
    """How much a member's vault may hold and holds, in KB; `user_id` is its owner."""

    user_id: Integer = None
    storage_kb: Number = None
    used_storage_kb: Number = None
    meta: Mapped = Field(default_factory=dict)
    updated_at: Text = None


class VaultFile(SiteValue):
    """A file of a version in the vault."""

    id: Integer = None
    size_kb: Number = Field(default=None, alias="sizeKB")
    url: Text = None
    display_name: Text = None


class VaultItem(SiteValue):
    """A version in the vault: `status` is Pending, Stored or Failed; names are those of the day it was put there."""

    id: Integer = None
    status: Text = None
    model_id: Integer = None
    model_version_id: Integer = None
    model_name: Text = None
    version_name: Text = None
    creator_id: Integer = None
    creator_name: Text = None
    type: Text = None
    base_model: Text = None
    category: Text = None
    model_size_kb: Number = None
    details_size_kb: Number = None
    images_size_kb: Number = None
    created_at: Text = None
    added_at: Text = None
    refreshed_at: Text = None
    notes: Text = None
    cover_image_url: Text = None
    files: Annotated[tuple[VaultFile, ...], ElseRead(objects)] = ()
