"""Settings → working parts: the only place that builds them, and that closes them in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from civitai_kit.disk.save_path import Disk
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.store.places import store_path

if TYPE_CHECKING:
    from civitai_kit.client.drivers import Client
    from civitai_kit.client.exchange import Exchange
    from civitai_kit.client.pacing import Pace
    from civitai_kit.core.events import Emit
    from civitai_kit.core.retry import RetryRules
    from civitai_kit.core.settings.layers import Settings
    from civitai_kit.disk.spool import Spool
    from civitai_kit.kit.settings import Loaded
    from civitai_kit.services import ports
    from civitai_kit.services.download.download import DownloadParts
    from civitai_kit.services.exchange.exchange import ImportParts
    from civitai_kit.services.images import ports as image_ports
    from civitai_kit.services.images.images import ImageParts
    from civitai_kit.services.scan.scan import ScanParts
    from civitai_kit.transfer.fetch import Fetcher
    from civitai_kit.transfer.pool import Pool


class Kit:
    """The working parts of one command; `scan_parts` and its like hand them to the services.

    What talks to the network is made when it is first asked for, so that a command that only reads the store does
    not wait for it. `stop`, once set, halts everything.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        disk: Disk,
        store: LmdbStore,
        answers: Spool | None,
        emit: Emit,
        stop: threading.Event,
        closing: ExitStack,
    ) -> None:
        self.settings = settings
        self.disk = disk
        self.store = store
        self.answers = answers
        self.stop = stop
        self._emit = emit
        self._closing = closing

    @cached_property
    def site(self) -> Client:
        """The site's JSON."""
        from civitai_kit.client.drivers import Client
        from civitai_kit.core.events import SiteWaits

        settings = self.settings
        client = Client(
            settings.api_key.get_secret_value() or None,
            base_url=settings.api_url,
            retry=_retries(settings),
            timeout=settings.api_client_timeout_sec,
            pace=self.pace,
            on_wait=lambda seconds, why: self._emit(SiteWaits(seconds, why)),
            log=self._closing.enter_context(_api_log(settings, self.disk.root)),
            stop=self.stop,
        )
        return self._closing.enter_context(client)

    @cached_property
    def pace(self) -> Pace:
        """One for whatever asks the site: a pause that it wants of one is kept by all."""
        from civitai_kit.client.pacing import Pace

        return Pace(self.settings.api_delay_ms / 1000)

    @cached_property
    def fetcher(self) -> Fetcher:
        """What moves files."""
        from civitai_kit.client.exchange import user_agent
        from civitai_kit.transfer.fetch import Fetcher

        settings = self.settings
        fetcher = Fetcher(
            site=settings.api_url,
            api_key=settings.api_key.get_secret_value() or None,
            user_agent=user_agent(),
            timeout=settings.api_client_timeout_sec,
            retries=_retries(settings),
            connections=settings.connections,
            limit_rate=settings.limit_rate or None,
            stop=self.stop,
            pace=self.pace,
        )
        return self._closing.enter_context(fetcher)

    @cached_property
    def pool(self) -> Pool:
        """Slots for transfers."""
        from civitai_kit.transfer.pool import Pool

        return Pool(self.stop)

    @property
    def scan_parts(self) -> ScanParts:
        """What a scan works with."""
        from civitai_kit.core.paths.places import Template
        from civitai_kit.services.scan.scan import ScanParts

        return ScanParts(
            site=self.site,
            store=self.store,
            disk=self.disk,
            template=Template(self.settings.path_template),
            now=_now,
            answers=self.answers,
        )

    @property
    def download_parts(self) -> DownloadParts:
        """What a download works with."""
        from civitai_kit.services.download.download import DownloadParts

        assert self.answers is not None, "a kit for writing has a spool"
        return DownloadParts(
            site=self.site,
            site_url=self.settings.api_url,
            store=self.store,
            disk=self.disk,
            fetcher=self.fetcher,
            retries=_retries(self.settings),
            pool=self.pool,
            answers=self.answers,
            now=_now,
            stopped=self.stop.is_set,
        )

    @property
    def import_parts(self) -> ImportParts:
        """What an import works with."""
        from civitai_kit.services.exchange.exchange import ImportParts
        from civitai_kit.store.packing import pack_entries

        return ImportParts(store=self.store, disk=self.disk, pack=pack_entries, stopped=self.stop.is_set)

    @property
    def image_parts(self) -> ImageParts:
        """What fetching images works with."""
        from civitai_kit.disk.picture_folder import PictureFolder
        from civitai_kit.services.images.images import ImageParts

        return ImageParts(
            site=self.site,
            site_url=self.settings.api_url,
            store=self.store,
            disk=self.disk,
            out=PictureFolder(images_folder(self.settings)),
            fetcher=self.fetcher,
            retries=_retries(self.settings),
            pool=self.pool,
            now=_now,
            stopped=self.stop.is_set,
        )


def images_folder(settings: Settings) -> Path:
    """Where images go: the folder set for them, else `images` under the save path."""
    output = settings.images.output_dir
    return Path(output).absolute() if output else Path(settings.save_path).absolute() / "images"


@contextmanager
def open_kit(
    loaded: Loaded,
    emit: Emit,
    *,
    writing: bool,
    command: str,
    stop: threading.Event | None = None,
    answers: Spool | None = None,
) -> Iterator[Kit]:
    """Open the parts that settings ask for, and close them in reverse order whatever happens.

    `writing` takes the save path's lock and opens the store for writing (raises StoreLocked, NotWritable …); without
    it nothing is made or changed. `command` tells others who holds the lock; `stop`, once set, halts everything;
    `answers` are those of an earlier kit, so that what a scan heard is known when its plan is carried out.
    """
    settings = loaded.settings
    halt = stop or threading.Event()
    with ExitStack() as stack:
        disk = Disk(Path(settings.save_path).absolute())
        if writing:
            disk.check_writable()
            stack.enter_context(_lock(disk.root, command))
        store = stack.enter_context(_store(settings, disk.root, emit, read_only=not writing))
        if writing and answers is None:
            answers = stack.enter_context(open_answers())
        yield Kit(settings, disk=disk, store=store, answers=answers, emit=emit, stop=halt, closing=stack)


def open_answers() -> Spool:
    """A spool for the site's raw answers, closed by whoever opens it."""
    from civitai_kit.disk.spool import Spool

    return Spool()


def _lock(root: Path, command: str) -> AbstractContextManager[object]:
    from civitai_kit.disk.save_lock import SaveLock

    return SaveLock(root, command)


def _retries(settings: Settings) -> RetryRules:
    from civitai_kit.core.retry import RetryRules

    return RetryRules(max_retries=settings.max_retries, first_wait=settings.retry_delay_ms / 1000)


def _store(settings: Settings, root: Path, emit: Emit, *, read_only: bool) -> LmdbStore:
    if settings.database_path:
        return LmdbStore.open(Path(settings.database_path).absolute(), read_only=read_only)
    path, notice = store_path(root)
    if notice is not None:
        from civitai_kit.core.events import Warned

        emit(Warned(notice))
    return LmdbStore.open(path, read_only=read_only)


@contextmanager
def _api_log(settings: Settings, root: Path) -> Iterator[Callable[[Exchange], None] | None]:
    """Where exchanges with the site are logged, when that is asked for."""
    if not settings.log_api_requests:
        yield None
        return
    from civitai_kit.disk.api_log import ApiLog

    with ApiLog(root / "api.log") as log:
        yield log.write


def _now() -> datetime:
    return datetime.now(UTC)


if TYPE_CHECKING:

    def _ports_are_met(kit: Kit, spool: Spool) -> tuple[object, ...]:
        """Where the type checker proves that the rooms fit what the services ask for."""
        site: ports.Site = kit.site
        store: ports.Store = kit.store
        disk: ports.SavePath = kit.disk
        fetcher: ports.FileFetcher = kit.fetcher
        pool: ports.JobPool = kit.pool
        answers: ports.Answers = spool
        images: image_ports.ImageSite = kit.site
        image_store: image_ports.ImageStore = kit.store
        return site, store, disk, fetcher, pool, answers, images, image_store
