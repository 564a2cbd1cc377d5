"""What to ask the site for: ModelQuery and ImageQuery, with the site's rules (site.md 2.1, 8.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from civitai_kit.core.site.enums import (
    Availability,
    BadOption,
    CheckpointType,
    CommercialUse,
    ImageSort,
    MediaType,
    ModelSort,
    ModelType,
    NsfwLevel,
    Period,
    PeriodMode,
    filter_level,
    level,
)
from civitai_kit.core.site.option_values import (
    known,
    known_or_as_given,
    listed,
    numbers,
    page_size,
    positive,
    text,
    truth,
    unknown_option,
)
from civitai_kit.core.site.query_options import ImageOptions, ModelOptions

MODEL_PAGE = 100
IMAGE_PAGE = 200
# The most that the site takes in `ids` of images (site.md 8.1).
IMAGES_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class ModelQuery:
    """A listing of models; what the site would refuse or misread is refused here with a BadOption.

    `limit` is the page size, 1 to 100. A False flag is not sent, for the site takes `=false` for true
    (site.md 2.1). `nsfw` None or False means PG only, True every level. `query` orders by relevance,
    whatever `sort` says.
    """

    types: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    sort: ModelSort | None = None
    period: Period | None = None
    period_mode: PeriodMode | None = None
    nsfw: bool | None = None
    limit: int = MODEL_PAGE
    username: str | None = None
    tag: str | None = None
    query: str | None = None
    ids: tuple[int, ...] = ()
    model_version_ids: tuple[int, ...] = ()
    primary_file_only: bool = False
    checkpoint_type: CheckpointType | None = None
    supports_generation: bool = False
    from_platform: bool = False
    early_access: bool = False
    archived: bool = False
    followed: bool = False
    favorites: bool = False
    hidden: bool = False
    new_creators: bool = False
    availability: Availability | None = None
    allow_commercial_use: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Bring enums, single values and lists into the form of the fields, or raise BadOption."""
        _settle(
            self,
            types=known_or_as_given(ModelType, listed("types", self.types)),
            base_models=listed("base_models", self.base_models),
            sort=known("sort", ModelSort, self.sort),
            period=known("period", Period, self.period),
            period_mode=known("period_mode", PeriodMode, self.period_mode),
            nsfw=None if self.nsfw is None else truth("nsfw", self.nsfw),
            limit=page_size(self.limit, MODEL_PAGE),
            username=text("username", self.username),
            tag=text("tag", self.tag),
            query=text("query", self.query, blank=True),
            ids=numbers("ids", self.ids),
            model_version_ids=numbers("model_version_ids", self.model_version_ids),
            checkpoint_type=known("checkpoint_type", CheckpointType, self.checkpoint_type),
            availability=known("availability", Availability, self.availability),
            allow_commercial_use=tuple(
                str(known("allow_commercial_use", CommercialUse, use))
                for use in listed("allow_commercial_use", self.allow_commercial_use)
            ),
            **{name: truth(name, getattr(self, name)) for name in _MODEL_FLAGS},
        )

    @property
    def newest_first(self) -> bool:
        """Whether the order is `Newest`, where the site loses a row at each page's end (site.md 2.3)."""
        return self.sort is ModelSort.NEWEST and self.query is None

    def params(self) -> list[tuple[str, str]]:
        """The query parameters in the site's spelling; lists as repeated keys."""
        one = {
            "limit": str(self.limit),
            "query": self.query,
            "tag": self.tag,
            "username" if _is_plain(self.username or "") else "user": self.username,
            "checkpointType": self.checkpoint_type,
            "sort": self.sort,
            "period": self.period,
            "periodMode": self.period_mode,
            "nsfw": None if self.nsfw is None else str(self.nsfw).lower(),
            "availability": self.availability,
        }
        many = {
            "ids": self.ids,
            "modelVersionIds": self.model_version_ids,
            "types": self.types,
            "baseModels": self.base_models,
            "allowCommercialUse": self.allow_commercial_use,
        }
        flags = {site: "true" for name, site in _MODEL_FLAGS.items() if getattr(self, name)}
        return _params({**one, **flags}, many)


@dataclass(frozen=True, kw_only=True)
class ImageQuery:
    """A listing of images; what the site would refuse or misread is refused here with a BadOption.

    `limit` is the page size, 1 to 200. `nsfw` True is every level, False PG only, a text one of None, Soft,
    Mature and X as the site means them; `browsing_level` is exact and wins; neither means PG only. `tags` are
    tag ids. `ids` are up to 100 images; what the site cannot show of them is missing.
    """

    ids: tuple[int, ...] = ()
    post_id: int | None = None
    model_id: int | None = None
    model_version_id: int | None = None
    image_id: int | None = None
    user_id: int | None = None
    username: str | None = None
    tags: tuple[int, ...] = ()
    sort: ImageSort | None = None
    period: Period | None = None
    nsfw: bool | str | NsfwLevel | None = None
    browsing_level: NsfwLevel | None = None
    type: MediaType | None = None
    base_models: tuple[str, ...] = ()
    limit: int = IMAGE_PAGE
    with_meta: bool = False
    with_tags: bool = False

    def __post_init__(self) -> None:
        """Bring enums, single values and lists into the form of the fields, or raise BadOption."""
        if self.model_id is not None and self.model_version_id is not None:
            raise BadOption("model_id is ignored beside model_version_id.", hint="Give one of the two.")
        by_nsfw = None if self.nsfw is None else filter_level("nsfw", self.nsfw)
        exact = None if self.browsing_level is None else level("browsing_level", self.browsing_level)
        _settle(
            self,
            **{name: positive(name, getattr(self, name)) for name in _IMAGE_TARGETS},
            ids=_image_ids(self.ids),
            username=_image_username(self.username),
            tags=numbers("tags", self.tags),
            sort=known("sort", ImageSort, self.sort),
            period=known("period", Period, self.period),
            browsing_level=by_nsfw if exact is None else exact,
            type=known("type", MediaType, self.type),
            base_models=listed("base_models", self.base_models),
            limit=page_size(self.limit, IMAGE_PAGE),
            with_meta=truth("with_meta", self.with_meta),
            with_tags=truth("with_tags", self.with_tags),
        )

    @property
    def by_id(self) -> bool:
        """Whether the site answers by its older path: numeric cursors, a row lost a page (site.md 8.3)."""
        return bool(self.ids) or self.image_id is not None or self.model_id is not None

    def params(self) -> list[tuple[str, str]]:
        """The query parameters in the site's spelling; lists as repeated keys, levels as `browsingLevel`."""
        one = {
            "ids": ",".join(map(str, self.ids)) or None,
            "limit": str(self.limit),
            "username": self.username,
            "sort": self.sort,
            "period": self.period,
            "browsingLevel": None if self.browsing_level is None else str(int(self.browsing_level)),
            "type": self.type,
            "withMeta": "true" if self.with_meta else None,
            "withTags": "true" if self.with_tags else None,
        }
        targets = {site: _digits(getattr(self, name)) for name, site in _IMAGE_TARGETS.items()}
        return _params({**targets, **one}, {"tags": self.tags, "baseModels": self.base_models})


def model_query(options: ModelOptions | Mapping[str, Any]) -> ModelQuery:
    """The query of these options; a name that is none is a BadOption with the nearest right one."""
    unknown_option(options, [part.name for part in fields(ModelQuery)])
    query = ModelQuery(**options)
    _refuse_empty(options, ids=query.ids, model_version_ids=query.model_version_ids)
    return query


def image_query(options: ImageOptions | Mapping[str, Any]) -> ImageQuery:
    """The query of these options; a name that is none is a BadOption with the nearest right one."""
    unknown_option(options, [part.name for part in fields(ImageQuery)])
    query = ImageQuery(**options)
    _refuse_empty(options, ids=query.ids)
    return query


def _refuse_empty(options: Mapping[str, Any], **read: tuple[int, ...]) -> None:
    """Raise BadOption for a list of ids without one: nothing is meant, and the site would list everything."""
    for name, numbers_read in read.items():
        if options.get(name) is not None and not numbers_read:
            raise BadOption(f"{name} names nothing.", hint="Leave it out for no filter.")


_MODEL_FLAGS = {
    "primary_file_only": "primaryFileOnly",
    "supports_generation": "supportsGeneration",
    "from_platform": "fromPlatform",
    "early_access": "earlyAccess",
    "archived": "archived",
    "followed": "followed",
    "favorites": "favorites",
    "hidden": "hidden",
    "new_creators": "newCreators",
}

_IMAGE_TARGETS = {
    "post_id": "postId",
    "model_id": "modelId",
    "model_version_id": "modelVersionId",
    "image_id": "imageId",
    "user_id": "userId",
}


def _settle(target: ModelQuery | ImageQuery, /, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(target, name, value)


def _is_plain(name: str) -> bool:
    """Whether the site reads a username as it stands; of others it drops characters and so finds somebody else."""
    return re.fullmatch(r"[A-Za-z0-9_]+( [A-Za-z0-9_]+)?", name) is not None


def _image_username(value: str | None) -> str | None:
    name = text("username", value)
    if name is None or _is_plain(name):
        return name and name.replace(" ", "_")
    raise BadOption(f"{name!r} is no username of the site.", hint="They are letters, digits and underscores.")


def _image_ids(value: Any) -> tuple[int, ...]:
    found = numbers("ids", value)
    if len(found) > IMAGES_AT_ONCE:
        raise BadOption(f"ids takes up to {IMAGES_AT_ONCE} images, not {len(found)}.", hint="Ask for them in parts.")
    return found


def _digits(value: int | None) -> str | None:
    return None if value is None else str(value)


def _params(one: Mapping[str, str | None], many: Mapping[str, tuple[object, ...]]) -> list[tuple[str, str]]:
    single = [(name, str(value)) for name, value in one.items() if value is not None]
    return single + [(name, str(value)) for name, values in many.items() for value in values]
