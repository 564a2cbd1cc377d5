"""Takes over a tree of the data manager, of either naming: what it kept of each model, but not its errors.

The models themselves are found by the next scan, by their hashes; what was taken over is theirs then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from civitai_kit.core.errors import CivitaiKitError, DiskError, Interrupted, UsageError
from civitai_kit.core.events import Emit, Saved
from civitai_kit.core.library.folder_names import FolderNames
from civitai_kit.core.library.manager_tree import file_id_of, is_answer, sha256_of, utc_of
from civitai_kit.core.library.model_file import LibraryFile, MatchedBy
from civitai_kit.services.library.keep import LibraryTree, as_json, no_pictures
from civitai_kit.services.library.ports import LibraryParts, ReadFolder

# `_preview_0.jpeg.json` comes from a migration that renamed too much.
_PREVIEW = re.compile(r"_preview_(\d{1,4})(\.[A-Za-z0-9]{2,5})?(\.json)?")


@dataclass
class Taken:
    """What came of it: `files` rows, `saved` paths under the library, and folders with an error each."""

    files: list[LibraryFile] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    passed: int = 0
    errors: list[CivitaiKitError] = field(default_factory=list)


def import_data(parts: LibraryParts, source: ReadFolder, emit: Emit) -> Taken:
    """Take over every folder with a `_hash.json`. What the library has already is left as it is.

    Raises UsageError where there is no such folder.
    """
    run = _Import(parts, source, emit)
    for folder in source.folders():
        if parts.stop.is_set():
            raise Interrupted("Stopped before all was taken over.", hint="Run it again to go on.")
        run.take(folder)
    if not run.taken.files and not run.taken.errors and not run.taken.passed:
        raise UsageError(
            f"{source.root} is no folder of the data manager.",
            hint="Name the folder that it wrote to, with one folder for each model.",
        )
    LibraryTree(parts, no_pictures, 0, emit).write_lists()
    return run.taken


@dataclass
class _Import:
    parts: LibraryParts
    source: ReadFolder
    emit: Emit
    taken: Taken = field(default_factory=Taken)

    def __post_init__(self) -> None:
        held = list(self.parts.files())
        self.known = {file.sha256: file for file in held if file.sha256}
        self.paths = {file.path for file in held}
        self.names = FolderNames((file.path, file.folder) for file in held)
        processed = self._object("processed_files.json") or {}
        paths = processed.get("files")
        named = [Path(str(path)) for path in paths] if isinstance(paths, list) else []
        self.places = {path.name: path for path in named}

    def take(self, folder: str) -> None:
        try:
            self._take(folder)
        except DiskError as error:
            self.taken.errors.append(error)

    def _take(self, folder: str) -> None:
        stem = f"{folder}/{folder}"
        hashes = self._object(f"{stem}_hash.json")
        sha256 = sha256_of(hashes)
        if hashes is None:
            return
        if sha256 is None:
            self.taken.errors.append(DiskError(f"{stem}_hash.json holds no SHA256.", path=f"{stem}_hash.json"))
            return
        if sha256 in self.known:
            self.taken.passed += 1
            return
        file = self._file(folder, hashes, sha256)
        to = f"{file.folder}/{file.folder}"
        version = self._object(f"{stem}_civitai_model_version.json")
        model = self._object(f"{stem}_civitai_model.json")
        self._write(f"{to}_hash.json", hashes)
        self._write(f"{to}_metadata.json", self._object(f"{stem}_metadata.json"))
        if version is not None and is_answer(version):
            self._write(f"{to}_civitai_model_version.json", version)
            file = _identified(file, version, sha256, utc_of(hashes))
        if is_answer(model):
            self._write(f"{to}_civitai_model.json", model)
        self._take_previews(folder, to)
        self.parts.store.put_library_files([file])
        self.known[sha256] = file
        self.taken.files.append(file)

    def _file(self, folder: str, hashes: Mapping[str, Any], sha256: str) -> LibraryFile:
        name = hashes.get("filename")
        name = Path(name).name if isinstance(name, str) and name else f"{folder}.safetensors"
        place = self.places.get(name, Path(name))
        path = (place if place.is_absolute() else self.source.root / place).as_posix()
        if path in self.paths:
            # Another model had this name; where this one lies the next scan finds out.
            path = (self.source.root / folder / name).as_posix()
        self.paths.add(path)
        return LibraryFile(
            output=self.parts.output.as_posix(),
            path=path,
            folder=self.names.name(path),
            sha256=sha256,
            added_at=utc_of(hashes),
        )

    def _take_previews(self, folder: str, to: str) -> None:
        names = self.source.names(folder)
        for name in names:
            found = _PREVIEW.fullmatch(name.removeprefix(folder)) if name.startswith(folder) else None
            if found is None:
                continue
            number, ending, text = found.groups()
            if text or ending == ".json":
                self._write(f"{to}_preview_{number}.json", self._object(f"{folder}/{name}"))
            elif ending and (content := self.source.read(f"{folder}/{name}")):
                self._put(f"{to}_preview_{number}{ending.lower()}", content)

    def _write(self, path: str, content: Mapping[str, Any] | None) -> None:
        if content:
            self._put(path, as_json(content))

    def _put(self, path: str, content: bytes) -> None:
        self.parts.tree.write(path, content)
        self.taken.saved.append(path)
        self.emit(Saved(path))

    def _object(self, path: str) -> dict[str, Any] | None:
        content = self.source.read(path)
        try:
            found = json.loads(content) if content else None
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


def _identified(file: LibraryFile, version: Mapping[str, Any], sha256: str, seen: str | None) -> LibraryFile:
    model_id = version.get("modelId")
    return replace(
        file,
        version_id=version["id"],
        model_id=model_id if isinstance(model_id, int) else None,
        file_id=file_id_of(version, sha256),
        matched_by=MatchedBy.SHA256,
        last_seen=seen,
    )
