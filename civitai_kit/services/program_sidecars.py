"""Sidecars of other programs beside model files: written from what is known, and read where the site knows nothing.

A sidecar that is there is merged; one that is broken, or of another model, is left as it is and told. A preview is a
copy of the library's, and comes only where no program shows another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError
from civitai_kit.core.events import Warned
from civitai_kit.core.library.model_file import MODEL_ENDINGS, usual_first
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.sidecars.about import About, read_object
from civitai_kit.core.sidecars.formats import FORMATS
from civitai_kit.core.sidecars.merging import Format, NotMerged, merged_sidecar, sidecar_of, stem_beside
from civitai_kit.core.sidecars.reading import about_from

# What programs look for a picture by, in about the order of most of them.
_MIDDLES = (".preview", "", ".thumb")
_ENDINGS = ("png", "jpg", "jpeg", "webp", "gif", "avif", "jxl", "mp4", "webm")


class Beside(Protocol):
    """The files beside model files; paths are as the model's own is said."""

    def read_beside(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none; raises DiskError when it cannot be read."""

    def write_beside(self, path: str, content: bytes) -> None:
        """Write a file atomically, through no link; raises DiskFull or NotWritable."""

    def copy_beside(self, source: Path, path: str) -> None:
        """Put a copy of a picture where nothing is; raises DiskError."""

    def is_beside(self, path: str) -> bool:
        """Whether anything has this name, be it a link that leads nowhere."""


def preview_beside(beside: Beside, path: str) -> str | None:
    """The picture beside a model file that programs would show; None where there is none."""
    stem = stem_beside(path)
    names = (f"{stem}{middle}.{ending}" for middle in _MIDDLES for ending in _ENDINGS)
    return next((name for name in names if beside.is_beside(name)), None)


def owner_beside(beside: Beside, path: str) -> str:
    """Whose the sidecars of a model file's stem are: of several files that share it, the most usual format's."""
    stem = stem_beside(path)
    mine, _ = usual_first(path)
    better = (f"{stem}{ending}" for ending in MODEL_ENDINGS[:mine])
    return next((other for other in better if beside.is_beside(other)), path)


def not_its_sidecars(path: str, owner: str) -> Warned:
    """Why a model file gets no sidecars."""
    return Warned(f"{path}: the sidecars of that name are those of {owner}.")


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
    beside: Beside, about: About, formats: tuple[Format, ...]
) -> tuple[list[str], list[CivitaiKitError]]:
    """Write sidecars of some formats; gives the paths written, and an error for each that was not."""
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
    return written, errors


def read_sidecars(beside: Beside, path: str, digests: Digests) -> Iterator[tuple[Format, About]]:
    """What the sidecars beside a file say of it, those with a whole answer first; broken ones are passed over."""
    for form in FORMATS.values():
        try:
            held = read_object(beside.read_beside(sidecar_of(path, form)))
        except (ValueError, CivitaiKitError):
            continue
        about = about_from(form, held, path, digests.sha256, digests.auto_v3) if held else None
        if about is not None:
            yield form, about
