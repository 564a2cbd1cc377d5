"""What a mirror has: the versions in the store with those of their files that are on disk, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from civitai_kit.core.collection.entry import Entry, FileRecord
from civitai_kit.core.collection.site_answers import (
    HeldFile,
    HeldVersion,
    Json,
    held_files,
    model_answer,
    version_answer,
)
from civitai_kit.core.errors import UsageError
from civitai_kit.core.library.model_file import is_model_file
from civitai_kit.core.paths.our_names import is_ours
from civitai_kit.core.paths.relative_paths import is_absolute

_AUTO_V2 = 10


class MirrorStore(Protocol):
    """What a mirror reads of the store."""

    def get(self, version_id: int) -> Entry | None:
        """The entry of a version, or None."""

    def by_model(self, model_id: int) -> tuple[int, ...]:
        """Ids of the model's versions that are in the store."""

    def by_sha256(self, sha256: str) -> tuple[int, ...]:
        """Version ids that hold a file with this SHA256."""

    def by_auto_v2(self, auto_v2: str) -> tuple[int, ...]:
        """Version ids that hold a file whose SHA256 begins with these ten digits."""


class MirrorDisk(Protocol):
    """What a mirror looks at on disk."""

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""

    def place_of(self, path: str) -> Path:
        """Where a recorded file lies."""


class Offered(NamedTuple):
    """A file to be sent: where it lies, and the name under which it is offered."""

    place: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Answers as the site does, from the store; `reading` opens that for one question. `ours` lies there, too.

    Every `host` is the root that was asked. What is not here is None.
    """

    reading: Callable[[], AbstractContextManager[MirrorStore]]
    disk: MirrorDisk
    ours: tuple[str, ...] = ()

    def version(self, version_id: int, host: str) -> Json | None:
        """A version."""
        with self.reading() as memory:
            held = self._held(memory, version_id)
        return None if held is None else version_answer(held, host)

    def model(self, model_id: int, host: str) -> Json | None:
        """A model with those of its versions that are here."""
        with self.reading() as memory:
            held = [*self._all_held(memory, memory.by_model(model_id))]
        return model_answer(held, host) if held else None

    def listed(self, model_ids: Iterable[int], version_ids: Iterable[int], host: str) -> list[Json]:
        """Those of the models that are here; where versions are named, of each those that are, and no other."""
        with self.reading() as memory:
            wanted = [*version_ids] or [number for one in model_ids for number in memory.by_model(one)]
            by_model: dict[int | None, list[HeldVersion]] = {}
            for held in self._all_held(memory, wanted):
                by_model.setdefault(held.entry.model_id, []).append(held)
        return [model_answer(held, host) for held in by_model.values()]

    def with_hash(self, digest: str, host: str) -> Json | None:
        """The version, the first of several, that holds a file with this SHA256, whole or its first ten digits."""
        with self.reading() as memory:
            held = next(self._holding(memory, digest.lower()), None)
        return None if held is None else version_answer(held, host)

    def with_hashes(self, digests: Iterable[str], host: str) -> list[Json]:
        """The versions that hold files with these SHA256."""
        with self.reading() as memory:
            found = [one for digest in digests for one in self._holding(memory, digest.lower())]
        return [version_answer(one, host) for one in found]

    def owners(self, digests: Iterable[str]) -> list[Json]:
        """Which versions and models hold files with these SHA256, a row each."""
        with self.reading() as memory:
            return [
                {"modelVersionId": one.entry.version_id, "modelId": one.entry.model_id, "hash": digest.upper()}
                for digest in digests
                for one in self._holding(memory, digest.lower())
            ]

    def file(self, version_id: int, file_id: int | None, traits: Mapping[str, str]) -> Offered | None:
        """A file of a version: by its id, or the first one of such a `type`, `format`, `size`, `fp`, `quantType`."""
        with self.reading() as memory:
            held = self._held(memory, version_id)
        for file in held.files if held is not None else ():
            if file.file_id == file_id if file_id is not None else _has(file, traits):
                return Offered(self.disk.place_of(file.record.path), file.name)
        return None

    def _held(self, memory: MirrorStore, version_id: int) -> HeldVersion | None:
        entry = memory.get(version_id)
        files = tuple(file for file in held_files(entry) if self._is_here(file.record)) if entry else ()
        return HeldVersion(entry, files) if entry and files else None

    def _all_held(self, memory: MirrorStore, version_ids: Iterable[int]) -> Iterator[HeldVersion]:
        return (held for number in version_ids if (held := self._held(memory, number)) is not None)

    def _holding(self, memory: MirrorStore, digest: str) -> Iterator[HeldVersion]:
        look_up = memory.by_auto_v2 if len(digest) == _AUTO_V2 else memory.by_sha256
        for held in self._all_held(memory, look_up(digest)):
            own = (file.record.sha256 or file.record.proved.get("sha256", "") for file in held.files)
            if any(one.lower().startswith(digest) for one in own):
                yield held

    def _is_here(self, record: FileRecord) -> bool:
        """Whether the file lies where the store has it, with the length that it had; no name of ours is given away.

        Outside the save path, where a store that was imported may point to anything, only model files count.
        """
        outside = is_absolute(record.path)
        if not is_model_file(record.path) if outside else is_ours(record.path, self.ours):
            return False
        try:
            return record.size is not None and self.disk.size(record.path) == record.size
        except UsageError:
            return False


def _has(file: HeldFile, traits: Mapping[str, str]) -> bool:
    metadata: Any = file.said.get("metadata")
    said = {**(metadata if isinstance(metadata, dict) else {}), "type": file.said.get("type") or file.record.type}
    return all(said.get(name) == value for name, value in traits.items())
