"""Items to fetch made from records of the store, and the site's answers that were saved there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from civitai_kit.core.collection.entry import Entry, FileRecord
from civitai_kit.core.paths.places import Template
from civitai_kit.core.paths.relative_paths import is_absolute
from civitai_kit.core.plans.plan import Item
from civitai_kit.core.plans.report import Report
from civitai_kit.core.settings.keys import PATH_TEMPLATE
from civitai_kit.core.site.models import FileTraits, Model, ModelFile, ModelVersion
from civitai_kit.services.download.download import DownloadParts
from civitai_kit.services.ports import Answers, Store


def item_of_record(entry: Entry, record: FileRecord) -> Item:
    """The item that fetches a recorded file again to the path at which it is remembered."""
    traits = _traits(entry, record)
    return Item(
        model_id=entry.model_id,
        model_name=entry.model_name,
        version_id=entry.version_id,
        version_name=entry.version_name,
        file_id=record.file_id,
        file_name=record.name,
        type=entry.type,
        base_model=entry.base_model,
        path=_path(entry, record),
        size=record.size,
        sha256=record.sha256,
        blake3=record.blake3,
        crc32=record.crc32,
        auto_v3=record.auto_v3,
        file_type=record.type,
        format=traits.format,
        fp=traits.fp,
        size_variant=traits.size,
        quant=traits.quant_type,
        creator=entry.creator,
        url=record.url,
        foreign=record.foreign,
    )


def _path(entry: Entry, record: FileRecord) -> str:
    """Where it is remembered; what lies outside the save path is fetched into it."""
    if not is_absolute(record.path):
        return record.path
    model = Model(id=entry.model_id, name=entry.model_name, type=entry.type)
    version = ModelVersion(id=entry.version_id, name=entry.version_name, base_model=entry.base_model)
    file = ModelFile(id=record.file_id, name=record.name, type=record.type)
    return Template(PATH_TEMPLATE).place(model=model, version=version, file=file)


def _traits(entry: Entry, record: FileRecord) -> FileTraits:
    """What the site said of a file, in the answer that was saved with its entry."""
    files = ModelVersion.model_validate(entry.version or {}).files
    return next((file.metadata for file in files if file.id == record.file_id), FileTraits())


class RememberedAnswers:
    """The site's answers of this run, else those saved in the store; fits the ports' Answers.

    So no known version is asked for again, and a poorer answer of today does not replace a saved one.
    """

    def __init__(self, heard: Answers, store: Store) -> None:
        self._heard = heard
        self._store = store

    def keep(self, model: Mapping[str, Any] | None, version: Mapping[str, Any], version_id: int) -> None:
        """Keep a version's object and its model's (with all versions) as received in this run."""
        self._heard.keep(model, version, version_id)

    def version(self, version_id: int) -> dict[str, Any] | None:
        """The version's object as received, in this run or an earlier one; None when there is none."""
        heard = self._heard.version(version_id)
        if heard is not None:
            return heard
        entry = self._store.get(version_id)
        return None if entry is None else entry.version

    def model(self, model_id: int) -> dict[str, Any] | None:
        """The model's object as received in this run; the store has none, for it keeps no model's versions."""
        return self._heard.model(model_id)


def with_saved_answers(parts: DownloadParts) -> DownloadParts:
    """The parts of a download that falls back on the site's answers in the store."""
    return replace(parts, answers=RememberedAnswers(parts.answers, parts.store))


def entries_of(store: Store, items: Iterable[Item]) -> dict[int, Entry]:
    """The entries of the items' versions as they are now."""
    ids = dict.fromkeys(item.version_id for item in items)
    return {version_id: entry for version_id in ids if (entry := store.get(version_id)) is not None}


def put_back(
    parts: DownloadParts, before: Mapping[int, Entry], report: Report, stands: Callable[[FileRecord], bool]
) -> None:
    """Restore the records of files that a failed fetch left untouched, where `stands` says that they are right.

    The reason of the failure is noted beside them.
    """
    for failure in report.failed:
        old = before.get(failure.item.version_id)
        record = old.file(failure.item.file_id, failure.item.path) if old else None
        if record is not None and stands(record) and parts.disk.size(record.path) == record.size:
            kept = record.model_copy(update={"error": f"{failure.error.code}: {failure.error.message}"})
            parts.store.update(failure.item.version_id, partial(_with_file, kept))


def _with_file(record: FileRecord, entry: Entry | None) -> Entry | None:
    return None if entry is None else entry.with_file(record)
