"""The two catalogs: what is in them, and the changes that other programs ask for, one at a time.

A change holds the catalogs' lock from reading to writing, so that none is lost. A LoRA that is promoted is first added
to the one file, then removed from the other: after a crash in between it stands in both, which the next change mends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from civitai_kit.core.catalog.document import Catalog, Entry, id_in, place_in, read_catalog, text_in
from civitai_kit.core.catalog.entry import new_entry, restriction_of
from civitai_kit.core.catalog.routing import Route, promoted_category
from civitai_kit.core.errors import CivitaiKitError, Code, NotFound, UsageError
from civitai_kit.services.catalog.files_there import FilesThere, ModelsFolder
from civitai_kit.services.ports import Site

MODELS, LORAS = "models.json", "loras.json"


class CatalogFolder(Protocol):
    """The folder of the catalogs."""

    root: Path

    def read(self, path: str) -> bytes | None:
        """The content of a file, None where there is none; raises DiskError when it cannot be read."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file atomically, making folders; raises DiskFull or NotWritable."""


class NotNow(UsageError):
    """A change that is refused as things stand; `status` is the answer over HTTP."""

    def __init__(self, message: str, *, status: int, **parts: Any) -> None:
        super().__init__(message, **parts)
        self.status = status


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A transfer under way for a file, or one that waits: `done` of `total` bytes at `speed` bytes a second."""

    is_queued: bool
    done: int = 0
    total: int | None = None
    speed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogParts:
    """What the catalogs work with. `lock` is held for a change; `moving` tells of transfers by version."""

    folder: CatalogFolder
    models: ModelsFolder
    site: Callable[[], Site]
    lock: Callable[[], AbstractContextManager[object]]
    now: Callable[[], datetime]
    places: Mapping[str, Route]
    moving: Callable[[], Mapping[int, UnderWay]] = dict


Known = tuple[str, int, Entry]
"""The name of a catalog, a version of the site in it, and its entry."""
Row = dict[str, Any]
"""What the map says of a version."""


def civitai_map(parts: CatalogParts) -> dict[str, Any]:
    """Every entry with a version of the site, by version and by model, and whether its file is there."""
    rows = rows_of(known_versions(parts), FilesThere(parts.models))
    for version_id, transfer in parts.moving().items():
        if version_id in rows:
            rows[version_id] = moving_row(rows[version_id], transfer)
    return {"by_version": {str(version_id): row for version_id, row in rows.items()}, "by_model": by_model(rows)}


def known_versions(parts: CatalogParts) -> list[Known]:
    """The versions in the catalogs, each once; what stands in both is a style LoRA."""
    found: dict[int, Known] = {}
    for name in (LORAS, MODELS):
        for entry in _read(parts, name).entries():
            version_id = id_in(entry, "civitai_version_id")
            if version_id is not None and version_id not in found:
                found[version_id] = (name.removesuffix(".json"), version_id, entry)
    return [*found.values()]


def rows_of(known: list[Known], files: FilesThere) -> dict[int, Row]:
    """The rows of these versions, as if nothing were on its way."""
    return {version_id: _row(entry, catalog, files) for catalog, version_id, entry in known}


def by_model(rows: Mapping[int, Row]) -> dict[str, list[int]]:
    """The versions of each model."""
    found: dict[str, list[int]] = {}
    for version_id, row in rows.items():
        if row["civitai_model_id"] is not None:
            found.setdefault(str(row["civitai_model_id"]), []).append(version_id)
    return found


def moving_row(row: Row, transfer: UnderWay) -> Row:
    """The row of a version that is on its way, or waits."""
    at_rest = {name: value for name, value in row.items() if name != "size_disk"}
    if transfer.is_queued:
        return {**at_rest, "status": "queued"}
    bytes_ = {"dl_bytes": transfer.done, "dl_total": transfer.total, "dl_speed": round(transfer.speed)}
    return {**at_rest, "status": "downloading", **bytes_}


def _row(entry: Entry, catalog: str, files: FilesThere) -> Row:
    row: Row = {
        "file": text_in(entry, "file"),
        "dest": text_in(entry, "dest"),
        "name": text_in(entry, "name"),
        "base_model": text_in(entry, "base_model") or text_in(entry, "civitai_base_model"),
        "status": "missing",
        "civitai_model_id": id_in(entry, "civitai_model_id"),
        "catalog": catalog,
        "size_expected": _bytes_of(entry.get("size_gb")),
    }
    size = files.size_of(entry)
    return row if size is None else {**row, "status": "present", "size_disk": size}


def entries_of(parts: CatalogParts, version_ids: Collection[int]) -> dict[int, Entry]:
    """The entries of some versions, by version."""
    found: dict[int, Entry] = {}
    for name in (MODELS, LORAS):
        for entry in _read(parts, name).entries():
            version_id = id_in(entry, "civitai_version_id")
            if version_id is not None and version_id in version_ids:
                found.setdefault(version_id, entry)
    return found


def add(parts: CatalogParts, version_id: int) -> dict[str, Any]:
    """Add a version of the site to models.json, unless it is in one of the two; raises a SiteError."""
    known = _find(parts, version_id)
    if known is not None:
        return {"status": "already_exists", "file": known.get("file")}
    version = parts.site().version(version_id)
    restriction = restriction_of(version)
    if restriction is not None:
        return {"status": "restricted", "reason": restriction}
    new = new_entry(version, parts.places)
    with parts.lock():
        models = _models(parts)
        loras = _read(parts, LORAS)
        file = str(new.entry["file"])
        held = models.by_version(version_id) or loras.by_version(version_id)
        if held is not None:
            return {"status": "already_exists", "file": held.get("file")}
        if models.by_file(file) is not None or loras.by_file(file) is not None:
            # Two versions whose files have one name are two entries: the second gets its id.
            stem, dot, ending = file.rpartition(".")
            new.entry["file"] = file = f"{stem}_{version_id}.{ending}" if dot else f"{file}_{version_id}"
        _write(parts, MODELS, models.with_entry(new.category, new.entry))
    row = new.entry
    return {"status": "added", "file": file, "name": row["name"], "category": new.category, "dest": row["dest"]}


def promote(parts: CatalogParts, version_id: int) -> dict[str, Any]:
    """Move a LoRA from models.json to loras.json; raises NotFound, or NotNow for what is no LoRA."""
    with parts.lock():
        models, loras = _models(parts), _read(parts, LORAS)
        if loras.by_version(version_id) is not None:
            return {"status": "already_exists"}
        entry = models.by_version(version_id)
        if entry is None:
            hint = "`catalog map` shows what is in it."
            raise NotFound("Version not found in models catalog", version_id=version_id, status=404, hint=hint)
        if entry.get("dest") != "loras":
            raise NotNow("Only LoRA entries can be promoted to style LoRAs", status=400, version_id=version_id)
        category, name = promoted_category(text_in(entry, "base_model") or text_in(entry, "civitai_base_model"))
        _write(parts, LORAS, loras.with_entry(category, entry, name))
        _write(parts, MODELS, models.without(entry))
    return {"status": "promoted", "file": entry.get("file"), "category": category}


def finish_promotions(parts: CatalogParts) -> None:
    """Remove from models.json what a crash left in both files; raises BrokenCatalog, or what keeps it from writing."""
    if _in_both(_read(parts, MODELS), _read(parts, LORAS)):
        with parts.lock():
            _models(parts)


def remove(parts: CatalogParts, file: str) -> dict[str, Any]:
    """Remove an entry by its file's name; raises NotFound, or NotNow while the file is there."""
    if not file or "/" in file or "\\" in file or "\0" in file or file in (".", ".."):
        raise NotNow(f"{file!r} is no file name.", status=400, hint="Name the file as the catalog does.")
    with parts.lock():
        for name, catalog in ((MODELS, _models(parts)), (LORAS, _read(parts, LORAS))):
            entry = catalog.by_file(file)
            if entry is None:
                continue
            if _size_of(parts, entry) is not None:
                raise NotNow("Cannot remove from catalog while file exists on disk. Delete the file first.", status=409)
            _write(parts, name, catalog.without(entry))
            return {"status": "removed", "file": file}
    hint = "`catalog map` shows what is in it; the name is that of the entry's file."
    raise NotFound(f"Model '{file}' not found in catalog", status=404, hint=hint)


def _find(parts: CatalogParts, version_id: int) -> Entry | None:
    return _read(parts, MODELS).by_version(version_id) or _read(parts, LORAS).by_version(version_id)


def _models(parts: CatalogParts) -> Catalog:
    """models.json; what a crash in a promotion left in it as well as in loras.json is removed first."""
    models = _read(parts, MODELS)
    twice = _in_both(models, _read(parts, LORAS))
    for entry in twice:
        models = models.without(entry)
    if twice:
        _write(parts, MODELS, models)
        return _read(parts, MODELS)
    return models


def _in_both(models: Catalog, loras: Catalog) -> list[Entry]:
    promoted = {id_in(entry, "civitai_version_id") for entry in loras.entries()} - {None}
    return [
        entry
        for entry in models.entries()
        if id_in(entry, "civitai_version_id") in promoted and entry.get("dest") == "loras"
    ]


def _read(parts: CatalogParts, name: str) -> Catalog:
    return read_catalog(parts.folder.read(name), str(parts.folder.root / name))


def _write(parts: CatalogParts, name: str, catalog: Catalog) -> None:
    parts.folder.write(name, catalog.bumped(parts.now().astimezone()).as_json())


def _size_of(parts: CatalogParts, entry: Entry) -> int | None:
    """The size of an entry's file under the models' folder; None where it is not there, or named outside it."""
    place = place_in(entry)
    if not place:
        return None
    try:
        return parts.models.size(place)
    except CivitaiKitError as error:
        if error.code is Code.USAGE:
            return None
        raise


def _bytes_of(size_gb: object) -> int:
    is_number = isinstance(size_gb, int | float) and not isinstance(size_gb, bool)
    return round(size_gb * 1e9) if is_number and 0 <= size_gb < 1e6 else 0  # type: ignore[operator]
