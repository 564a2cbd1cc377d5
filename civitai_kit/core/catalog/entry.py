"""The catalog entry of a version of the site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from civitai_kit.core.catalog.routing import Route, place_of
from civitai_kit.core.errors import UnexpectedReply
from civitai_kit.core.paths.our_names import given_away
from civitai_kit.core.paths.safe_names import safe_name
from civitai_kit.core.site.models import ModelFile, ModelVersion


class NewEntry(NamedTuple):
    """An entry, and the category that it belongs to."""

    category: str
    entry: dict[str, Any]


def restriction_of(version: ModelVersion) -> str | None:
    """Why a version may not be downloaded, in the words of the API; None where it may."""
    if version.usage_control in (None, "", "Download"):
        return None
    return f"This model is {version.usage_control!r} only — download not allowed by the creator"


def primary_file(version: ModelVersion) -> ModelFile:
    """The file that stands for the version: the primary one, else the first. Raises UnexpectedReply without any."""
    if not version.files:
        raise UnexpectedReply(f"The site lists no files for version {version.id}.", version_id=version.id)
    return next((file for file in version.files if file.primary), version.files[0])


def new_entry(version: ModelVersion, extra: Mapping[str, Route] | None = None) -> NewEntry:
    """The entry for a version, as the site answered for it by its id."""
    file = primary_file(version)
    model_type = version.model.type if version.model is not None and version.model.type else ""
    base_model = version.base_model or ""
    place = place_of(model_type, base_model, extra)
    entry: dict[str, Any] = {
        "name": display_name(version, file),
        "file": given_away(safe_name(file.name or "", f"{version.id}.safetensors")),
        "dest": place.dest,
        "source": "civitai",
        "civitai_version_id": version.id,
        "civitai_model_id": version.model_id,
        "civitai_file_id": file.id,
        "size_gb": None if file.size is None else round(file.size / 1e9, 3),
        "base_model": base_model,
        "tags": [],
    }
    downloads = version.stats.get("downloadCount")
    sha256 = file.hashes.raw.get("SHA256")
    parts = {"trigger_words": list(version.trained_words), "downloads": downloads, "hash": sha256}
    return NewEntry(place.category, entry | {name: value for name, value in parts.items() if value})


def display_name(version: ModelVersion, file: ModelFile) -> str:
    """`Model Version [Base FP16]`: the version only where it says something, the bracket only with something in it."""
    model = (version.model.name if version.model is not None else None) or ""
    name = version.name or ""
    shown = model if name.lower() == model.lower() else f"{model} {name}"
    fp = (file.metadata.fp or "").upper()
    about = " ".join(part for part in (version.base_model or "", fp) if part)
    return f"{shown.strip()} [{about}]" if about else shown.strip()
