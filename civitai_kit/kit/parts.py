"""What each service works with, from ground and network: a command opens a kit and takes the parts that it needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit.core.version import __version__
from civitai_kit.kit.ground import Ground

if TYPE_CHECKING:
    from civitai_kit.client.site_client import SiteClient
    from civitai_kit.core.events import Emit
    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.disk.folder import Folder
    from civitai_kit.disk.spool import Spool
    from civitai_kit.kit.network import Network
    from civitai_kit.kit.settings import Loaded
    from civitai_kit.kit.shared_store import SharedStore
    from civitai_kit.services.catalog.catalogs import CatalogParts
    from civitai_kit.services.catalog.places import CatalogPlaces
    from civitai_kit.services.download.download import DownloadParts
    from civitai_kit.services.exchange.exchange import ImportParts
    from civitai_kit.services.images.images import ImageParts
    from civitai_kit.services.library.pages import PagesParts
    from civitai_kit.services.library.ports import LibraryParts
    from civitai_kit.services.scan.scan import ScanParts
    from civitai_kit.services.torrents.torrents import TorrentParts
    from civitai_kit.services.upkeep.removed import RemovedParts
    from civitai_kit.services.upkeep.verify import VerifyParts
    from civitai_kit.store.lmdb_store import LmdbStore
    from civitai_kit.transfer.pool import Pool


class Kit:
    """The working parts of one command; `scan_parts` and its like hand them to the services.

    What is not asked for is not made, so that a command that only reads the store does not wait for the network.
    `answers` are the site's raw ones, kept where something may be written. `stop`, once set, halts everything.
    """

    def __init__(
        self,
        settings: Settings,
        ground: Ground,
        *,
        open_store: Callable[[], AbstractContextManager[LmdbStore]],
        answers: Spool | None,
        emit: Emit,
        stop: threading.Event,
        closing: ExitStack,
    ) -> None:
        self.settings = settings
        self.ground = ground
        self._open_store = open_store
        self.answers = answers
        self.stop = stop
        self._emit = emit
        self._closing = closing

    @property
    def disk(self) -> Folder:
        """The save path."""
        return self.ground.disk

    @cached_property
    def store(self) -> LmdbStore:
        """The database."""
        return self._closing.enter_context(self._open_store())

    @property
    def site(self) -> SiteClient:
        """The site's JSON."""
        return self._network.site

    @cached_property
    def pool(self) -> Pool:
        """Slots for work side by side."""
        from civitai_kit.transfer.pool import Pool

        return Pool(self.stop)

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    @property
    def scan_parts(self) -> ScanParts:
        """What a scan works with."""
        from civitai_kit.core.paths.go_layout import go_templates
        from civitai_kit.core.paths.places import Template
        from civitai_kit.services.scan.scan import ScanParts

        template = Template(self.settings.path_template)
        return ScanParts(
            site=self.site,
            store=self.store,
            disk=self.disk,
            template=template,
            now=self.now,
            answers=self.answers,
            old_templates=go_templates(template),
            places=self.ground.places(),
        )

    @property
    def download_parts(self) -> DownloadParts:
        """What a download works with."""
        from civitai_kit.disk.beside import BesideFiles
        from civitai_kit.services.download.download import DownloadParts

        assert self.answers is not None, "a kit for writing has a spool"
        return DownloadParts(
            site=self.site,
            site_url=self.settings.api_url,
            store=self.store,
            disk=self.disk,
            fetcher=self._network.fetcher,
            retries=self._network.retries,
            pool=self.pool,
            answers=self.answers,
            beside=BesideFiles(),
            now=self.now,
            stopped=self.stop.is_set,
        )

    @property
    def image_parts(self) -> ImageParts:
        """What fetching images works with."""
        from civitai_kit.services.images.images import ImageParts

        return ImageParts(
            site=self.site,
            site_url=self.settings.api_url,
            store=self.store,
            disk=self.disk,
            out=self.ground.pictures(),
            fetcher=self._network.fetcher,
            retries=self._network.retries,
            pool=self.pool,
            now=self.now,
            stopped=self.stop.is_set,
        )

    @property
    def verify_parts(self) -> VerifyParts:
        """What a verify works with; the network is made when something is fetched."""
        from civitai_kit.services.upkeep.verify import VerifyParts

        return VerifyParts(
            store=self.store,
            disk=self.disk,
            pool=self.pool,
            fetching=None if self.answers is None else lambda: self.download_parts,
            stop=self.stop,
            now=self.now,
        )

    @property
    def removed_parts(self) -> RemovedParts:
        """What asking for removed versions works with."""
        from civitai_kit.services.upkeep.removed import RemovedParts

        return RemovedParts(site=self.site, store=self.store, now=self.now, stopped=self.stop.is_set)

    @property
    def import_parts(self) -> ImportParts:
        """What an import works with."""
        from civitai_kit.services.exchange.exchange import ImportParts
        from civitai_kit.store.entry_rows import pack_entries

        return ImportParts(
            store=self.store,
            disk=self.disk,
            pack=pack_entries,
            stopped=self.stop.is_set,
            places=self.ground.places(),
        )

    @property
    def catalog_parts(self) -> CatalogParts:
        """What the catalogs work with; raises NotWritable where one of their folders is a file."""
        from civitai_kit.core.catalog.routing import routes_of
        from civitai_kit.disk.files import refuse_file
        from civitai_kit.disk.folder import Folder
        from civitai_kit.services.catalog.catalogs import CatalogParts

        refuse_file(self.ground.catalog_folder, "catalogs' folder", " with --catalog-dir")
        refuse_file(self.ground.models_folder, "models' folder", " with --models-dir")
        return CatalogParts(
            folder=Folder(self.ground.catalog_folder),
            models=Folder(self.ground.models_folder),
            site=lambda: self.site,
            lock=self.ground.catalog_lock,
            now=self.now,
            places=routes_of(self.settings.catalog.routes),
        )

    @property
    def catalog_places(self) -> CatalogPlaces:
        """Where the catalogs have files, below the save path."""
        from civitai_kit.services.catalog.places import CatalogPlaces

        return CatalogPlaces(self.catalog_parts, self.disk, self.ground.below_save_path, self.ground.places())

    @property
    def library_parts(self) -> LibraryParts:
        """What the library works with."""
        from civitai_kit.disk.beside import BesideFiles
        from civitai_kit.disk.files import stamp
        from civitai_kit.disk.folder import Folder
        from civitai_kit.disk.hashing import digest_file
        from civitai_kit.disk.linking import link_equal
        from civitai_kit.disk.model_files import find_models, header_of, whereabouts
        from civitai_kit.services.library.ports import LibraryParts

        output = self.ground.library_folder
        return LibraryParts(
            site=lambda: self.site,
            site_url=self.settings.api_url,
            store=self.store,
            disk=self.disk,
            tree=Folder(output),
            output=output,
            fetcher=lambda: self._network.fetcher,
            retries=lambda: self._network.retries,
            hash_file=digest_file,
            stamp=stamp,
            find_models=lambda roots: find_models(roots, (output, *self.ground.closed)),
            read_header=header_of,
            link_equal=link_equal,
            beside=BesideFiles(),
            look=whereabouts,
            pool=self.pool,
            now=self.now,
            stop=self.stop,
        )

    @contextmanager
    def pages_parts(self) -> Iterator[PagesParts]:
        """What the pages of a library are made with, under the lock where they lie under the save path."""
        from civitai_kit.disk.folder import Folder
        from civitai_kit.pages.render import LibraryPages
        from civitai_kit.services.library.pages import PagesParts

        output = self.ground.library_folder
        mine = output.as_posix()
        inside = self.disk.relative(output) is not None
        with self.ground.lock_if_there(self._emit) if inside else nullcontext():
            yield PagesParts(
                files=lambda: (file for file in self.store.library_files() if file.output == mine),
                tree=Folder(output),
                maker=LibraryPages(self.settings.api_url),
                stopped=self.stop.is_set,
            )

    @contextmanager
    def torrent_parts(self, out: Path | None) -> Iterator[TorrentParts]:
        """What torrents are made with; `out` is their folder, None for beside the files.

        Under the save path they are written under its lock (raises StoreLocked).
        """
        from civitai_kit.disk.folder import Folder
        from civitai_kit.disk.metainfo import TorrentFiles
        from civitai_kit.services.torrents.torrents import TorrentParts

        inside = out is None or self.disk.relative(out) is not None
        with (
            self.ground.lock_if_there(self._emit) if inside else nullcontext(),
            closing(TorrentFiles(f"civitai-kit {__version__}", self.stop.is_set)) as maker,
        ):
            yield TorrentParts(
                store=self.store,
                disk=self.disk,
                pool=self.pool,
                maker=maker,
                stop=self.stop,
                out=None if out is None else Folder(out),
            )

    @cached_property
    def _network(self) -> Network:
        from civitai_kit.kit.network import Network

        return Network(self.settings, self.disk.root / "api.log", self._emit, self.stop, self._closing)


@contextmanager
def open_kit(
    loaded: Loaded,
    emit: Emit,
    *,
    writing: bool,
    command: str,
    stop: threading.Event | None = None,
    answers: Spool | None = None,
    shared: SharedStore | None = None,
) -> Iterator[Kit]:
    """The parts that settings ask for, closed in reverse order whatever happens.

    `writing` takes the save path's lock and opens the store for writing (raises StoreLocked, NotWritable …); without
    it nothing is made or changed. A save path that is a file raises NotWritable. `command` tells others who holds the
    lock; `stop`, once set, halts everything; `answers` are those of an earlier kit, so that what a scan heard is known
    when its plan is carried out. `shared` is the database of a process that others read at the same time.
    """
    from civitai_kit.disk.files import refuse_file

    ground = Ground(loaded.settings, command)
    refuse_file(ground.disk.root)
    opener = shared or ground
    with ExitStack() as stack:
        if writing:
            ground.disk.check_writable()
            stack.enter_context(ground.lock(emit))
        if writing and answers is None:
            answers = stack.enter_context(open_answers())
        kit = Kit(
            loaded.settings,
            ground,
            open_store=partial(opener.store, emit, read_only=not writing),
            answers=answers,
            emit=emit,
            stop=stop or threading.Event(),
            closing=stack,
        )
        if writing:
            _ = kit.store  # It is there, and can be written, before anything is fetched for it.
        yield kit


def open_answers() -> Spool:
    """A spool for the site's raw answers, closed by whoever opens it."""
    from civitai_kit.disk.spool import Spool

    return Spool()
