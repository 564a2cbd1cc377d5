"""What each program keeps in its sidecar of a file (every key and form: the programs' own documents)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from civitai_kit.core.sidecars.about import About, text
from civitai_kit.core.site.version_answer import with_its_model

# -- Civitai Helper -----------------------------------------------------------------------------------------------


def civitai_info(about: About) -> dict[str, Any]:
    body = with_its_model(about.version, about.model) if about.version else {}
    extra = {"description": about.model.get("description"), "tags": about.model.get("tags")}
    owner = {**dict(body.get("model") or {}), **{key: value for key, value in extra.items() if value}}
    return {**body, **({"model": owner} if owner else {})}


def same_version(held: Mapping[str, Any], about: About) -> bool:
    """Of the same version; some programs put a whole model there, and placeholders have no id."""
    number = held.get("id")
    return "modelVersions" not in held and (number in (None, about.said.id) or bool(held.get("skeleton_file")))


# -- A1111, Forge, SD.Next, sd-civitai-browser-neo ----------------------------------------------------------------

_SD_VERSIONS = (("SD 1", "SD1"), ("SD 2", "SD2"), ("SD 3", "SD3"), ("SDXL", "SDXL"))
_BUILT_ON_SDXL = ("Pony", "Illustrious", "NoobAI")


def a1111(about: About) -> dict[str, Any]:
    return {
        "description": plain_text(text(about.version.get("description")) or text(about.owner.get("description"))),
        "sd version": _sd_version(about.said.base_model or ""),
        "activation text": ", ".join(about.trigger_words),
        "preferred weight": 0,
        "negative text": "",
        "notes": "",
        "modelId": about.model_id,
        "modelVersionId": about.said.id,
        "sha256": about.sha256.upper() if about.sha256 else None,
    }


def _sd_version(base_model: str) -> str:
    if base_model in _BUILT_ON_SDXL:
        return "SDXL"
    return next((short for begin, short in _SD_VERSIONS if base_model.startswith(begin)), "Unknown")


# -- LoRA Manager -------------------------------------------------------------------------------------------------

_SUB_TYPES = {"Checkpoint": "checkpoint", "TextualInversion": "embedding"}


def lora_manager(about: About) -> dict[str, Any]:
    answer = with_its_model(about.version, about.model) if about.version else {}
    creator = about.model.get("creator")
    levels = [image.nsfw_level for image in about.said.images if isinstance(image.nsfw_level, int)]
    kind = _SUB_TYPES.get(text(about.owner.get("type")))
    return {
        "file_name": about.stem,
        "model_name": about.model_name,
        "file_path": about.path,
        "size": about.size,
        "modified": about.modified,
        "sha256": about.sha256 or "",
        "base_model": about.said.base_model or "Unknown",
        "preview_url": about.preview or "",
        "preview_nsfw_level": levels[0] if levels else 0,
        "notes": "",
        "from_civitai": bool(about.version),
        "civitai": {**answer, **({"creator": creator} if isinstance(creator, dict) else {})},
        "tags": about.tags,
        "modelDescription": text(about.owner.get("description")),
        "civitai_deleted": about.is_gone,
        "metadata_source": "civitai_api" if about.version else None,
        "hash_status": "completed" if about.sha256 else "pending",
        **({"autov3": about.auto_v3} if about.auto_v3 else {}),
        **({"model_type": kind} if kind else {}),
        "last_checked_at": datetime.fromisoformat(about.now).timestamp(),
    }


def same_file(held: Mapping[str, Any], about: About) -> bool:
    """Of the same bytes, as far as both say."""
    sha256 = text(held.get("sha256")).lower()
    return not sha256 or about.sha256 is None or sha256 == about.sha256


# -- Stability Matrix ---------------------------------------------------------------------------------------------

_SM_TYPES = [
    "Checkpoint",
    "TextualInversion",
    "Hypernetwork",
    "DoRA",
    "LORA",
    "Controlnet",
    "LoCon",
    "VAE",
    "AestheticGradient",
    "MotionModule",
    "Poses",
    "Upscaler",
    "Wildcards",
    "Workflows",
]
_SM_FORMATS = {"SafeTensor": "SafeTensor", "PickleTensor": "PickleTensor", "Diffusers": "Diffusers", "GGUF": "GGUF"}


def stability_matrix(about: About) -> dict[str, Any]:
    file = about.file
    kind = text(about.owner.get("type"))
    stats = about.version.get("stats")
    return {
        "ModelId": about.model_id,
        "ModelName": about.model_name,
        "ModelDescription": text(about.owner.get("description")),
        "Nsfw": about.owner.get("nsfw") is True,
        "Tags": about.tags,
        "ModelType": kind if kind in _SM_TYPES else "Other" if kind else "Unknown",
        "VersionId": about.said.id,
        "VersionName": about.said.name or "",
        "VersionDescription": about.version.get("description"),
        "AuthorUsername": about.creator,
        "BaseModel": about.said.base_model,
        "RemoteFileName": file.name if file else None,
        "RemoteFileId": file.id if file else None,
        "FileMetadata": {
            "fp": file.metadata.fp if file else None,
            "size": file.metadata.size if file else None,
            "format": _SM_FORMATS.get(file.metadata.format or "", "Other" if file else "Unknown")
            if file
            else "Unknown",
        },
        "ImportedAt": about.now,
        "Hashes": {"SHA256": _upper(about.sha256), "CRC32": _upper(about.crc32), "BLAKE3": _upper(about.blake3)},
        "TrainedWords": list(about.trigger_words),
        "Stats": stats if isinstance(stats, dict) else None,
        "UserTitle": None,
        "ThumbnailImageUrl": None,
        "InferenceDefaults": None,
        "Source": "Civitai" if about.version else "Other",
    }


def same_sm_version(held: Mapping[str, Any], about: About) -> bool:
    return held.get("VersionId") in (None, about.said.id)


# -- SwarmUI ------------------------------------------------------------------------------------------------------


def swarm(about: About) -> dict[str, Any]:
    said = about.said
    return {
        "modelspec.title": f"{about.model_name} {said.name or ''}".strip(),
        "modelspec.description": plain_text(text(about.owner.get("description"))),
        "modelspec.date": (said.published_at or "")[:10],
        "modelspec.author": about.creator or "",
        "modelspec.trigger_phrase": "; ".join(about.trigger_words),
        "modelspec.tags": ", ".join(about.tags),
        "modelspec.usage_hint": said.base_model or "",
    }


def always(held: Mapping[str, Any], about: About) -> bool:
    return True


def _upper(digest: str | None) -> str | None:
    return digest.upper() if digest else None


def plain_text(html: str) -> str:
    """A description without its tags: paragraphs and line breaks become lines."""
    words = _Words()
    words.feed(html)
    words.close()
    lines = (" ".join(line.split()) for line in "".join(words.parts).splitlines())
    return "\n".join(line for line in lines if line)


class _Words(HTMLParser):
    """Gathers what stands between tags."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._is_code = self._is_code and tag not in ("script", "style")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_code = self._is_code or tag in ("script", "style")
        if tag in ("br", "p", "li", "div", "h1", "h2", "h3"):
            self.parts.append("\n")
