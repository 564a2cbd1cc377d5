"""What files were called before the site told those of one version apart (site.md 7.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from civitai_kit.core.paths.safe_names import split_extension

if TYPE_CHECKING:
    from civitai_kit.core.site.models import ModelFile, ModelVersion


def former_version(version: ModelVersion) -> ModelVersion | None:
    """The version with its files under their former names, None where they may always have had those of today."""
    files = tuple(file.model_copy(update={"name": former_name(file)}) for file in version.files)
    if all(file.name == now.name for file, now in zip(files, version.files, strict=True)):
        return None
    return version.model_copy(update={"files": files})


def former_name(file: ModelFile) -> str | None:
    """A file's name without what may tell it from its twins: its size, fp and quantisation, or its id."""
    stem, extension = split_extension(file.name or "")
    said = (file.metadata.size, file.metadata.fp, file.metadata.quant_type)
    variant = "_".join(re.sub(r"[^A-Za-z0-9]+", "_", word).strip("_") for word in said if word)
    for mark in (variant, f"{file.id}"):
        if mark and stem.endswith(f"_{mark}"):
            return stem.removesuffix(f"_{mark}") + extension
    return file.name
