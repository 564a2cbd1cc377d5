"""The item for a chosen file, and what is made of an item: the order to fetch it, and its record in the store."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.plan import Item
from civitai_kit.core.plans.selection import Choice
from civitai_kit.core.site.models import ModelFile, ModelVersion
from civitai_kit.core.site.references import path_and_query

if TYPE_CHECKING:
    from civitai_kit.core.plans.order import Order, Proof
    from civitai_kit.services.ports import SavePath


def item_of(choice: Choice, path: str) -> Item:
    """The item for one chosen file, to land at `path`."""
    model, version, file = choice.model, choice.version, choice.file
    assert version.id is not None, "files of a version without an id are never chosen"
    return Item(
        model_id=model.id if model.id is not None else version.model_id,
        model_name=model.name or "",
        version_id=version.id,
        version_name=version.name or "",
        file_id=file.id,
        file_name=file.name or "",
        type=model.type or "",
        base_model=version.base_model or "",
        path=path,
        size=file.size,
        sha256=sound_digest(file.hashes.sha256, 64),
        blake3=sound_digest(file.hashes.blake3, 64),
        crc32=sound_digest(file.hashes.crc32, 8),
        auto_v3=file.hashes.auto_v3,
        file_type=file.type,
        format=file.metadata.format,
        fp=file.metadata.fp,
        size_variant=file.metadata.size,
        quant=file.metadata.quant_type,
        creator=model.creator.username if model.creator else None,
        url=path_and_query(file.download_url or ""),
        foreign=is_foreign(version, file),
    )


def sound_digest(text: str | None, digits: int) -> str | None:
    """A digest that the site gives, None where it is none: then the next one decides."""
    return text if text is not None and re.fullmatch(f"[0-9a-f]{{{digits}}}", text) else None


def is_foreign(version: ModelVersion, file: ModelFile) -> bool:
    """Whether a file surely belongs to another version: the site prints `fileId` for all but it (site.md 7.5)."""
    prints_id = [other for other in version.files if "fileId=" in (other.download_url or "")]
    return bool(prints_id) and file not in prints_id


def order_of(item: Item, site: str, target: PurePath, *, connections: int, allow_hash_mismatch: bool) -> Order:
    """The order for an item. The file id names the file; the URL that the site prints is second (site.md 7.3)."""
    from civitai_kit.core.plans.order import Order

    by_id = f"{site}/api/download/models/{item.version_id}"
    if item.file_id is not None:
        by_id += f"?fileId={item.file_id}"
    printed = f"{site}{item.url}" if item.url else None
    urls = [printed] if item.foreign and printed else [by_id]
    if printed and printed not in urls and item.file_type == "VAE":
        urls.append(printed)
    return Order(
        key=item.path,
        urls=tuple(urls),
        target=target,
        proof=proof_of(item),
        connections=connections,
        allow_hash_mismatch=allow_hash_mismatch,
    )


def proof_of(item: Item) -> Proof:
    """What the site promises of an item's bytes."""
    from civitai_kit.core.plans.order import Proof

    return Proof(sha256=item.sha256, blake3=item.blake3, crc32=item.crc32, size=item.size)


def entry_of(
    item: Item, version: dict[str, object] | None, model: dict[str, object] | None, now: str, *, seen: bool
) -> Entry:
    """A first entry for an item's version, with the site's answers where there are any; `seen` says the site has it."""
    return Entry(
        version_id=item.version_id,
        model_id=item.model_id,
        model_name=item.model_name,
        version_name=item.version_name,
        type=item.type,
        base_model=item.base_model,
        creator=item.creator,
        version=version,
        model=model,
        added_at=now,
        updated_at=now,
        last_seen=now if seen else None,
    )


def proved_of(digests: Digests) -> dict[str, str]:
    """The computed digests by name, as a record keeps them."""
    return {name: value for name, value in asdict(digests).items() if value is not None}


def record_of(item: Item, status: Status, now: str) -> FileRecord:
    """The record of an item's file, with what the site promises of it."""
    return FileRecord(
        file_id=item.file_id,
        name=item.file_name,
        type=item.file_type,
        path=item.path,
        size=item.size,
        sha256=item.sha256,
        blake3=item.blake3,
        crc32=item.crc32,
        auto_v3=item.auto_v3,
        url=item.url,
        foreign=item.foreign,
        status=status,
        updated_at=now,
    )


def merged(old: Entry, fresh: Entry) -> Entry:
    """The old entry, updated with everything that the site answered this time."""
    news = {
        name: value
        for name in (
            "model_id",
            "model_name",
            "version_name",
            "type",
            "base_model",
            "creator",
            "version",
            "model",
            "last_seen",
        )
        if (value := getattr(fresh, name))
    }
    return old.model_copy(update=news)


def kept_record(disk: SavePath, entry: Entry, record: FileRecord) -> FileRecord:
    """The record to write: that of the old file as long as a replacement by the site is not there yet."""
    old = entry.file(record.file_id, record.path)
    if old is None or old.status is not Status.DOWNLOADED or record.status is Status.DOWNLOADED:
        return record
    replaced = old.sha256 is not None and old.sha256 != record.sha256
    if replaced and disk.size(old.path) == old.size:
        return old.model_copy(update={"error": record.error})
    return record
