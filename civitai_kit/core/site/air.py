"""AIR, the site's name for a resource: `urn:air:{ecosystem}:{type}:{source}:{id}[@{version}][+{file}][.{format}]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from civitai_kit.core.site.base_models import ecosystem_of

# How AIRs write model types; every other type is `unknown` there (site.md 11).
TYPES: dict[str, str] = {
    "Checkpoint": "checkpoint",
    "LORA": "lora",
    "LoCon": "lycoris",
    "DoRA": "dora",
    "TextualInversion": "embedding",
    "Hypernetwork": "hypernet",
    "AestheticGradient": "ag",
    "MotionModule": "motion",
    "VAE": "vae",
    "Controlnet": "controlnet",
    "Upscaler": "upscaler",
    "TextEncoder": "text_encoders",
    "UNet": "unet",
    "CLIPVision": "clipvision",
    "CLIP": "clip",
    "VisionLanguage": "visionlanguage",
}
# The type of the primary file says more than the model's where it is one of these.
_FILE_TYPES = {"Diffusion Model": "diffusionmodel", "UNet": "unet"}
_AIR = (
    r"(?:urn:)?(?:air:)?(?:(?P<ecosystem>[\w/-]+):)?(?:(?P<type>[\w/-]+):)?(?P<source>[\w/-]+):"
    r"(?P<id>[\w./-]+)(?:@(?P<version>[\w./-]+))?(?:\+(?P<file>[0-9]+))?(?:\.(?P<format>[\w-]+))?"
)


@dataclass(frozen=True, slots=True)
class Air:
    """The parts of an AIR as written; for the source `civitai`, `id` is the model's and `version` the version's."""

    source: str
    id: str
    version: str | None = None
    file_id: str | None = None
    ecosystem: str | None = None
    type: str | None = None
    format: str | None = None


def parse_air(text: str) -> Air | None:
    """The parts of an AIR; None for what is none. `urn:`, `air:`, ecosystem and type may be left out.

    As on the site, a single word before the source is the ecosystem, and a `.format` that does not follow a file
    stays with the id or version, which may have dots themselves.
    """
    found = re.fullmatch(_AIR, text, re.ASCII | re.IGNORECASE)
    if found is None:
        return None
    return Air(
        source=found["source"].lower(),
        id=found["id"],
        version=found["version"],
        file_id=found["file"],
        ecosystem=found["ecosystem"],
        type=found["type"],
        format=found["format"],
    )


def air_of(
    *,
    base_model: str,
    model_type: str,
    model_id: int,
    version_id: int,
    file_id: int | None = None,
    primary_file_type: str | None = None,
) -> str:
    """The AIR of a version (or of one of its files), as the site writes it today."""
    kind = _FILE_TYPES.get(primary_file_type or "") or TYPES.get(model_type, "unknown")
    file = "" if file_id is None else f"+{file_id}"
    return f"urn:air:{ecosystem_of(base_model)}:{kind}:civitai:{model_id}@{version_id}{file}"
