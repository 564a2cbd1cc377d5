"""Every model file's digests: those of an earlier run where it is untouched, else read now, in one pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from civitai_kit.core.errors import CivitaiKitError, DiskError, Interrupted
from civitai_kit.core.events import Emit, FileFailed, FileKept, FileMoved, FileStarted, RunStarted
from civitai_kit.core.library.model_file import FoundModel
from civitai_kit.core.plans.digests import Digests, FileStamp
from civitai_kit.services.library.ports import LibraryParts

# A write to the store is synced, which takes as long as reading a small file: digests are kept together. What a kill
# may lose is read again.
_KEPT_SECONDS = 1.0
_KEPT_BYTES = 256 * 2**20
_TOLD_EVERY = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file with its digests, or the error that kept them from being had; `is_read` when its bytes were read now."""

    path: Path
    stamp: FileStamp
    root: Path
    digests: Digests
    is_read: bool = False
    error: CivitaiKitError | None = None


def hash_files(parts: LibraryParts, models: Iterable[FoundModel], threads: int, emit: Emit) -> Iterator[Hashed]:
    """The digests of files, in the order in which they are had; those that need no reading come first.

    What was read is kept even when the run is stopped, which raises Interrupted.
    """
    fresh: list[FoundModel] = []
    for model in models:
        known = parts.store.cached_digests(model.stamp)
        if known is not None and _is_whole(known):
            yield Hashed(model.path, model.stamp, model.root, known)
        else:
            fresh.append(model)
    if fresh:
        emit(RunStarted(len(fresh), sum(model.stamp.size for model in fresh)))
        yield from _read(parts, fresh, threads, emit)


def _is_whole(digests: Digests) -> bool:
    """Whether all digests are known: a verify keeps one of them."""
    return None not in (digests.sha256, digests.blake3, digests.crc32)


def _read(parts: LibraryParts, models: list[FoundModel], threads: int, emit: Emit) -> Iterator[Hashed]:
    keeping = _Keeping(parts)
    jobs = (partial(_hash, parts, model, emit) for model in models)
    try:
        for outcome in parts.pool.run(jobs, threads):
            if outcome.value is not None:
                keeping.keep(outcome.value)
                yield outcome.value
            elif outcome.error is not None and not isinstance(outcome.error, Interrupted):
                model = models[outcome.index]
                yield Hashed(model.path, model.stamp, model.root, Digests(), error=outcome.error)
    finally:
        keeping.flush()
    if parts.stop.is_set():
        raise Interrupted("Stopped before every file was read.", hint="Run it again: what was read is kept.")


def _hash(parts: LibraryParts, model: FoundModel, emit: Emit) -> Hashed:
    key = model.path.as_posix()
    emit(FileStarted(key, model.stamp.size))
    try:
        digests = parts.hash_file(model.path, stop=parts.stop, progress=_progress(key, model.stamp.size, emit))
        if parts.stamp(model.path) != model.stamp:
            raise DiskError(f"{key} was changed while it was read.", hint="Run it again when it is complete.", path=key)
    except DiskError as error:
        emit(FileFailed(key, error))
        return Hashed(model.path, model.stamp, model.root, Digests(), error=error)
    emit(FileKept(key, model.stamp.size))
    return Hashed(model.path, model.stamp, model.root, digests, is_read=True)


def _progress(key: str, size: int, emit: Emit) -> Callable[[int], None]:
    done = told = 0

    def progress(count: int) -> None:
        nonlocal done, told
        done += count
        if done - told >= _TOLD_EVERY:
            told = done
            emit(FileMoved(key, done, size))

    return progress


@dataclass
class _Keeping:
    """Digests on their way into the store, some together."""

    parts: LibraryParts
    waiting: list[tuple[FileStamp, Digests]] = field(default_factory=list)
    size: int = 0
    since: float = field(default_factory=time.monotonic)

    def keep(self, hashed: Hashed) -> None:
        if hashed.error is None:
            self.waiting.append((hashed.stamp, hashed.digests))
            self.size += hashed.stamp.size
        if self.size >= _KEPT_BYTES or time.monotonic() - self.since >= _KEPT_SECONDS:
            self.flush()

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        self.size, self.since = 0, time.monotonic()
        if waiting:
            self.parts.store.remember_many_digests(waiting)
