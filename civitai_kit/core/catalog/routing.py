"""Where a model belongs: its category in the catalog and its folder, by type and base model; one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Route(NamedTuple):
    """A category of the catalog, and the folder below the models' folder."""

    category: str
    dest: str


# Every type of the site (site.md 10.1); settings can add to it and change it.
PLACES: Mapping[str, Route] = {
    "Checkpoint": Route("checkpoints", "checkpoints"),
    "LORA": Route("loras", "loras"),
    "LoCon": Route("loras", "loras"),
    "DoRA": Route("loras", "loras"),
    "VAE": Route("vae", "vae"),
    "TextualInversion": Route("embeddings", "embeddings"),
    "AestheticGradient": Route("embeddings", "embeddings"),
    "Controlnet": Route("controlnet", "controlnet"),
    "Poses": Route("controlnet", "controlnet"),
    "Upscaler": Route("upscalers", "upscale_models"),
    "Hypernetwork": Route("hypernetworks", "hypernetworks"),
    "MotionModule": Route("animatediff_models", "animatediff_models"),
    "TextEncoder": Route("text_encoders", "text_encoders"),
    "CLIP": Route("text_encoders", "text_encoders"),
    "CLIPVision": Route("clip_vision", "clip_vision"),
    "UNet": Route("diffusion_models", "diffusion_models"),
    "Detection": Route("ultralytics", "ultralytics"),
    "VisionLanguage": Route("llm", "LLM"),
    "LLM": Route("llm", "LLM"),
    "Wildcards": Route("wildcards", "wildcards"),
    "Workflows": Route("workflows", "workflows"),
    "ComfyWorkflows": Route("workflows", "workflows"),
    "Other": Route("other", "other"),
}
_DIFFUSION = Route("diffusion_models", "diffusion_models")

# How the names of the families begin whose checkpoints hold the diffusion model alone (site.md 10.2).
_DIFFUSION_FAMILIES = ("flux", "wan", "hunyuan video", "cogvideo", "ltx")

# In this order: what a lower-case base model holds, and the category of a promoted LoRA.
_PROMOTED = (
    (("wan",), Route("wan_loras", "WAN LoRAs")),
    (("flux",), Route("flux_loras", "Flux LoRAs")),
    (("sdxl", "pony", "illustrious"), Route("sdxl_loras", "SDXL / Pony / Illustrious LoRAs")),
    (("sd 1", "sd1"), Route("sd15_loras", "SD 1.5 LoRAs")),
)


def place_of(model_type: str, base_model: str, extra: Mapping[str, Route] | None = None) -> Route:
    """Where a model goes; a type that nobody knows goes to `other`, never among the checkpoints."""
    place = {**PLACES, **(extra or {})}.get(model_type, PLACES["Other"])
    if model_type == "Checkpoint" and is_diffusion_model(base_model):
        return (extra or {}).get("Checkpoint", _DIFFUSION)
    return place


def routes_of(rows: Iterable[str]) -> dict[str, Route]:
    """What settings say of types: rows of `Type=category/folder`."""
    split = (row.partition("=") for row in rows)
    return {model_type: Route(*place.split("/", 1)) for model_type, _, place in split}


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
