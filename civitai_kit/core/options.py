"""The words of the site's options as enums, and how one option is read, corrected in case, or refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntFlag, StrEnum
from typing import Any, TypeVar

from civitai_kit.core.errors import BadQuery, UsageError

E = TypeVar("E", bound=StrEnum)


class BadOption(UsageError, BadQuery):
    """An option that the site would refuse or misread; nothing was sent (`status` is None)."""


class ModelType(StrEnum):
    """Types of models (API facts 10.1); an unknown one is passed on as text."""

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


class Period(StrEnum):
    """How far back a listing goes."""

    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"
    YEAR = "Year"
    ALL_TIME = "AllTime"


class PeriodMode(StrEnum):
    """What a period is about: when a model was published, or when its counters rose."""

    PUBLISHED = "published"
    STATS = "stats"


class CheckpointType(StrEnum):
    """How a checkpoint was made."""

    TRAINED = "Trained"
    MERGE = "Merge"


class Availability(StrEnum):
    """Who may see a model."""

    PUBLIC = "Public"
    UNSEARCHABLE = "Unsearchable"
    PRIVATE = "Private"
    EARLY_ACCESS = "EarlyAccess"


class CommercialUse(StrEnum):
    """What a licence lets people sell."""

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
    """The site's rating bits; join them with `|` (API facts 10.1)."""

    PG = 1
    PG13 = 2
    R = 4
    X = 8
    XXX = 16
    BLOCKED = 32
    ALL = 31


# The texts that the images' `nsfw` filter takes, each with the bits that it lets through (API facts 8.1).
FILTER_LEVELS: dict[str, NsfwLevel] = {
    "none": NsfwLevel.PG,
    "soft": NsfwLevel.PG | NsfwLevel.PG13,
    "mature": NsfwLevel.PG | NsfwLevel.PG13 | NsfwLevel.R,
    "x": NsfwLevel.ALL,
    "blocked": NsfwLevel.BLOCKED,
    "true": NsfwLevel.ALL,
    "false": NsfwLevel.PG,
}

_TRUTHS = {
    **dict.fromkeys(("true", "1", "yes", "on", "y", "enabled"), True),
    **dict.fromkeys(("false", "0", "no", "off", "n", "disabled"), False),
}

# Options of the site's web pages and older documents that its API refuses or ignores (API facts 2.1, 8.1).
_NEVER = {
    "page": "The site ignores page numbers here; take the next page by its cursor.",
    "cursor": "A cursor is given to models_page or images_page.",
    "token": "The key belongs to the client: Client(api_key=…).",
    "allow_no_credit": "The site's API refuses it; look at allow_no_credit of the answers.",
    "allow_derivatives": "The site's API refuses it; look at allow_derivatives of the answers.",
    "allow_different_license": "The site's API refuses it; look at allow_different_license of the answers.",
    "rating": "The site ignores it; look at the stats of the answers.",
    "collection_id": "The site's API does not take it.",
}


def unknown_option(options: Iterable[str], names: list[str]) -> None:
    """Raise BadOption for the first name that is no option, with the nearest right one."""
    for name in options:
        if name not in names:
            raise BadOption(f"{name!r} is no option here.", hint=_NEVER.get(name) or nearest(name, names))


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint: the right words that look like this one, or all of them."""
    every = list(words)
    folded = {_folded(each): each for each in every}
    close = [folded[match] for match in get_close_matches(_folded(word), folded, n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(close)}?" if close else f"One of: {', '.join(every)}."


def known(name: str, kind: type[E], value: Any) -> E | None:
    """One of an enum's words, in any case and with `_`, `-` or nothing for a space; None stays None."""
    if value is None or isinstance(value, kind):
        return value
    found = _spellings(kind).get(_folded(value)) if isinstance(value, str) else None
    if found is None:
        raise BadOption(f"{value!r} is no {name}.", hint=nearest(str(value), kind))
    return found


def known_or_as_given(kind: type[StrEnum], values: Iterable[str]) -> tuple[str, ...]:
    """Words with the case of the enum's where they are among them, the others as they are."""
    spellings = _spellings(kind)
    return tuple(dict.fromkeys(str(spellings.get(_folded(value), value)) for value in values))


def listed(name: str, value: Any) -> tuple[str, ...]:
    """One text or many as a tuple without doubles."""
    texts = [value] if isinstance(value, str) else _items(name, value)
    return tuple(dict.fromkeys(_word(name, each) for each in texts))


def numbers(name: str, value: Any) -> tuple[int, ...]:
    """One id or many as a tuple without doubles."""
    items = [value] if isinstance(value, int | str) else _items(name, value)
    return tuple(dict.fromkeys(number for each in items if (number := positive(name, each)) is not None))


def positive(name: str, value: Any) -> int | None:
    """An id: a whole number from 1 to 2147483647 (as text too); None stays None."""
    if value is None:
        return None
    number = _number_of(value)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 2**31 - 1:
        raise BadOption(f"{name} takes ids, not {value!r}.", hint="Ids are whole numbers from 1.")
    return number


def page_size(value: Any, most: int) -> int:
    """A page's size, from 1 to the most that the site gives."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadOption(f"limit {value!r} is no page size.", hint=f"The site gives 1 to {most} a page.")
    return value


def text(name: str, value: Any, *, blank: bool = False) -> str | None:
    """A text without white space around it; a blank one is refused, or with `blank` the same as none.

    A blank filter would be no filter to the site.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadOption(f"{name} takes a text, not {value!r}.")
    stripped = str(value).strip()
    if not stripped and not blank:
        raise BadOption(f"{name} is blank.", hint="Leave it out for no filter.")
    return stripped or None


def truth(name: str, value: Any) -> bool:
    """True or False, or one of the words that the site takes for them."""
    found = _TRUTHS.get(value.strip().casefold()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise BadOption(f"{name} is True or False, not {value!r}.")
    return found


def filter_level(name: str, value: Any) -> NsfwLevel:
    """The bits of an `nsfw` filter: True is every level, False PG, a text as the site's filter means it."""
    if isinstance(value, bool):
        return NsfwLevel.ALL if value else NsfwLevel.PG
    legacy = FILTER_LEVELS.get(_folded(value)) if isinstance(value, str) else None
    return level(name, value) if legacy is None else legacy


def level(name: str, value: Any) -> NsfwLevel:
    """Rating bits from bits, a number, or names joined by commas or `|` (`PG,PG13`)."""
    if isinstance(value, str) and _number_of(value) is value:
        bits = {_folded(word): bit for word, bit in NsfwLevel.__members__.items()}
        words = [word for word in value.replace("|", ",").split(",") if word.strip()]
        found = [bits.get(_folded(word)) for word in words]
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
        digits = _number_of(bit)
        if isinstance(digits, bool) or not isinstance(digits, int) or not 0 < digits < 64:
            return None
        total |= digits
    return NsfwLevel(total) if total else None


def _number_of(value: Any) -> Any:
    """The number that a short row of digits means; anything else as it is."""
    return int(value) if isinstance(value, str) and re.fullmatch(r" *[0-9]{1,10} *", value) else value


def _word(name: str, value: Any) -> str:
    if (word := text(name, value)) is None:
        raise BadOption(f"{name} holds nothing where a text should be.")
    return word


def _items(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise BadOption(f"{name} takes one value or a list, not {value!r}.")
    return list(value)


def _folded(word: str) -> str:
    return "".join(letter for letter in str(word).casefold() if letter not in " _-")


def _spellings(kind: type[E]) -> dict[str, E]:
    return {_folded(member.value): member for member in kind}
