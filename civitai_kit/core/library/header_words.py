"""What the header of a safetensors file says about how to use it, also where the site never knew the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

# So many are enough to begin with; training tags run into thousands.
MOST_WORDS = 20

_TITLES = ("modelspec.title", "ss_output_name")
_BASES = ("modelspec.usage_hint", "ss_base_model_version", "modelspec.architecture", "ss_sd_model_name")


def trigger_words(header: Mapping[str, str]) -> tuple[str, ...]:
    """The words that a header names for use, the most important first; empty where it has none.

    The author's own (`modelspec.trigger_phrase`) come first, then the words of training by how often they were used.
    """
    said = [word.strip() for word in header.get("modelspec.trigger_phrase", "").split(";")]
    counted = Counter[str]()
    for tags in _objects(header.get("ss_tag_frequency")):
        counted.update(_counts(tags))
    for dataset in _lists(header.get("ss_datasets")):
        for tags in _values(dataset.get("tag_frequency") if isinstance(dataset, dict) else None):
            counted.update(_counts(tags))
    trained = [word.strip() for word, _ in counted.most_common(MOST_WORDS)]
    return tuple(dict.fromkeys(word for word in [*said, *trained] if word))[:MOST_WORDS]


def title(header: Mapping[str, str]) -> str | None:
    """The name that a header gives the model."""
    return _first(header, _TITLES)


def base_model(header: Mapping[str, str]) -> str | None:
    """What a header says that the model builds on, in its own words."""
    return _first(header, _BASES)


def _first(header: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    found = (header.get(name, "").strip() for name in names)
    return next((value for value in found if value), None)


def _objects(text: str | None) -> list[Any]:
    """The objects within an object: `ss_tag_frequency` holds one of counts for each folder."""
    return _values(_read(text))


def _values(found: Any) -> list[Any]:
    return list(found.values()) if isinstance(found, dict) else []


def _lists(text: str | None) -> list[Any]:
    found = _read(text)
    return found if isinstance(found, list) else []


def _read(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _counts(tags: Any) -> dict[str, int]:
    """The counts that are numbers; headers are anybody's."""
    if not isinstance(tags, dict):
        return {}
    return {word: number for word, number in tags.items() if isinstance(number, int) and 0 < number < 2**53}
