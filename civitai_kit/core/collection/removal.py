"""What a delete removes: the entries that match, and every path that belongs to one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from civitai_kit.core.collection.entry import Entry, Summary, entry_key, fold
from civitai_kit.core.errors import CivitaiKitError, exit_code_of
from civitai_kit.core.paths.places import path_key, sidecar_path, version_image_path
from civitai_kit.core.site.models import ModelVersion

# A part file, its journal, and the journal while it is written.
PART_ENDINGS = (".part", ".part.json", ".part.tmp")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWish:
    """Which entries to delete: those that any of the criteria means; `queries` look into names, in any case."""

    model_ids: frozenset[int] = frozenset()
    version_ids: frozenset[int] = frozenset()
    usernames: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.model_ids or self.version_ids or self.usernames or self.queries)

    def means(self, summary: Summary) -> bool:
        """Whether an entry is one of those to delete."""
        if summary.version_id in self.version_ids or summary.model_id in self.model_ids:
            return True
        if summary.creator is not None and fold(summary.creator) in map(fold, self.usernames):
            return True
        return any(summary.matches(text) for text in self.queries)


@dataclass(frozen=True, slots=True)
class Belonging:
    """A file on disk that goes with an entry: its `path` relative to the save path, its `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """One entry to delete and what of it is on disk: `models` first, `beside` everything saved beside them.

    `staying` are the absolute paths of its files outside the save path, which no delete removes.
    """

    version_id: int
    model_id: int | None
    model_name: str
    version_name: str
    models: tuple[Belonging, ...] = ()
    beside: tuple[Belonging, ...] = ()
    staying: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its key in the database, `v_<version id>`."""
        return entry_key(self.version_id)

    @property
    def belongings(self) -> tuple[Belonging, ...]:
        """All its files in the order in which they go: what lies beside a model before the model."""
        return (*self.beside, *self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The outcome of a delete, planned or done: `entries` and files that were `removed`, and `failures`."""

    entries: tuple[Doomed, ...] = ()
    removed: tuple[Belonging, ...] = ()
    failures: tuple[CivitaiKitError, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes of all removed files."""
        return sum(each.size for each in self.removed)

    @property
    def exit_code(self) -> int:
        """0, the failure's own code, or 7 when others went."""
        return exit_code_of([error.code for error in self.failures], succeeded=bool(self.entries))

    def as_json(self) -> dict[str, Any]:
        """The `data` of `db delete --json`."""
        return {
            "removed": [each.path for each in self.removed],
            "entries": [each.key for each in self.entries],
            "bytes": self.bytes,
            "staying": [path for each in self.entries for path in each.staying],
        }


def model_paths(entry: Entry) -> Iterator[str]:
    """Where the files of an entry are said to be."""
    yield from dict.fromkeys(record.path for record in entry.files)


def paths_beside(entry: Entry, image_extensions: Iterable[str]) -> Iterator[str]:
    """Every path at which we may have saved something beside an entry's files: sidecars, parts, listed images."""
    paths = [*model_paths(entry)]
    for path in paths:
        yield sidecar_path(path)
        yield from (path + ending for ending in PART_ENDINGS)
    yield from _image_paths(entry, paths, [*image_extensions])


def claimed_paths(summaries: Iterable[Summary]) -> set[str]:
    """The keys (`path_key`) of files and sidecars of entries that stay, which no delete of others may touch."""
    claimed: set[str] = set()
    for summary in summaries:
        for file in summary.files:
            claimed.add(path_key(file.path))
            claimed.add(path_key(sidecar_path(file.path)))
    return claimed


def _image_paths(entry: Entry, paths: Iterable[str], extensions: Iterable[str]) -> Iterator[str]:
    listed = ModelVersion.model_validate(entry.version).images if entry.version else ()
    ids = dict.fromkeys(preview.image_id for preview in listed if preview.image_id is not None)
    for path in {path.rpartition("/")[0]: path for path in paths}.values():
        for image_id in ids:
            yield from (version_image_path(path, image_id, extension) for extension in extensions)
