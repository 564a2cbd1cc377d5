"""What a person has on disk, from settings: the save path, its lock, the database. Each opens by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.paths.our_names import OUR_PLACES
from civitai_kit.disk.files import refuse_file
from civitai_kit.disk.folder import Folder
from civitai_kit.files.spelling import plain_path
from civitai_kit.store.location import DEFAULT, store_path

if TYPE_CHECKING:
    from civitai_kit.core.events import Emit
    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.disk.picture_folder import PictureFolder
    from civitai_kit.store.lmdb_store import LmdbStore


# A change of the catalogs takes some milliseconds; so long others may be at theirs.
_CATALOG_WAIT = 10.0


class Ground:
    """The places that settings name; to make one opens nothing. `command` tells others who holds the lock."""

    def __init__(self, settings: Settings, command: str) -> None:
        self._database = Path(settings.database_path).absolute() if settings.database_path else None
        root = Path(settings.save_path).absolute()
        self.closed = _database_places(self._database or root / DEFAULT, root)
        self.disk = Folder(root, closed=self.closed)
        self._command = command
        self._log_file = settings.log_file
        self._images = images_folder(settings)
        self.library_folder = library_folder(settings)
        named = settings.catalog
        self._is_catalog_named, self._is_models_named = bool(named.catalog_dir), bool(named.models_dir)
        self.catalog_folder = _folder(settings.catalog.catalog_dir, root / "catalog")
        self.models_folder = _folder(settings.catalog.models_dir, root)

    def below_save_path(self, place: str) -> str | None:
        """The path under the save path of a place below the models' folder; None where that lies elsewhere."""
        return self.disk.relative(self.models_folder / place)

    def catalog_lock(self) -> AbstractContextManager[object]:
        """The lock of the catalogs, for one change; it is waited for while other programs make theirs."""
        from civitai_kit.disk.save_lock import wait_for_lock

        return wait_for_lock(self.catalog_folder, self._command, _CATALOG_WAIT)

    def catalog_notices(self) -> Iterator[str]:
        """What will not go well with the catalogs, as sentences: a folder that is not there, or cannot be written."""
        if not self.catalog_folder.exists() and self._is_catalog_named:
            yield f"The catalogs' folder {self.catalog_folder} is not there; the first entry makes it."
        if not self.models_folder.exists() and self._is_models_named:
            yield f"The models' folder {self.models_folder} is not there: every file counts as missing."
        try:
            Folder(self.catalog_folder).check_could_be_written()
        except CivitaiKitError as error:
            yield f"The catalogs can only be read: {error.message}"

    @contextmanager
    def lock(self, emit: Emit) -> Iterator[None]:
        """The save path's lock, held within `with`, whatever is open meanwhile; the save path is made for it.

        Taking it raises StoreLocked with who holds it, or NotWritable.
        """
        from civitai_kit.disk.save_lock import SaveLock

        with SaveLock(self.disk.root, self._command) as lock:
            _warn(emit, lock.notice)
            yield

    def lock_if_there(self, emit: Emit) -> AbstractContextManager[object]:
        """The same, but a save path that is not there is not made: there is nothing to quarrel over."""
        return self.lock(emit) if self.disk.root.is_dir() else nullcontext()

    def store(self, emit: Emit, *, read_only: bool) -> LmdbStore:
        """The database, open until it is closed; needs no lock. Raises StoreUnreadable, StoreTooNew, StoreLocked."""
        from civitai_kit.store.lmdb_store import LmdbStore

        store = LmdbStore.open(self._database_path(emit), read_only=read_only)
        _warn(emit, store.notice)
        return store

    def pictures(self) -> PictureFolder:
        """The folder of images."""
        from civitai_kit.disk.picture_folder import PictureFolder

        return PictureFolder(self._images)

    def places(self) -> tuple[str, ...]:
        """What is ours under the save path, relative: databases, or what might become one, logs, and the catalogs."""
        catalogs = (self.catalog_folder / name for name in ("models.json", "loras.json"))
        named = [*catalogs, *self.closed, *([Path(self._log_file)] if self._log_file else [])]
        found = (self.disk.relative(place) for place in (*named, *(place.resolve() for place in named)))
        return tuple(dict.fromkeys((*OUR_PLACES, *(path for path in found if path))))

    def _database_path(self, emit: Emit) -> Path:
        if self._database is not None:
            return self._database
        path, notice = store_path(self.disk.root)
        _warn(emit, notice)
        return path


_DATABASE_FILES = ("data.mdb", "lock.mdb", ".civitai-kit.images")


def _database_places(database: Path, root: Path) -> tuple[Path, ...]:
    """What nothing else may be put into: the database's folder, or its files where the save path lies within it."""
    within = Path(root.resolve()).is_relative_to(database.resolve())
    return tuple(database / name for name in _DATABASE_FILES) if within else (database,)


def images_folder(settings: Settings) -> Path:
    """Where images go: the folder set for them, else `images` under the save path."""
    output = settings.images.output_dir
    return Path(output).absolute() if output else Path(settings.save_path).absolute() / "images"


def _folder(named: str, otherwise: Path) -> Path:
    return Path(named).absolute() if named else otherwise


def library_folder(settings: Settings) -> Path:
    """Where the library goes: the folder set for it, else `library` under the save path."""
    output = settings.library.output_dir
    return plain_path(output or Path(settings.save_path) / "library")


@contextmanager
def open_ground(settings: Settings, emit: Emit, *, writing: bool, command: str) -> Iterator[Ground]:
    """The ground for a command that needs no database; `writing` takes the lock (raises StoreLocked).

    A save path that is not there is not made. Raises NotWritable where it is a file.
    """
    ground = Ground(settings, command)
    refuse_file(ground.disk.root)
    with ground.lock_if_there(emit) if writing else nullcontext():
        yield ground


def _warn(emit: Emit, notice: str | None) -> None:
    if notice is not None:
        from civitai_kit.core.events import Warned

        emit(Warned(notice))
