"""Looks for files of all libraries and of the store by a hash, or by a part of a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from civitai_kit.core.collection.entry import FileRecord, Status, fold
from civitai_kit.core.library.model_file import LibraryFile, Whereabouts
from civitai_kit.services.library.adopt import shown_path
from civitai_kit.services.library.ports import LibraryParts

_LEAST_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPlace:
    """A file that was looked for; `path` relative to the save path where it lies in it."""

    path: str
    sha256: str | None
    whereabouts: Whereabouts
    model_name: str = ""
    model_id: int | None = None
    version_id: int | None = None
    file_id: int | None = None

    def as_row(self) -> dict[str, Any]:
        """The file as one row of `files[]`."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "status": str(self.whereabouts),
            "model_name": self.model_name,
            "model_id": self.model_id,
            "version_id": self.version_id,
            "file_id": self.file_id,
        }


def places_of(parts: LibraryParts, text: str) -> Iterator[KnownPlace]:
    """Each place once: the libraries' files first, then what was downloaded."""
    wanted = _Wanted(text)
    names: dict[int, str] = {}
    seen: set[str] = set()
    for entry in parts.store.entries():
        named = wanted.is_named(entry.model_name, entry.version_name)
        names[entry.version_id] = entry.model_name
        for record in entry.files:
            if record.status is Status.DOWNLOADED and (named or wanted.is_record(record)):
                seen.add(record.path)
                yield KnownPlace(
                    path=record.path,
                    sha256=record.proved.get("sha256") or record.sha256,
                    whereabouts=parts.look(parts.disk.place_of(record.path), parts.disk.root),
                    model_name=entry.model_name,
                    model_id=entry.model_id,
                    version_id=entry.version_id,
                    file_id=record.file_id,
                )
    for file in parts.store.library_files():
        path = shown_path(parts, file.path)
        name = names.get(file.version_id or 0, "")
        if path not in seen and (wanted.is_named(name) or wanted.is_file(file)):
            seen.add(path)
            yield KnownPlace(
                path=path,
                sha256=file.sha256,
                whereabouts=parts.whereabouts(file),
                model_name=name,
                model_id=file.model_id,
                version_id=file.version_id,
                file_id=file.file_id,
            )


class _Wanted:
    """What is looked for: the beginning of a hash where it may be one, and a part of a name."""

    def __init__(self, text: str) -> None:
        self._name = fold(text)
        digits = text.strip().lower().removeprefix("0x")
        is_hash = len(digits) >= _LEAST_DIGITS and all(digit in "0123456789abcdef" for digit in digits)
        self._digits = digits if is_hash else None

    def is_named(self, *names: str) -> bool:
        return any(self._name in fold(name) for name in names if name)

    def is_record(self, record: FileRecord) -> bool:
        digests = (record.sha256, record.blake3, record.crc32, record.auto_v3, *record.proved.values())
        return self.is_named(Path(record.path).name, record.name) or self._is_digest(*digests)

    def is_file(self, file: LibraryFile) -> bool:
        return self.is_named(Path(file.path).name) or self._is_digest(file.sha256, file.auto_v3)

    def _is_digest(self, *digests: str | None) -> bool:
        return self._digits is not None and any(digest.startswith(self._digits) for digest in digests if digest)
