"""Where things go under the save path: models, sidecars, model info, images; and no two items on one path."""

from __future__ import annotations

import re
from itertools import count

from civitai_kit.core.paths.file_names import file_names, sidecar_path
from civitai_kit.core.paths.relative_paths import checked_relative, path_key
from civitai_kit.core.paths.safe_names import safe_name, slug, with_mark
from civitai_kit.core.paths.template import DEFAULT_TEMPLATE, SLUG_LIMITS, Template, fits
from civitai_kit.core.site.models import Model, ModelVersion

__all__ = [
    "DEFAULT_TEMPLATE",
    "ClaimedPaths",
    "Template",
    "checked_relative",
    "file_names",
    "image_name",
    "model_folder",
    "model_image_path",
    "model_info_path",
    "path_key",
    "safe_name",
    "sidecar_path",
    "slug",
    "version_image_path",
]

_LONGEST_IMAGE = "images/2147483647/2147483647.jpeg"


def model_folder(model: Model) -> str:
    """`{type}/{base_model}/{model_name}`, the base model being that of the first version in the site's order."""
    return _model_paths(model)[0]


def model_info_path(model: Model) -> str:
    """Where a model's own JSON goes: `{type}/{base_model}/{model_name}/{model_id}-{model_slug}.json`."""
    return _model_paths(model)[1]


def model_image_path(model: Model, version: ModelVersion, image_id: int, ext: str) -> str:
    """Where `--model-images` goes: `{type}/{base_model}/{model_name}/images/{version_id}/{image_id}.ext`."""
    number = "unknown_version_id" if version.id is None else version.id
    return f"{model_folder(model)}/images/{number}/{image_name(image_id, ext)}"


def version_image_path(file_path: str, image_id: int, ext: str) -> str:
    """Where `--version-images` goes: `images/<image_id>.<ext>` beside the model file."""
    folder, slash, _ = file_path.rpartition("/")
    return f"{folder}{slash}images/{image_name(image_id, ext)}"


def image_name(image_id: int, ext: str) -> str:
    """`<image_id>.<ext>`; `ext` with or without its dot, JPEG always `jpeg`, none where it is no extension."""
    plain = ext.lower().lstrip(".")
    if not re.fullmatch(r"[a-z0-9]{1,5}", plain):
        return f"{image_id}"
    return f"{image_id}.{'jpeg' if plain in ('jpg', 'jpe', 'jfif') else plain}"


class ClaimedPaths:
    """The paths of one plan: whoever claims a path second gets another one."""

    def __init__(self) -> None:
        self._items: set[str] = set()
        self._sidecars: set[str] = set()

    def claim(self, path: str, file_id: int | None) -> str:
        """The path, or the path with `_<file id>`, then `_<n>`, before the extension when it is taken.

        Taken is what a file system would take for a path claimed before, or for its sidecar, and a path whose
        own sidecar would lie on one claimed before.
        """
        marks = [] if file_id is None else [f"{file_id}"]
        folder, slash, name = path.rpartition("/")
        numbered = (f"{folder}{slash}{with_mark(name, '_'.join((*marks, str(n))))}" for n in count(2))
        candidates = [path, *(f"{folder}{slash}{with_mark(name, mark)}" for mark in marks)]
        free = next((candidate for candidate in candidates if self._is_free(candidate)), None)
        claimed = free or next(candidate for candidate in numbered if self._is_free(candidate))
        self._items.add(path_key(claimed))
        self._sidecars.add(path_key(sidecar_path(claimed)))
        return claimed

    def _is_free(self, path: str) -> bool:
        key = path_key(path)
        taken = key in self._items or key in self._sidecars
        return not taken and path_key(sidecar_path(path)) not in self._items


def _model_paths(model: Model) -> tuple[str, str]:
    """Folder and info path of a model, their slugs cut only where the paths would be too long."""
    first = model.versions[0] if model.versions else ModelVersion()
    number = "unknown_model_id" if model.id is None else model.id
    parts = {"type": model.type, "base_model": first.base_model, "model_name": model.name}
    folder = info = ""
    for limit in SLUG_LIMITS:
        folder = "/".join(slug(value or "", f"unknown_{name}", limit=limit) for name, value in parts.items())
        info = f"{folder}/{number}-{slug(model.name or '', 'unknown_model_slug', limit=limit)}.json"
        if fits(info) and fits(f"{folder}/{_LONGEST_IMAGE}"):
            break
    return folder, info
