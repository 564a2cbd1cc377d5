"""A version's answer in one form, whether the version was asked for alone or came within its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What an answer about one version says of its model (site.md 4).
_OF_THE_MODEL = ("name", "type", "nsfw", "poi", "mode")


def with_its_model(version: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """The version's answer with `modelId` and `model`, taken from the model's answer where it lacks them."""
    said = version.get("model")
    owner = {name: model[name] for name in _OF_THE_MODEL if name in model} | (said if isinstance(said, dict) else {})
    number = version.get("modelId") or model.get("id")
    return {**version, **({"modelId": number} if number else {}), **({"model": owner} if owner else {})}
