"""Sidecars of other programs beside model files: written from what is known, and read where the site knows nothing.

A sidecar that is there is merged; one that is broken, or of another model, is left as it is and told. Its preview is a
second name of the library's, and never takes the place of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError
from civitai_kit.core.sidecars.about import About, read_object
from civitai_kit.core.sidecars.formats import FORMATS
from civitai_kit.core.sidecars.merging import Format, NotMerged, merged_sidecar, sidecar_of, stem_beside
from civitai_kit.core.sidecars.reading import about_from

# What programs look for a picture by; the first that is there counts.
_PREVIEWS = tuple(f".preview.{ending}" for ending in ("png", "jpg", "jpeg", "webp", "gif", "mp4", "webm"))


class Beside(Protocol):
    """The files beside model files; paths are as the model's own is said."""

    def read_beside(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none; raises DiskError when it cannot be read."""

    def write_beside(self, path: str, content: bytes) -> None:
        """Write a file atomically; where a link of the user's leads, there. Raises DiskFull or NotWritable."""

    def link_beside(self, source: Path, path: str) -> None:
        """Give a picture a second name, or copy it; raises DiskError, also where something has the name."""

    def is_beside(self, path: str) -> bool:
        """Whether anything has this name, be it a link that leads nowhere."""


def has_preview(beside: Beside, path: str) -> bool:
    """Whether a picture lies beside a model file that programs would show."""
    return any(beside.is_beside(f"{stem_beside(path)}{ending}") for ending in _PREVIEWS)


@dataclass(frozen=True, slots=True)
class SidecarPlan:
    """A sidecar that is to be written: its `path` and `content`; `is_new` where none is there."""

    path: str
    content: bytes
    is_new: bool


def plan_sidecar(beside: Beside, about: About, form: Format) -> SidecarPlan | None:
    """What a sidecar of a file would hold; None where it holds that already.

    Raises NotMerged for one that is not to be touched, DiskError where it cannot be read.
    """
    path = sidecar_of(about.path, form)
    old = beside.read_beside(path)
    try:
        content = merged_sidecar(form, about, old)
    except NotMerged as error:
        why = error.message.rstrip(".")
        hint = "Repair or move it, then run this again."
        raise NotMerged(f"{path} is left as it is: {why}.", hint=hint, path=path) from error
    return None if content is None or content == old else SidecarPlan(path, content, old is None)


def write_sidecars(
    beside: Beside, about: About, formats: tuple[Format, ...], preview: Path | None
) -> tuple[list[str], list[CivitaiKitError]]:
    """Write sidecars of some formats and a preview; gives the paths written, and an error for each that was not."""
    written: list[str] = []
    errors: list[CivitaiKitError] = []
    for form in formats:
        try:
            plan = plan_sidecar(beside, about, form)
            if plan is not None:
                beside.write_beside(plan.path, plan.content)
                written.append(plan.path)
        except CivitaiKitError as error:
            if error.code in ENDS_RUN:
                raise
            error.path = error.path or sidecar_of(about.path, form)
            errors.append(error)
    if preview is not None and not has_preview(beside, about.path):
        path = f"{stem_beside(about.path)}.preview{preview.suffix.lower()}"
        beside.link_beside(preview, path)
        written.append(path)
    return written, errors


def read_sidecars(beside: Beside, path: str, sha256: str | None) -> Iterator[tuple[Format, About]]:
    """What the sidecars beside a file say of it, those with a whole answer first; broken ones are passed over."""
    for form in FORMATS.values():
        try:
            held = read_object(beside.read_beside(sidecar_of(path, form)))
        except (ValueError, CivitaiKitError):
            continue
        about = about_from(form, held, path, sha256) if held else None
        if about is not None:
            yield form, about
