"""Equal model files of a library, and links in the place of those that are there more than once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from civitai_kit.core.errors import DiskError, Interrupted
from civitai_kit.core.events import Emit, Saved
from civitai_kit.core.library.duplicates import Group, duplicates_list, groups_of
from civitai_kit.core.library.model_file import Whereabouts
from civitai_kit.services.library.ports import LibraryParts

DUPLICATES_LIST = "duplicate_models.txt"


@dataclass(frozen=True, slots=True)
class Linked:
    """What came of linking: the paths that are links now, the bytes that were freed, and what went wrong."""

    paths: tuple[str, ...]
    bytes: int
    errors: tuple[DiskError, ...]


def find_duplicates(parts: LibraryParts) -> list[Group]:
    """The groups among the files that are there and untouched since they were hashed, the largest first."""
    here = (file for file in parts.files() if parts.whereabouts(file) is Whereabouts.HERE)
    return groups_of(file for file in here if file.stamp is not None and parts.stamp(Path(file.path)) == file.stamp)


def write_list(parts: LibraryParts, groups: Iterable[Group], emit: Emit) -> None:
    """Write `duplicate_models.txt`, or remove it where there are none."""
    text = duplicates_list(groups).encode("utf-8", "surrogateescape")
    if not text:
        parts.tree.remove(DUPLICATES_LIST)
    elif parts.tree.read(DUPLICATES_LIST) != text:
        parts.tree.write(DUPLICATES_LIST, text)
        emit(Saved(DUPLICATES_LIST))


def link_duplicates(parts: LibraryParts, groups: Iterable[Group]) -> Linked:
    """Put links in the place of the others; each pair is compared byte by byte first.

    A file that cannot be linked stays as it is, with an error. Raises Interrupted when stopped.
    """
    done: list[str] = []
    freed = 0
    errors: list[DiskError] = []
    for group in groups:
        for other in group.others:
            if parts.stop.is_set():
                raise Interrupted("Stopped before every file was linked.", hint="Run it again to go on.")
            try:
                parts.link_equal(Path(group.kept), Path(other))
            except DiskError as error:
                error.path = error.path or other
                errors.append(error)
                continue
            done.append(other)
            freed += group.size
            _restamp(parts, other)
    return Linked(tuple(done), freed, tuple(errors))


def _restamp(parts: LibraryParts, path: str) -> None:
    """The file is another one now, with the same bytes: it need not be read again."""
    old = parts.store.library_file(f"{parts.output.as_posix()}\n{path}")
    stamp = parts.stamp(Path(path))
    if old is None or old.stamp is None or stamp is None:
        return
    digests = parts.store.cached_digests(old.stamp)
    if digests is not None:
        parts.store.remember_digests(stamp, digests)
    parts.store.put_library_files([replace(old, stamp=stamp)])
