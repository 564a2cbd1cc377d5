"""The options of listings as a type checker reads them; `ModelQuery` and `ImageQuery` say what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from civitai_kit.core.site.enums import (
    Availability,
    CheckpointType,
    CommercialUse,
    ImageSort,
    MediaType,
    ModelSort,
    ModelType,
    NsfwLevel,
    Period,
    PeriodMode,
)


class ModelOptions(TypedDict, total=False):
    """The options of `Client.models` and `Client.models_page`, by keyword, with the site's meaning (site.md 2.1).

    Words are understood in any case, `_`, `-` or nothing for a space. One value or many where several are meant.
    What the site would refuse or misread raises BadOption before anything is sent.
    """

    types: ModelType | str | Iterable[ModelType | str]
    """`"LORA"`, `ModelType.LORA`, or several; an unknown word is passed on."""
    base_models: str | Iterable[str]
    """`"SDXL 1.0"` or several. Of each model only the versions for these come; an unknown one is passed on."""
    sort: ModelSort | str | None
    """The order; the site's own is Highest Rated."""
    period: Period | str | None
    """Only models whose last version is at most so old."""
    period_mode: PeriodMode | str | None
    """Whether `period` is about publishing or about counters."""
    nsfw: bool | None
    """True for every level. False, None and nothing mean models that have PG, with their PG images only."""
    limit: int
    """The size of a page, 1 to 100 (100); no limit of how many come."""
    username: str | None
    """The creator, by the whole name; raises NotFound for one that does not exist."""
    tag: str | None
    """One whole name of a tag. The site drops an unknown one and lists everything: ask `tag_exists` first."""
    query: str | None
    """Words to search for: orders by relevance, whatever `sort` says, and may miss filtered models."""
    ids: int | Iterable[int]
    """Only these models; the other options apply too, `nsfw` among them. `models_by_id` takes any number."""
    model_version_ids: int | Iterable[int]
    """Only the models of these versions, with no other version."""
    primary_file_only: bool
    """Of each version only the primary file."""
    checkpoint_type: CheckpointType | str | None
    """Of checkpoints only the trained or the merged ones; other types come all the same."""
    supports_generation: bool
    """Only what the site itself can generate with."""
    from_platform: bool
    """Only what was trained on the site."""
    early_access: bool
    """Only what is in early access."""
    archived: bool
    """Archived models too."""
    followed: bool
    """Only of creators whom the key's owner follows."""
    favorites: bool
    """Only what the key's owner has bookmarked; raises Unauthorized without a good key."""
    hidden: bool
    """What the key's owner has hidden; raises Unauthorized without a good key."""
    new_creators: bool
    """Only of creators who are new."""
    availability: Availability | str | None
    """Who may see it; `Private` only of the key's owner, else Unauthorized."""
    allow_commercial_use: CommercialUse | str | Iterable[CommercialUse | str]
    """Only models whose licence allows one of these."""


class ImageOptions(TypedDict, total=False):
    """The options of `Client.images` and `Client.images_page`, by keyword, with the site's meaning (site.md 8.1).

    They are read as `ModelOptions` are. The site shows no images that are flagged as of real people or of minors.
    """

    ids: int | Iterable[int]
    """Only these images, 100 at most; `images_by_id` takes any number."""
    post_id: int | None
    """Only of this post."""
    model_id: int | None
    """Only of this model; not beside `model_version_id`."""
    model_version_id: int | None
    """Only of this version."""
    image_id: int | None
    """Only this image."""
    user_id: int | None
    """Only of this account."""
    username: str | None
    """Only of this account, by its whole name; of one that does not exist there are none."""
    tags: int | Iterable[int]
    """Ids of tags (`Tag` has none: they stand in the site's pages); images that bear any of them."""
    sort: ImageSort | str | None
    """The order; the site's own is Most Reactions. With `ids`, `image_id` or `model_id`: Newest or Oldest only."""
    period: Period | str | None
    """Only images that are at most so old."""
    nsfw: bool | str | NsfwLevel | None
    """True for every level, False for PG, or `"Soft"`, `"Mature"`, `"X"` as the site means them. PG without it."""
    browsing_level: NsfwLevel | int | str | None
    """The levels exactly, as bits: `NsfwLevel.PG | NsfwLevel.R`, or `"PG,R"`; counts before `nsfw`."""
    type: MediaType | str | None
    """Pictures, clips or sounds only."""
    base_models: str | Iterable[str]
    """Only what was made with these; the site refuses an unknown one (BadQuery)."""
    limit: int
    """The size of a page, 1 to 200 (200); no limit of how many come."""
    with_meta: bool
    """With the generation data in `Image.meta`."""
    with_tags: bool
    """With the names of tags in `Image.tags`."""
