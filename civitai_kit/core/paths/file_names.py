"""The names of a version's files, decided from its whole file list: the same from run to run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from civitai_kit.core.paths.our_names import OUR_ENDINGS
from civitai_kit.core.paths.relative_paths import path_key
from civitai_kit.core.paths.safe_names import safe_name, split_extension, with_mark

if TYPE_CHECKING:
    from civitai_kit.core.site.models import ModelFile, ModelVersion

# Leaves room in one component for what a template puts before the name, `{version_id}_` above all.
LONGEST_FILE_NAME = 200


def file_names(version: ModelVersion, *, limit: int = LONGEST_FILE_NAME) -> dict[int | None, str]:
    """File id → final file name, for every file of a version, each at most `limit` bytes of UTF-8.

    Files whose names a file system would take for one all get `_<file id>` before the extension, and so does
    a `.json` file that would lie where another file's sidecar goes.
    """
    names = {file.id: _own_name(file, limit) for file in version.files}
    marked: set[int | None] = {None}
    while clashing := _clashing(names, marked):
        names.update({file_id: with_mark(names[file_id], f"{file_id}", limit=limit) for file_id in clashing})
        marked |= clashing
    return names


def file_name_of(version: ModelVersion, file: ModelFile, *, limit: int = LONGEST_FILE_NAME) -> str:
    """The final name of one file, of this version or (a linked component) of another."""
    named = file_names(version, limit=limit).get(file.id) if file.id is not None else None
    return named or _own_name(file, limit)


def sidecar_path(file_path: str) -> str:
    """Where a model file's JSON goes: `<stem>.json` beside it, `<file name>.json` for one that is JSON itself."""
    folder, slash, name = file_path.rpartition("/")
    stem, extension = split_extension(name)
    kept = name if not stem or extension.lower() == ".json" else stem
    return f"{folder}{slash}{kept}.json"


def _own_name(file: ModelFile, limit: int) -> str:
    name = safe_name(file.name or "", "unknown_file_name", limit=limit - 1)
    return f"{name}_" if name.lower().endswith(OUR_ENDINGS) else name


def _clashing(names: dict[int | None, str], marked: set[int | None]) -> set[int | None]:
    """The files, none of them marked yet, that a mark would set apart from others."""
    keys = {file_id: path_key(name) for file_id, name in names.items()}
    sidecars = {file_id: path_key(sidecar_path(name)) for file_id, name in names.items()}
    counts, taken = Counter(keys.values()), set(sidecars.values())
    clashing = {file_id for file_id, key in keys.items() if counts[key] > 1 or key in taken} - marked
    if clashing:
        return clashing
    # A marked file still lies on a sidecar: now the file whose sidecar it is gives way.
    return {file_id for file_id, sidecar in sidecars.items() if sidecar in counts} - marked
