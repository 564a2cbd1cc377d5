"""What looking after files takes beyond a kit: the makers of torrents, and a save path without its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit import __version__
from civitai_kit.core.errors import NotWritable
from civitai_kit.core.settings import Settings
from civitai_kit.disk.save_lock import SaveLock
from civitai_kit.disk.save_path import Disk
from civitai_kit.store.places import BESIDE, DEFAULT

if TYPE_CHECKING:
    from civitai_kit.kit import Kit
    from civitai_kit.services import clean, upkeep_ports
    from civitai_kit.services.torrents import TorrentParts


@contextmanager
def torrent_parts(kit: Kit, out: Path | None, command: str) -> Iterator[TorrentParts]:
    """What `torrent` works with; `out` is the folder of torrents, None for beside the files.

    Takes the lock of the save path where torrents are written under it; raises StoreLocked.
    """
    from civitai_kit.disk.metainfo import TorrentFiles
    from civitai_kit.services.torrents import TorrentParts

    inside = out is None or kit.disk.relative(out) is not None
    with (
        _lock(kit.disk, command) if inside else nullcontext(),
        closing(TorrentFiles(f"civitai-kit {__version__}", kit.stop.is_set)) as maker,
    ):
        yield TorrentParts(
            store=kit.store,
            disk=kit.disk,
            pool=kit.pool,
            maker=maker,
            stop=kit.stop,
            out=None if out is None else Disk(out),
        )


@contextmanager
def open_ground(settings: Settings, *, writing: bool, command: str) -> Iterator[tuple[Disk, tuple[str, ...]]]:
    """The save path, and the folders in it that hold databases; `writing` takes its lock (raises StoreLocked).

    A save path that is not there is not made. Raises NotWritable where it is a file.
    """
    disk = Disk(Path(settings.save_path).absolute())
    if disk.root.exists() and not disk.root.is_dir():
        hint = "Choose a folder with --save-path."
        raise NotWritable(f"The save path {disk.root} is a file", hint=hint, path=str(disk.root))
    named = disk.relative(Path(settings.database_path).absolute()) if settings.database_path else None
    with _lock(disk, command) if writing else nullcontext():
        yield disk, (DEFAULT, BESIDE, *([named] if named else []))


def _lock(disk: Disk, command: str) -> AbstractContextManager[object]:
    """The lock of a save path that is there; one that is not holds nothing to quarrel over."""
    return SaveLock(disk.root, command) if disk.root.is_dir() else nullcontext()


if TYPE_CHECKING:

    def _ports_are_met(disk: Disk) -> tuple[object, ...]:
        """Where the type checker proves that the room fits what the services ask for."""
        ground: clean.Ground = disk
        grounds: upkeep_ports.Grounds = disk
        return ground, grounds
