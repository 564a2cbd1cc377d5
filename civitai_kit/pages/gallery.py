"""The pictures and clips of a model's page, each with its prompt and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.paths.media_endings import SOUNDS
from civitai_kit.core.site.reading import integer, objects, text
from civitai_kit.pages.card import is_clip
from civitai_kit.pages.facts import MATURE, ModelFacts, level_of, meta_of, said_of

_PROMPT, _NEGATIVE = "prompt", "negativePrompt"
# How the site's keys are written where these settings are usually read, in this order.
_SETTINGS = {
    "steps": "Steps",
    "sampler": "Sampler",
    "Schedule type": "Schedule type",
    "cfgScale": "CFG scale",
    "Distilled CFG Scale": "Distilled CFG Scale",
    "seed": "Seed",
    "Size": "Size",
    "Model": "Model",
    "Model hash": "Model hash",
    "clipSkip": "Clip skip",
    "Denoising strength": "Denoising strength",
    "denoise": "Denoise",
}
_MOST_SETTINGS, _LONGEST_SETTING = 40, 300
_WIDEST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A preview: its file's `name`, how it is shown, and how it was made. `settings` are pairs of name and value."""

    name: str
    is_clip: bool
    is_sound: bool
    is_mature: bool
    width: int | None
    height: int | None
    prompt: str
    negative: str
    settings: tuple[tuple[str, str], ...]
    resources: tuple[str, ...]

    @property
    def parameters(self) -> str:
        """Prompt and settings in the form that generators read back from a picture."""
        negative = f"Negative prompt: {self.negative}" if self.negative else ""
        line = ", ".join(f"{name}: {value}" for name, value in self.settings)
        return "\n".join(part for part in (self.prompt, negative, line) if part)


def shots_of(facts: ModelFacts) -> tuple[Shot, ...]:
    """The previews in their order."""
    return tuple(_shot(facts, preview.name, said_of(facts, preview)) for preview in facts.kept.previews)


def _shot(facts: ModelFacts, name: str, said: Mapping[str, Any]) -> Shot:
    meta = meta_of(said)
    level = level_of(said)
    return Shot(
        name=name,
        is_clip=is_clip(name),
        is_sound=name.lower().endswith(SOUNDS),
        is_mature=level >= MATURE if level else facts.is_mature,
        width=_length(said.get("width")),
        height=_length(said.get("height")),
        prompt=(text(meta.get(_PROMPT)) or "").strip(),
        negative=(text(meta.get(_NEGATIVE)) or "").strip(),
        settings=tuple(_settings(meta)),
        resources=tuple(_resources(meta)),
    )


def _settings(meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    others = (key for key in meta if key not in _SETTINGS and key not in (_PROMPT, _NEGATIVE))
    said = 0
    for key in (*_SETTINGS, *others):
        value = _written(meta.get(key))
        if value and said < _MOST_SETTINGS:
            said += 1
            yield _SETTINGS.get(key, text(key) or ""), value


def _written(value: Any) -> str:
    """A setting as text; empty for what is none, as a workflow or a list of resources."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    said = text(value) or ""
    return said.strip() if len(said) <= _LONGEST_SETTING else ""


def _resources(meta: Mapping[str, Any]) -> Iterator[str]:
    """`name (type, weight)` of each resource that is named."""
    for key, name_key in (("resources", "name"), ("additionalResources", "name"), ("civitaiResources", "modelName")):
        for resource in objects(meta.get(key))[:_MOST_SETTINGS]:
            name = text(resource.get(name_key))
            said = (_written(resource.get(part)) for part in ("type", "weight", "strength"))
            details = ", ".join(part for part in said if part)
            if name:
                yield f"{name} ({details})" if details else name


def _length(value: Any) -> int | None:
    number = integer(value)
    return number if number is not None and 0 < number < _WIDEST else None
