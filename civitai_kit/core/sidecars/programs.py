"""What each program keeps in its sidecar of a file (every key and form: the programs' own documents)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from civitai_kit.core.sidecars.about import About, digest, same_tensors, text
from civitai_kit.core.sidecars.html_text import plain_text
from civitai_kit.core.site.version_answer import with_its_model

# -- Civitai Helper -----------------------------------------------------------------------------------------------

_HELPER = "sd_civitai_helper"


def civitai_info(about: About) -> dict[str, Any]:
    if about.said.id is None:
        return {}
    body = with_its_model(about.version, about.model)
    extra = {"description": about.model.get("description"), "tags": about.model.get("tags")}
    owner = {**dict(body.get("model") or {}), **{key: value for key, value in extra.items() if value}}
    return {**body, **({"model": owner} if owner else {})}


def info_to_merge(held: Mapping[str, Any], about: About) -> Mapping[str, Any] | None:
    """One of the same version; of a placeholder what stays once the version is known."""
    if is_placeholder(held):
        return _unmarked(held) if about.said.id is not None else held
    if "modelVersions" in held:  # A whole model, as some programs put there.
        return None
    return held if _agree(held.get("id"), about.said.id) else None


def is_placeholder(held: Mapping[str, Any]) -> bool:
    """Whether it stands for a file that the site did not know."""
    return bool(held.get("skeleton_file") or _helper_of(held).get("skeleton_file"))


def _unmarked(held: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in held.items() if name != "skeleton_file"}
    helper = _helper_of(held)
    if "skeleton_file" in helper:
        kept = {name: value for name, value in helper.items() if name != "skeleton_file"}
        found["extensions"] = {**held["extensions"], _HELPER: kept}
    return found


def _helper_of(held: Mapping[str, Any]) -> Mapping[str, Any]:
    extensions = held.get("extensions")
    found = extensions.get(_HELPER) if isinstance(extensions, dict) else None
    return found if isinstance(found, dict) else {}


# -- A1111, Forge, SD.Next, sd-civitai-browser-neo ----------------------------------------------------------------

_SD_VERSIONS = (("SD 1", "SD1"), ("SD 2", "SD2"), ("SD 3", "SD3"), ("SDXL", "SDXL"))
# What A1111 itself writes; extensions put the site's own name there.
SD_VERSIONS = ("SD1", "SD2", "SD3", "SDXL", "Unknown")
_BUILT_ON_SDXL = ("Pony", "Illustrious", "NoobAI")


def a1111(about: About) -> dict[str, Any]:
    ids = {"modelId": about.model_id, "modelVersionId": about.said.id, "sha256": _upper(about.sha256)}
    return {
        "description": plain_text(text(about.version.get("description")) or text(about.owner.get("description"))),
        "sd version": _sd_version(about.said.base_model or ""),
        "activation text": ", ".join(about.trigger_words),
        "preferred weight": about.by_hand.weight or 0,
        "negative text": about.by_hand.negative,
        "notes": about.by_hand.notes,
        **{name: value for name, value in ids.items() if value is not None},
    }


def a1111_to_merge(held: Mapping[str, Any], about: About) -> Mapping[str, Any] | None:
    """One of the same bytes and version, as far as it says; a whole answer of the site may stand there too."""
    number = held.get("modelVersionId")
    if isinstance(held.get("files"), list):
        number = held.get("id")
    elif isinstance(held.get("modelVersions"), list) and not _agree(held.get("id"), about.model_id):
        return None
    is_same = about.is_of(digest(held.get("sha256"))) and _agree(number, about.said.id)
    return held if is_same else None


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
    is_known = about.said.id is not None
    return {
        "file_name": about.stem,
        "model_name": about.model_name,
        "file_path": about.path,
        "size": about.size,
        "modified": about.modified,
        "sha256": about.sha256,
        "base_model": about.said.base_model,
        "preview_url": about.preview,
        "preview_nsfw_level": levels[0] if levels else None,
        "notes": about.by_hand.notes,
        "from_civitai": True if is_known else None,
        "civitai": {**answer, **({"creator": creator} if isinstance(creator, dict) else {})},
        "tags": about.tags,
        "modelDescription": text(about.owner.get("description")),
        "civitai_deleted": about.is_gone if about.asked_at else None,
        "metadata_source": "civitai_api" if is_known and about.asked_at else None,
        "hash_status": "completed" if about.sha256 else None,
        **({"autov3": about.auto_v3[:12]} if about.auto_v3 else {}),
        **({"model_type": kind} if kind else {}),
        **({"usage_tips": json.dumps({"strength": about.by_hand.weight})} if about.by_hand.weight else {}),
        "last_checked_at": datetime.fromisoformat(about.asked_at).timestamp() if about.asked_at else None,
    }


# What LoRA Manager wants to find where nothing is known.
LM_DEFAULTS = {
    "size": 0,
    "modified": 0,
    "sha256": "",
    "base_model": "Unknown",
    "preview_url": "",
    "preview_nsfw_level": 0,
    "from_civitai": False,
    "civitai_deleted": False,
    "hash_status": "pending",
    "last_checked_at": 0,
}


def lm_to_merge(held: Mapping[str, Any], about: About) -> Mapping[str, Any] | None:
    """One of the same bytes; where that is not known, of the same version."""
    said = digest(held.get("sha256"))
    if said is not None and about.sha256 is not None:
        tensors = text(held.get("autov3")).lower()
        return held if about.is_of(said) or same_tensors(tensors, about.auto_v3) else None
    answer = held.get("civitai")
    number = answer.get("id") if isinstance(answer, dict) else None
    return held if _agree(number, about.said.id) else None


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
        "Nsfw": about.owner.get("nsfw") if isinstance(about.owner.get("nsfw"), bool) else None,
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
        "Source": "Civitai" if about.said.id is not None else "Other",
    }


SM_DEFAULTS = {"Nsfw": False}


def sm_to_merge(held: Mapping[str, Any], about: About) -> Mapping[str, Any] | None:
    """One of the same version and bytes, as far as it says."""
    hashes = held.get("Hashes")
    said = digest(hashes.get("SHA256")) if isinstance(hashes, dict) else None
    return held if _agree(held.get("VersionId"), about.said.id) and about.is_of(said) else None


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


def swarm_to_merge(held: Mapping[str, Any], about: About) -> Mapping[str, Any] | None:
    """Whichever is there: it does not say whose it is."""
    return held


def _agree(one: object, other: object) -> bool:
    """Whether two ids or digests are the same, or one of them is not known."""
    return not one or not other or one == other


def _upper(digest: str | None) -> str | None:
    return digest.upper() if digest else None
