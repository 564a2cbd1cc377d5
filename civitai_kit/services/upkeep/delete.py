"""Entries and the files that belong to them, removed by a plan, in an order that is right after a crash.

An entry is marked Pending, its files go, the entry goes last. A crash in between leaves an entry that says that its
files are not (all) there, so that verify calls them missing and the same delete finishes the work. On a full disk the
files go first, which makes room for the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from civitai_kit.core.collection.entry import Entry, Status, Summary
from civitai_kit.core.collection.removal import (
    Belonging,
    DeleteWish,
    Doomed,
    Removal,
    claimed_paths,
    model_paths,
    paths_beside,
)
from civitai_kit.core.errors import CivitaiKitError, DiskFull, Interrupted, UsageError
from civitai_kit.core.paths.places import path_key, sidecar_path
from civitai_kit.core.paths.relative_paths import is_absolute
from civitai_kit.services.download.sidecars import IMAGE_EXTENSIONS
from civitai_kit.services.upkeep.ports import Grounds, Records

# Entries between two synced writes: few enough that a crash leaves few half deleted.
_BATCH = 50


def plan_delete(store: Records, disk: Grounds, wish: DeleteWish, *, keep_files: bool) -> Removal:
    """What a request would remove; nothing is changed. Files that other entries claim are left out."""
    doomed = [summary for summary in store.summaries() if wish.means(summary)]
    ids = {summary.version_id for summary in doomed}
    claimed = set() if keep_files or not ids else claimed_paths(_others(store, ids))
    planner = _Planner(disk, claimed, keep_files=keep_files)
    entries = tuple(planner.doom(entry) for version_id in sorted(ids) if (entry := store.get(version_id)))
    return Removal(entries=entries, removed=tuple(each for one in entries for each in one.belongings))


def delete(store: Records, disk: Grounds, plan: Removal, stopped: Callable[[], bool]) -> Removal:
    """Carry out a plan. A file that cannot be removed is an error, and its entry stays."""
    done = _Done()
    rest = iter(plan.entries)
    while batch := list(islice(rest, _BATCH)):
        if stopped():
            done.failures.append(Interrupted("Stopped before everything was deleted.", hint="Run it again to go on."))
            break
        _delete_batch(store, disk, batch, done)
    return Removal(entries=tuple(done.entries), removed=tuple(done.removed), failures=tuple(done.failures))


def _delete_batch(store: Records, disk: Grounds, batch: list[Doomed], done: _Done) -> None:
    before = {doomed.version_id: store.get(doomed.version_id) for doomed in batch if doomed.belongings}
    # Unmarked, an entry whose files a crash lets vanish is found by verify too.
    with suppress(DiskFull):
        store.put_many(_without_files(entry) for entry in before.values() if entry)
    gone: list[Doomed] = []
    for doomed in batch:
        refused = _remove_files(disk, doomed, done)
        entry = before.get(doomed.version_id)
        if not refused:
            gone.append(doomed)
        elif entry is not None:
            with suppress(DiskFull):
                store.put(_without_files(entry, but=refused))
    try:
        store.delete(doomed.version_id for doomed in gone)
    except DiskFull as error:
        # The database lies on another disk, which the files that went were not on.
        done.failures.append(error)
    else:
        done.entries += gone


@dataclass
class _Done:
    """What has gone so far."""

    entries: list[Doomed] = field(default_factory=list)
    removed: list[Belonging] = field(default_factory=list)
    failures: list[CivitaiKitError] = field(default_factory=list)


@dataclass(frozen=True)
class _Planner:
    """Finds the files on disk that belong to one entry alone."""

    disk: Grounds
    claimed: set[str]
    keep_files: bool

    def doom(self, entry: Entry) -> Doomed:
        models = () if self.keep_files else tuple(self._there(model_paths(entry)))
        beside = () if self.keep_files else tuple(self._ours(entry))
        return Doomed(
            version_id=entry.version_id,
            model_id=entry.model_id,
            model_name=entry.model_name,
            version_name=entry.version_name,
            models=models,
            beside=beside,
            staying=tuple(path for path in model_paths(entry) if is_absolute(path)),
        )

    def _ours(self, entry: Entry) -> Iterator[Belonging]:
        models = {path_key(path) for path in model_paths(entry)}
        sidecars = {sidecar_path(path) for path in model_paths(entry)}
        for found in self._there(dict.fromkeys(paths_beside(entry, IMAGE_EXTENSIONS))):
            foreign = found.path in sidecars and _is_of_another(self.disk, found.path, entry.version_id)
            if path_key(found.path) not in models and not foreign:
                yield found

    def _there(self, paths: Iterable[str]) -> Iterator[Belonging]:
        for path in paths:
            # What lies outside the save path was adopted: it is the user's, and stays.
            size = None if is_absolute(path) else self._size(path)
            if size is not None and path_key(path) not in self.claimed:
                yield Belonging(path, size)

    def _size(self, path: str) -> int | None:
        try:
            return self.disk.size(path)
        except UsageError:  # Its path leaves the save path: not ours to remove.
            return None


def _others(store: Records, ids: set[int]) -> Iterator[Summary]:
    return (summary for summary in store.summaries() if summary.version_id not in ids)


def _is_of_another(disk: Grounds, path: str, version_id: int) -> bool:
    """Whether the JSON file at a sidecar's path is plainly something else: an object that is not this version."""
    try:
        content = json.loads(disk.read(path) or b"")
    except (ValueError, RecursionError, CivitaiKitError):
        return False
    return not isinstance(content, dict) or content.get("id") != version_id


def _without_files(entry: Entry, but: Collection[str] = ()) -> Entry:
    """The entry with its files marked as missing, except those in `but`."""
    files = tuple(
        record if record.path in but else record.model_copy(update={"status": Status.PENDING}) for record in entry.files
    )
    return entry.model_copy(update={"files": files})


def _remove_files(disk: Grounds, doomed: Doomed, done: _Done) -> list[str]:
    """Remove everything of an entry; gives the paths that could not be removed, each with an error."""
    refused: list[str] = []
    for each in doomed.belongings:
        try:
            if disk.remove(each.path):
                done.removed.append(each)
            disk.remove_empty_parents(each.path)
        except CivitaiKitError as error:
            error.version_id, error.model_id = doomed.version_id, doomed.model_id
            done.failures.append(error)
            refused.append(each.path)
    return refused
