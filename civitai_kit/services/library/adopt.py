"""Makes identified files entries of the store where they lie, so that no download fetches them again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.core.errors import DiskError
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.model_file import MatchedBy
from civitai_kit.core.site.models import Model, ModelFile, ModelVersion
from civitai_kit.core.site.references import path_and_query
from civitai_kit.services.items import is_foreign, merged, proved_of, sound_digest
from civitai_kit.services.library.keep import read_object
from civitai_kit.services.library.ports import LibraryParts


class Adoptions:
    """Entries on their way into the store, some together; only one process writes, so what was read still holds."""

    def __init__(self, parts: LibraryParts) -> None:
        self._parts = parts
        self._entries: dict[int, Entry] = {}

    def adopt(self, found: Identified) -> None:
        """Remember a file as its version's, unless that file is known and lies where the store says.

        A file found by a weaker hash than the SHA256 is remembered by its own digests: the site promises others.
        """
        version_id = found.file.version_id
        if version_id is None or found.file.matched_by is MatchedBy.SIDECAR:
            # A sidecar is no proof of what the bytes are.
            return
        now = self._parts.now().isoformat(timespec="seconds")
        old = self._entries.get(version_id) or self._parts.store.get(version_id)
        fresh = _entry(found if old is not None else self._with_kept_answers(found), now)
        entry = fresh if old is None else merged(old, fresh)
        entry = entry.model_copy(update={"site_state": found.file.site_state})
        record = _record(self._parts, found, entry, now)
        known = entry.file(record.file_id, record.path)
        if known is None or not _lies_there(self._parts, known):
            entry = entry.with_file(record)
        if entry != old:
            self._entries[version_id] = entry

    def _with_kept_answers(self, found: Identified) -> Identified:
        """A file with what the library keeps of the site's answers, where nothing was heard in this run."""
        version = found.version or self._kept(found, "model_version")
        return replace(found, version=version, model=found.model or self._kept(found, "model"))

    def _kept(self, found: Identified, what: str) -> dict[str, Any] | None:
        folder = found.file.folder
        try:
            return read_object(self._parts, f"{folder}/{folder}_civitai_{what}.json")
        except DiskError:  # An entry without names is better than none.
            return None

    def write(self) -> None:
        """Write what was adopted, in one transaction."""
        if self._entries:
            self._parts.store.put_many(self._entries.values())
            self._entries = {}


def _entry(found: Identified, now: str) -> Entry:
    version = ModelVersion.model_validate(dict(found.version or {}))
    model = Model.model_validate(dict(found.model or {}))
    owner = version.model
    assert found.file.version_id is not None, "only a file that is known is adopted"
    return Entry(
        version_id=found.file.version_id,
        model_id=found.file.model_id,
        model_name=model.name or (owner.name if owner else None) or "",
        version_name=version.name or "",
        type=model.type or (owner.type if owner else None) or "",
        base_model=version.base_model or "",
        creator=model.creator.username if model.creator else None,
        version=dict(found.version) if found.version else None,
        model={name: value for name, value in found.model.items() if name != "modelVersions"} if found.model else None,
        added_at=now,
        updated_at=now,
        last_seen=found.file.last_seen,
    )


def _record(parts: LibraryParts, found: Identified, entry: Entry, now: str) -> FileRecord:
    version = ModelVersion.model_validate(dict(found.version or entry.version or {}))
    file = next((one for one in version.files if one.id == found.file.file_id), ModelFile())
    is_proved = found.file.matched_by is MatchedBy.SHA256
    return FileRecord(
        file_id=found.file.file_id,
        name=file.name or found.file.path.rpartition("/")[2],
        type=file.type,
        path=shown_path(parts, found.file.path),
        size=found.size,
        sha256=found.digests.sha256 if is_proved else None,
        blake3=sound_digest(file.hashes.blake3, 64) if is_proved else None,
        crc32=sound_digest(file.hashes.crc32, 8) if is_proved else None,
        auto_v3=found.digests.auto_v3,
        url=path_and_query(file.download_url or ""),
        foreign=is_foreign(version, file) if file.id is not None else False,
        status=Status.DOWNLOADED,
        adopted=True,
        proved=proved_of(found.digests),
        updated_at=now,
    )


def shown_path(parts: LibraryParts, path: str) -> str:
    """A file's path as the store and people have it: relative to the save path where it lies in it, else absolute."""
    return parts.relative(path) or path


def _lies_there(parts: LibraryParts, record: FileRecord) -> bool:
    return record.status is Status.DOWNLOADED and record.size is not None and parts.size(record.path) == record.size
