"""The words of the site's options as enums, the hint for a word that is none, and its ratings as bits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntFlag, StrEnum
from typing import Any

from civitai_kit.core.errors import BadQuery, UsageError


class BadOption(UsageError, BadQuery):
    """An option that the site would refuse or misread; nothing was sent, so `status` is None. `hint` says what fits."""


class ModelType(StrEnum):
    """Types of models (site.md 10.1). A newer one is plain text in answers, and may be asked for as such."""

    CHECKPOINT = "Checkpoint"
    TEXTUAL_INVERSION = "TextualInversion"
    HYPERNETWORK = "Hypernetwork"
    AESTHETIC_GRADIENT = "AestheticGradient"
    LORA = "LORA"
    LOCON = "LoCon"
    DORA = "DoRA"
    CONTROLNET = "Controlnet"
    UPSCALER = "Upscaler"
    MOTION_MODULE = "MotionModule"
    VAE = "VAE"
    TEXT_ENCODER = "TextEncoder"
    UNET = "UNet"
    CLIP_VISION = "CLIPVision"
    POSES = "Poses"
    WILDCARDS = "Wildcards"
    WORKFLOWS = "Workflows"
    COMFY_WORKFLOWS = "ComfyWorkflows"
    DETECTION = "Detection"
    VISION_LANGUAGE = "VisionLanguage"
    CLIP = "CLIP"
    LLM = "LLM"
    OTHER = "Other"


class ModelSort(StrEnum):
    """Orders of a listing of models; the site's own is Highest Rated."""

    HIGHEST_RATED = "Highest Rated"
    MOST_DOWNLOADED = "Most Downloaded"
    MOST_LIKED = "Most Liked"
    MOST_DISCUSSED = "Most Discussed"
    MOST_COLLECTED = "Most Collected"
    MOST_IMAGES = "Most Images"
    NEWEST = "Newest"
    OLDEST = "Oldest"


class ImageSort(StrEnum):
    """Orders of a listing of images; the site's own is Most Reactions, Random has one page only."""

    MOST_REACTIONS = "Most Reactions"
    MOST_COMMENTS = "Most Comments"
    MOST_COLLECTED = "Most Collected"
    NEWEST = "Newest"
    OLDEST = "Oldest"
    RANDOM = "Random"


class ArticleSort(StrEnum):
    """Orders of a listing of articles; the site's own is Newest."""

    NEWEST = "Newest"
    RECENTLY_UPDATED = "Recently Updated"
    MOST_REACTIONS = "Most Reactions"
    MOST_COMMENTS = "Most Comments"
    MOST_BOOKMARKS = "Most Bookmarks"
    MOST_COLLECTED = "Most Collected"


class CollectionSort(StrEnum):
    """Orders of a listing of collections; the site's own is Newest, Most Followers has one page only."""

    NEWEST = "Newest"
    MOST_FOLLOWERS = "Most Followers"


class VaultSort(StrEnum):
    """Orders of what is in a vault; the site's own is Recently Added."""

    RECENTLY_ADDED = "Recently Added"
    RECENTLY_CREATED = "Recently Created"
    MODEL_NAME = "Model Name"
    MODEL_SIZE = "Model Size"


class Period(StrEnum):
    """How far back a listing goes: the last 24 hours, 7 days and so on; the site's own is AllTime."""

    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"
    YEAR = "Year"
    ALL_TIME = "AllTime"


class PeriodMode(StrEnum):
    """What a period is about: when a model was published (the site's own), or when its counters rose."""

    PUBLISHED = "published"
    STATS = "stats"


class CheckpointType(StrEnum):
    """How a checkpoint was made: by training, or by merging others."""

    TRAINED = "Trained"
    MERGE = "Merge"


class Availability(StrEnum):
    """Who may see a model: everybody, who has its address, its creator alone, or who pays until a day."""

    PUBLIC = "Public"
    UNSEARCHABLE = "Unsearchable"
    PRIVATE = "Private"
    EARLY_ACCESS = "EarlyAccess"


class CommercialUse(StrEnum):
    """What a licence lets people sell: nothing, images, generation on Civitai or anywhere, the model itself."""

    NONE = "None"
    IMAGE = "Image"
    RENT_CIVIT = "RentCivit"
    RENT = "Rent"
    SELL = "Sell"


class MediaType(StrEnum):
    """Kinds of what `/images` lists."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class NsfwLevel(IntFlag):
    """The site's rating bits; join them with `|` (site.md 10.1).

    What an image shows has one of them, a model the bits of its images together; 0 is not rated yet. `ALL` is all
    but `BLOCKED`.
    """

    PG = 1
    PG13 = 2
    R = 4
    X = 8
    XXX = 16
    BLOCKED = 32
    ALL = 31


# The texts that the images' `nsfw` filter takes, each with the bits that it lets through (site.md 8.1).
FILTER_LEVELS: dict[str, NsfwLevel] = {
    "none": NsfwLevel.PG,
    "soft": NsfwLevel.PG | NsfwLevel.PG13,
    "mature": NsfwLevel.PG | NsfwLevel.PG13 | NsfwLevel.R,
    "x": NsfwLevel.ALL,
    "blocked": NsfwLevel.BLOCKED,
    "true": NsfwLevel.ALL,
    "false": NsfwLevel.PG,
}


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint: the right words that look like this one, or all of them."""
    every = list(words)
    spelled = {folded(each): each for each in every}
    close = [spelled[match] for match in get_close_matches(folded(word), spelled, n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(close)}?" if close else f"One of: {', '.join(every)}."


def filter_level(name: str, value: Any) -> NsfwLevel:
    """The bits of an `nsfw` filter: True is every level, False PG, a text as the site's filter means it."""
    if isinstance(value, bool):
        return NsfwLevel.ALL if value else NsfwLevel.PG
    legacy = FILTER_LEVELS.get(folded(value)) if isinstance(value, str) else None
    return level(name, value) if legacy is None else legacy


def level(name: str, value: Any) -> NsfwLevel:
    """Rating bits from bits, a number, or names joined by commas or `|` (`PG,PG13`)."""
    if isinstance(value, str) and number_of(value) is value:
        bits = {folded(word): bit for word, bit in NsfwLevel.__members__.items()}
        words = [word for word in value.replace("|", ",").split(",") if word.strip()]
        found = [bits.get(folded(word)) for word in words]
    else:
        found = [value]
    total = _joined(found)
    if total is None:
        names = ["PG", "PG13", "R", "X", "XXX", "ALL"]
        raise BadOption(f"{value!r} is no {name}.", hint=nearest(str(value), names))
    return total


def _joined(bits: Iterable[Any]) -> NsfwLevel | None:
    """All bits together; None where one is none, or there are none."""
    total = 0
    for bit in bits:
        digits = number_of(bit)
        if isinstance(digits, bool) or not isinstance(digits, int) or not 0 < digits < 64:
            return None
        total |= digits
    return NsfwLevel(total) if total else None


def number_of(value: Any) -> Any:
    """The number that a short row of digits means; anything else as it is."""
    return int(value) if isinstance(value, str) and re.fullmatch(r" *[0-9]{1,10} *", value) else value


def folded(word: str) -> str:
    """A word as it is compared: in any case, with `_`, `-` or nothing for a space."""
    return "".join(letter for letter in str(word).casefold() if letter not in " _-")
