"""Where a model belongs: its category in the catalog and its folder, by type and base model; one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """A category of the catalog, and the folder below the models' folder."""

    category: str
    dest: str


# Every type of the site (site.md 10.1); settings can add to it and change it.
PLACES: Mapping[str, Place] = {
    "Checkpoint": Place("checkpoints", "checkpoints"),
    "LORA": Place("loras", "loras"),
    "LoCon": Place("loras", "loras"),
    "DoRA": Place("loras", "loras"),
    "VAE": Place("vae", "vae"),
    "TextualInversion": Place("embeddings", "embeddings"),
    "AestheticGradient": Place("embeddings", "embeddings"),
    "Controlnet": Place("controlnet", "controlnet"),
    "Poses": Place("controlnet", "controlnet"),
    "Upscaler": Place("upscalers", "upscale_models"),
    "Hypernetwork": Place("hypernetworks", "hypernetworks"),
    "MotionModule": Place("animatediff_models", "animatediff_models"),
    "TextEncoder": Place("text_encoders", "text_encoders"),
    "CLIP": Place("text_encoders", "text_encoders"),
    "CLIPVision": Place("clip_vision", "clip_vision"),
    "UNet": Place("diffusion_models", "diffusion_models"),
    "Detection": Place("ultralytics", "ultralytics"),
    "VisionLanguage": Place("llm", "LLM"),
    "LLM": Place("llm", "LLM"),
    "Wildcards": Place("wildcards", "wildcards"),
    "Workflows": Place("workflows", "workflows"),
    "ComfyWorkflows": Place("workflows", "workflows"),
    "Other": Place("other", "other"),
}
_DIFFUSION = Place("diffusion_models", "diffusion_models")

# How the names of the families begin whose checkpoints hold the diffusion model alone (site.md 10.2).
_DIFFUSION_FAMILIES = ("flux", "wan", "hunyuan video", "cogvideo", "ltx")

# In this order: what a lower-case base model holds, and the category of a promoted LoRA.
_PROMOTED = (
    (("wan",), Place("wan_loras", "WAN LoRAs")),
    (("flux",), Place("flux_loras", "Flux LoRAs")),
    (("sdxl", "pony", "illustrious"), Place("sdxl_loras", "SDXL / Pony / Illustrious LoRAs")),
    (("sd 1", "sd1"), Place("sd15_loras", "SD 1.5 LoRAs")),
)


def place_of(model_type: str, base_model: str, extra: Mapping[str, Place] | None = None) -> Place:
    """Where a model goes; a type that nobody knows goes to `other`, never among the checkpoints."""
    place = {**PLACES, **(extra or {})}.get(model_type, PLACES["Other"])
    if model_type == "Checkpoint" and is_diffusion_model(base_model):
        return (extra or {}).get("Checkpoint", _DIFFUSION)
    return place


def routes_of(rows: Iterable[str]) -> dict[str, Place]:
    """What settings say of types: rows of `Type=category/folder`."""
    split = (row.partition("=") for row in rows)
    return {model_type: Place(*place.split("/", 1)) for model_type, _, place in split}


def is_diffusion_model(base_model: str) -> bool:
    """Whether checkpoints of this base model are diffusion models alone: Flux, Wan, Hunyuan Video, CogVideoX, LTX."""
    return base_model.strip().lower().startswith(_DIFFUSION_FAMILIES)


def promoted_category(base_model: str) -> tuple[str, str]:
    """The id and the name of the category to which a LoRA of this base model is promoted."""
    name = base_model.lower()
    for words, (category, shown) in _PROMOTED:
        if any(word in name for word in words):
            return category, shown
    return "other_loras", "Other LoRAs"


def category_name(category: str) -> str:
    """The name of a category that is new: its id with blanks, in title case."""
    return category.replace("_", " ").title()
