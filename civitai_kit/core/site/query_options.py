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
    """The options of `models(…)`, each with the site's meaning; a list option takes one value or many."""

    types: ModelType | str | Iterable[ModelType | str]
    base_models: str | Iterable[str]
    sort: ModelSort | str | None
    period: Period | str | None
    period_mode: PeriodMode | str | None
    nsfw: bool | None
    limit: int
    username: str | None
    tag: str | None
    query: str | None
    ids: int | Iterable[int]
    model_version_ids: int | Iterable[int]
    primary_file_only: bool
    checkpoint_type: CheckpointType | str | None
    supports_generation: bool
    from_platform: bool
    early_access: bool
    archived: bool
    followed: bool
    favorites: bool
    hidden: bool
    new_creators: bool
    availability: Availability | str | None
    allow_commercial_use: CommercialUse | str | Iterable[CommercialUse | str]


class ImageOptions(TypedDict, total=False):
    """The options of `images(…)`, each with the site's meaning; a list option takes one value or many."""

    ids: int | Iterable[int]
    post_id: int | None
    model_id: int | None
    model_version_id: int | None
    image_id: int | None
    user_id: int | None
    username: str | None
    tags: int | Iterable[int]
    sort: ImageSort | str | None
    period: Period | str | None
    nsfw: bool | str | NsfwLevel | None
    browsing_level: NsfwLevel | int | str | None
    type: MediaType | str | None
    base_models: str | Iterable[str]
    limit: int
    with_meta: bool
    with_tags: bool
