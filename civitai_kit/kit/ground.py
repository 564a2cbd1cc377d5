"""What works on files without the site is built here, so that it need not load what speaks to the site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from civitai_kit import __version__
from civitai_kit.core.errors import NotWritable
from civitai_kit.core.events import Emit, Warned
from civitai_kit.core.settings.layers import Settings
from civitai_kit.disk.save_lock import SaveLock
from civitai_kit.disk.save_path import Disk
from civitai_kit.store.places import BESIDE, DEFAULT, store_path

if TYPE_CHECKING:
    from civitai_kit.services import ports
    from civitai_kit.services.torrents.plan import Memory
    from civitai_kit.services.torrents.torrents import TorrentParts
    from civitai_kit.services.upkeep import clean
    from civitai_kit.services.upkeep import ports as upkeep_ports
    from civitai_kit.store.lmdb_store import LmdbStore
    from civitai_kit.transfer.pool import Pool


@contextmanager
def open_torrents(
    settings: Settings, out: Path | None, emit: Emit, *, command: str, stop: Event
) -> Iterator[TorrentParts]:
    """What `torrent` works with; `out` is the folder of torrents, None for beside the files.

    Takes the lock of the save path where torrents are written under it. Raises StoreLocked, StoreUnreadable,
    StoreTooNew.
    """
    from civitai_kit.disk.metainfo import TorrentFiles
    from civitai_kit.services.torrents.torrents import TorrentParts
    from civitai_kit.store.lmdb_store import LmdbStore
    from civitai_kit.transfer.pool import Pool

    disk = _disk(settings)
    inside = out is None or disk.relative(out) is not None
    with (
        _lock(disk, command) if inside else nullcontext(),
        LmdbStore.open(_database(settings, disk.root, emit), read_only=True) as store,
        closing(TorrentFiles(f"civitai-kit {__version__}", stop.is_set)) as maker,
    ):
        yield TorrentParts(
            store=store,
            disk=disk,
            pool=Pool(stop),
            maker=maker,
            stop=stop,
            out=None if out is None else Disk(out),
        )


@contextmanager
def open_ground(settings: Settings, *, writing: bool, command: str) -> Iterator[tuple[Disk, tuple[str, ...]]]:
    """The save path, and the folders in it that hold databases; `writing` takes its lock (raises StoreLocked).

    A save path that is not there is not made. Raises NotWritable where it is a file.
    """
    disk = _disk(settings)
    named = disk.relative(Path(settings.database_path).absolute()) if settings.database_path else None
    with _lock(disk, command) if writing else nullcontext():
        yield disk, (DEFAULT, BESIDE, *([named] if named else []))


def _disk(settings: Settings) -> Disk:
    disk = Disk(Path(settings.save_path).absolute())
    if disk.root.exists() and not disk.root.is_dir():
        hint = "Choose a folder with --save-path."
        raise NotWritable(f"The save path {disk.root} is a file", hint=hint, path=str(disk.root))
    return disk


def _database(settings: Settings, root: Path, emit: Emit) -> Path:
    if settings.database_path:
        return Path(settings.database_path).absolute()
    path, notice = store_path(root)
    if notice is not None:
        emit(Warned(notice))
    return path


def _lock(disk: Disk, command: str) -> AbstractContextManager[object]:
    """The lock of a save path that is there; one that is not holds nothing to quarrel over."""
    return SaveLock(disk.root, command) if disk.root.is_dir() else nullcontext()


if TYPE_CHECKING:

    def _ports_are_met(disk: Disk, store: LmdbStore, pool: Pool) -> tuple[object, ...]:
        """Where the type checker proves that the rooms fit what the services ask for."""
        ground: clean.Ground = disk
        grounds: upkeep_ports.Grounds = disk
        memory: Memory = store
        slots: ports.JobPool = pool
        return ground, grounds, memory, slots
