"""The clients as a program gets them: everything that can be asked, and downloads with the toolkit's own engine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from civitai_kit.client import clients
from civitai_kit.core.site.models import ModelFile, ModelVersion

if TYPE_CHECKING:
    from civitai_kit.kit.single_file import Downloaded, PathLike, Progress, SingleFile


class Client(clients.BlockingClient):
    """Asks the site and blocks until it has answered; downloads files, whole and proved."""

    __doc__ = clients.BlockingClient.__doc__

    def download(
        self,
        what: ModelVersion | ModelFile | int,
        to: PathLike,
        *,
        progress: Progress | None = None,
        overwrite: bool = False,
    ) -> Downloaded:
        """Fetch a file, or of a version (or its id) the primary one, to a folder or under a name of your choice.

        `to` is a folder when it is there or ends with a slash, else the file's own path; folders are made. The file is
        proved by its hash before it gets its name; what came of one that failed stays in a part file, and the next
        call goes on from there. A right file that is there already is left, another one replaced only with
        `overwrite`. `progress(done, size)` hears of bytes a few times a second, from any thread; `size` is None where
        the site states none. It uses the key, retry policy and pace of the client, but connections of its own. It
        counts as a download of the day.

        Raises a SiteError where the site does not give the file, a TransferError where the bytes do not come or are
        not the right ones, a DiskError where the disk says no.
        """
        version = self.version(what) if isinstance(what, int) else what
        key = self._driver.key()
        return _single_file(self, key, version, to, progress, overwrite=overwrite).fetch(threading.Event())


class AsyncClient(clients.AwaitingClient):
    """Asks the site without blocking; downloads files, whole and proved."""

    __doc__ = clients.AwaitingClient.__doc__

    async def download(
        self,
        what: ModelVersion | ModelFile | int,
        to: PathLike,
        *,
        progress: Progress | None = None,
        overwrite: bool = False,
    ) -> Downloaded:
        """As `Client.download`, in a thread, from which `progress` is called; a cancelled one keeps its part file."""
        version = await self.version(what) if isinstance(what, int) else what
        key = await self._driver.key()
        return await _in_a_thread(_single_file(self, key, version, to, progress, overwrite=overwrite))


def _single_file(
    client: clients.BlockingClient | clients.AwaitingClient,
    key: str | None,
    what: ModelVersion | ModelFile,
    to: PathLike,
    progress: Progress | None,
    *,
    overwrite: bool,
) -> SingleFile:
    # What moves files is loaded when the first one is wanted.
    from civitai_kit.kit.single_file import SingleFile

    driver = client._driver
    return SingleFile(what, to, driver.asker.site, key, driver.manner, progress, overwrite)


async def _in_a_thread(file: SingleFile) -> Downloaded:
    """Fetch in a thread; when it is cancelled, nothing is left behind but the part file."""
    import anyio

    stop, begun, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> Downloaded:
        begun.set()
        try:
            return file.fetch(stop)
        finally:
            ended.set()

    try:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
    except BaseException:
        stop.set()
        with anyio.CancelScope(shield=True):
            while begun.is_set() and not ended.is_set():
                await anyio.sleep(0.02)
        raise
