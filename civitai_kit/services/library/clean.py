"""Removes from a library what was made for files that are gone; never a model, and nothing that others made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from civitai_kit.core.errors import CivitaiKitError, DiskError, Interrupted
from civitai_kit.core.events import Emit
from civitai_kit.core.library.model_file import LibraryFile, Whereabouts
from civitai_kit.services.library.keep import LibraryTree, no_pictures
from civitai_kit.services.library.ports import LibraryParts

# What is made for one file, behind the folder's name.
_OURS = re.compile(
    r"(?:_metadata|_hash|_civitai_model_version|_civitai_model|_preview_\d+)\.json|_preview_\d+\.[a-z0-9]{2,5}|\.html"
)


@dataclass(frozen=True, slots=True)
class GoneModel:
    """A file of a library that is gone, with what lies there for it (paths under the library) and its bytes."""

    file: LibraryFile
    paths: tuple[str, ...]
    size: int


@dataclass
class Cleaned:
    """What was removed: paths under the library and their bytes; `forgotten` files, and what went wrong."""

    removed: list[str] = field(default_factory=list)
    size: int = 0
    forgotten: list[str] = field(default_factory=list)
    errors: list[CivitaiKitError] = field(default_factory=list)


def leftovers(parts: LibraryParts) -> Iterator[GoneModel]:
    """The files that are gone. One whose place is missing or empty may only be offline, and is left alone."""
    states = [(file, parts.whereabouts(file)) for file in parts.files()]
    held = {file.folder for file, where in states if where is not Whereabouts.GONE}
    for file, where in states:
        if where is Whereabouts.GONE:
            # A folder that another file has as well stays.
            listed = () if file.folder in held else parts.tree.walk(file.folder)
            found = [one for one in listed if _is_ours(file.folder, one.path.name)]
            paths = [path for one in found if (path := parts.tree.relative(one.path)) is not None]
            yield GoneModel(file, tuple(paths), sum(one.size for one in found))


def clean_library(parts: LibraryParts, plan: Iterable[GoneModel], emit: Emit) -> Cleaned:
    """Remove what a plan names, then forget the files; what cannot be removed stays, with an error."""
    done = Cleaned()
    for left in plan:
        if parts.stop.is_set():
            done.errors.append(Interrupted("Stopped before all was removed.", hint="Run it again to go on."))
            break
        if _remove(parts, left, done):
            parts.store.delete_library_files([left.file.key])
            done.forgotten.append(left.file.path)
    if done.forgotten:
        LibraryTree(parts, no_pictures, 0, emit).write_lists()
    return done


def _remove(parts: LibraryParts, left: GoneModel, done: Cleaned) -> bool:
    whole = True
    for path in left.paths:
        size = parts.tree.size(path) or 0
        try:
            if parts.tree.remove(path):
                done.removed.append(path)
                done.size += size
        except DiskError as error:
            done.errors.append(error)
            whole = False
    if left.paths:
        parts.tree.remove_empty_parents(left.paths[0])
    return whole


def _is_ours(folder: str, name: str) -> bool:
    return name.startswith(folder) and _OURS.fullmatch(name.removeprefix(folder)) is not None
