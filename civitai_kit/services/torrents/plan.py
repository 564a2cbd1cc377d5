"""Which torrents are to be made, and their names; decided from the store, without reading a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from civitai_kit.core.collection.entry import Entry, Status, Summary
from civitai_kit.core.paths.our_names import MAGNET, TORRENT
from civitai_kit.core.paths.safe_names import slug
from civitai_kit.core.site.models import ModelVersion
from civitai_kit.core.torrents.metainfo import common_folder
from civitai_kit.core.torrents.names import apart, torrent_path


class Memory(Protocol):
    """What is asked of the store."""

    def get(self, version_id: int) -> Entry | None:
        """The entry of a version, or None."""

    def summaries(self) -> Iterator[Summary]:
        """What listings show of every entry."""


@dataclass(frozen=True, slots=True)
class TorrentJob:
    """One torrent to make of some versions, at `path` in the folder of torrents; `size` in bytes, as remembered."""

    path: str
    version_ids: tuple[int, ...]
    model_id: int | None
    size: int


def jobs_of(memory: Memory, model_ids: Iterable[int], *, per_model: bool, beside: bool) -> list[TorrentJob]:
    """The torrents of everything the store says is downloaded, or of some models, by rising id.

    `beside` puts each where its files lie, else all in one folder. Names are decided from the whole store, so that
    they are the same whichever models are asked for.
    """
    wanted, found, taken = frozenset(model_ids), _Found({}, {}, {}, {}), set[str]()
    for summary in memory.summaries():
        taken.update(file.path for file in summary.files if beside and file.path.lower().endswith((TORRENT, MAGNET)))
        if any(file.status is Status.DOWNLOADED for file in summary.files):
            found.add(summary, memory, per_model=per_model)
    paths = apart({number: path if beside else path.rpartition("/")[2] for number, path in found.paths.items()}, taken)
    return [
        TorrentJob(path, tuple(found.versions[number]), found.models[number], found.sizes[number])
        for number, path in sorted(paths.items())
        if not wanted or found.models[number] in wanted
    ]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is to go into torrents, grouped by the version or model that each is for."""

    paths: dict[int, str]
    versions: dict[int, list[int]]
    models: dict[int, int | None]
    sizes: dict[int, int]

    def add(self, summary: Summary, memory: Memory, *, per_model: bool) -> None:
        """Note one version with something downloaded."""
        sizes = {file.path: file.size or 0 for file in summary.files if file.status is Status.DOWNLOADED}
        # A version without a known model is a group of its own, under a number that no model has.
        number = summary.version_id if not per_model else (summary.model_id or -summary.version_id)
        if per_model and summary.model_id is not None:
            path = self._model_path(number, summary, sizes)
        else:
            path = torrent_path(_primary_path(summary, memory, list(sizes)))
        self.paths[number] = path
        self.versions.setdefault(number, []).append(summary.version_id)
        self.models[number] = summary.model_id
        self.sizes[number] = self.sizes.get(number, 0) + sum(sizes.values())

    def _model_path(self, number: int, summary: Summary, paths: Iterable[str]) -> str:
        before = self.paths.get(number)
        name = before.rpartition("/")[2] if before else f"{number}-{slug(summary.model_name, 'model')}{TORRENT}"
        folder = common_folder([*paths, *([before] if before else [])])
        return f"{folder}/{name}" if folder else name


def _primary_path(summary: Summary, memory: Memory, paths: list[str]) -> str:
    """The path of a version's primary file, or of the first downloaded one when that is missing."""
    if len(paths) == 1:
        return paths[0]
    entry = memory.get(summary.version_id)
    answer = entry.version if entry is not None else None
    files = ModelVersion.model_validate(answer).files if answer else ()
    primary = {file.id for file in files if file.primary and file.id is not None}
    named = [file.path for file in summary.files if file.file_id in primary and file.path in paths]
    return (named or paths)[0]
