"""Finds the files of an old history, which records where they were before they were sorted or moved."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.collection.histories import DEFAULT_FOLDER, MEDIA_ENDINGS, OldImage, tail_of
from civitai_kit.files.names import system_name

# Folders whose files are known at once: a history goes through them one after another.
_MOST_FOLDERS = 64
# A search's folder, its models' folders, and theirs.
_DEEPEST = 3
# `12.png`, and our own `12_sd.webp`.
_STEM = re.compile(r"(\d{1,12})(_sd)?")
# The ending that every SD file is remembered with; HD ones are remembered as PNG, whatever they are.
_SD_ENDING = ".jpeg"


@dataclass(slots=True)
class _Below:
    """The pictures and clips below a folder, by their names and by the ids that the names begin with."""

    by_name: dict[str, Path] = field(default_factory=dict)
    by_id: dict[int, list[Path]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> _Below:
        below = cls()
        for place in _files_under(folder, deepest=_DEEPEST):
            below.by_name[place.name] = place
            stem = _STEM.fullmatch(place.stem)
            if stem is not None:
                below.by_id.setdefault(int(stem.group(1)), []).append(place)
        return below


@dataclass(slots=True)
class HistoryFiles:
    """Finds files from `starts`, the folders from which relative paths count, and in `trees` of images."""

    starts: tuple[Path, ...]
    trees: tuple[Path, ...]
    _known: dict[Path, _Below] = field(default_factory=dict)

    @classmethod
    def around(cls, history: Path | None, output: Path) -> HistoryFiles:
        """Set up for a history in this folder (None when it is unknown) and for our own folder of images."""
        own = () if history is None else (history.absolute().parent,)
        starts = tuple(dict.fromkeys((Path.cwd(), *own)))
        trees = tuple(dict.fromkeys((output.absolute(), *(start / DEFAULT_FOLDER for start in starts))))
        return cls(starts, trees)

    def find(self, old: OldImage) -> Path | None:
        """The file of a record, where it was or in a folder below, into which it was sorted; None when it is gone.

        Old histories remember an ending that the file need not have: where the name is nowhere, the id counts.
        """
        places = [place for place in self._places(old) if ".." not in place.parts]
        found = next((place for place in map(self._by_name, places) if place is not None), None)
        return found or next((place for place in (self._by_id(place, old) for place in places) if place), None)

    def by_id(self) -> dict[int, Path]:
        """Image id → file, of everything in the trees that looks like an image of the site."""
        found: dict[int, Path] = {}
        for tree in self.trees:
            for place in _files_under(tree, deepest=_DEEPEST + 1):
                stem = _STEM.fullmatch(place.stem)
                if stem is not None:
                    found.setdefault(int(stem.group(1)), place)
        return found

    def _places(self, old: OldImage) -> Iterator[Path]:
        """Where it may be, the likeliest first."""
        given, parts = Path(system_name(old.path)), [system_name(part) for part in old.parts]
        if given.is_absolute():
            yield given
        else:
            for start in self.starts:
                yield start.joinpath(*parts)
        tail = tail_of(tuple(parts))
        if tail:
            for tree in self.trees:
                yield tree.joinpath(*tail)

    def _by_name(self, place: Path) -> Path | None:
        if place.suffix.lower() not in MEDIA_ENDINGS:
            return None
        if place.is_file():
            return Path(os.path.realpath(place))
        return self._below(place.parent).by_name.get(place.name)

    def _by_id(self, place: Path, old: OldImage) -> Path | None:
        """What is called by the picture's id; of several files the one that has the quality."""
        found = self._below(place.parent).by_id.get(old.image_id, [])
        if old.quality is Quality.SD:
            return min(found, key=lambda file: file.suffix.lower() != _SD_ENDING, default=None)
        originals = [file for file in found if file.stem.isdecimal()]
        return min(originals, key=lambda file: file.suffix.lower() == _SD_ENDING, default=None)

    def _below(self, folder: Path) -> _Below:
        """Everything below a folder."""
        if folder not in self._known:
            if len(self._known) >= _MOST_FOLDERS:
                del self._known[next(iter(self._known))]
            self._known[folder] = _Below.of(folder)
        return self._known[folder]


def _files_under(folder: Path, *, deepest: int) -> Iterator[Path]:
    """Pictures and clips below a folder, links not followed."""
    top = os.path.realpath(folder)
    for here, folders, names in os.walk(top):
        if here.count(os.sep) - top.count(os.sep) >= deepest:
            folders.clear()
        for name in sorted(names):
            if Path(name).suffix.lower() in MEDIA_ENDINGS:
                yield Path(here, name)
