"""The sidecars of a library's files: written from its tree, read as a source of what the site does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError
from civitai_kit.core.library.header_words import trigger_words
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.model_file import MatchedBy
from civitai_kit.core.paths.media_endings import CLIPS, STILLS
from civitai_kit.core.sidecars.about import About
from civitai_kit.core.sidecars.merging import Format, stem_beside
from civitai_kit.core.site.models import ModelVersion
from civitai_kit.services.library.keep import read_object
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.program_sidecars import preview_beside, read_sidecars, write_sidecars

# So many previews of a file are looked at for one that every program can show.
_PREVIEWS = 4


def write_for(
    parts: LibraryParts, found: Identified, formats: tuple[Format, ...]
) -> tuple[list[str], list[CivitaiKitError]]:
    """Write a file's sidecars from what is kept of it, with a preview; see `write_sidecars`."""
    stem = f"{found.file.folder}/{found.file.folder}"
    shown = preview_beside(parts.beside, found.file.path)
    copied: list[str] = []
    failed: list[CivitaiKitError] = []
    if shown is None and (kept := _preview_of(parts, stem)) is not None:
        place = f"{stem_beside(found.file.path)}.preview{kept.suffix}"
        try:
            parts.beside.copy_beside(kept, place)
            copied, shown = [place], place
        except CivitaiKitError as error:
            if error.code in ENDS_RUN:
                raise
            failed = [error]
    written, errors = write_sidecars(parts.beside, _about(parts, found, stem, shown), formats)
    return copied + written, failed + errors


def _about(parts: LibraryParts, found: Identified, stem: str, preview: str | None) -> About:
    stamp = found.file.stamp
    header = found.header or read_object(parts, f"{stem}_metadata.json") or {}
    return About(
        path=found.file.path,
        size=found.size,
        modified=stamp.mtime_ns / 1e9 if stamp is not None else None,
        sha256=found.digests.sha256,
        blake3=found.digests.blake3,
        crc32=found.digests.crc32,
        auto_v3=found.digests.auto_v3,
        version=found.version or read_object(parts, f"{stem}_civitai_model_version.json") or {},
        model=_without_versions(found.model or read_object(parts, f"{stem}_civitai_model.json") or {}),
        words=trigger_words({key: value for key, value in header.items() if isinstance(value, str)}),
        preview=preview,
        is_gone=found.file.site_state is not None,
        asked_at=found.file.asked_at,
        now=parts.now().isoformat(timespec="seconds"),
    )


def _preview_of(parts: LibraryParts, stem: str) -> Path | None:
    """The first of the kept previews that is a still picture, which is all that most programs show; else a clip."""
    for ending, number in (*product(STILLS, range(_PREVIEWS)), *product(CLIPS, range(1))):
        path = f"{stem}_preview_{number}{ending}"
        if parts.tree.size(path):
            return parts.tree.locate(path)
    return None


def _without_versions(model: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in model.items() if name != "modelVersions"}


def known_from_sidecars(parts: LibraryParts, found: Identified) -> Identified:
    """A file that the site does not know, as a sidecar beside it has it now; no proof, and said to be none."""
    if found.file.matched_by is MatchedBy.SIDECAR:
        unknown = replace(found.file, version_id=None, model_id=None, file_id=None, matched_by=None, site_state=None)
        found = replace(found, file=unknown)
    for _, about in read_sidecars(parts.beside, found.file.path, found.digests):
        said: ModelVersion = about.said
        if said.id is None:
            continue
        file = about.file
        known = replace(
            found.file,
            version_id=said.id,
            model_id=about.model_id,
            file_id=None if file is None else file.id,
            matched_by=MatchedBy.SIDECAR,
            site_state="gone",
        )
        # What another program pieced together is no answer of the site; one with files is, where none is kept.
        is_answer = isinstance(about.version.get("files"), list)
        kept = f"{found.file.folder}/{found.file.folder}_civitai_model_version.json"
        version = about.version if is_answer and parts.tree.size(kept) is None else None
        return replace(found, file=known, version=version)
    return found
