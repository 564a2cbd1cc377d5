"""One file for a program: which one is meant, where it goes, and the engine that brings it there."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from civitai_kit.client.exchange import refuse_key_in_clear, user_agent
from civitai_kit.client.manner import Manner, check_hook
from civitai_kit.client.pacing import PacePolicy, turn_of
from civitai_kit.core.errors import NotWritable, UsageError
from civitai_kit.core.events import Event, FileMoved, FileWaits
from civitai_kit.core.paths.file_names import file_name_of
from civitai_kit.core.plans.order import Order, Verdict
from civitai_kit.core.plans.selection import Choice
from civitai_kit.core.proxies import proxy_for
from civitai_kit.core.site.models import Model, ModelFile, ModelVersion, with_ids
from civitai_kit.core.site.urls import path_and_query
from civitai_kit.disk.hashing import digest_file
from civitai_kit.files.errors import writing
from civitai_kit.machine import proxy_variables
from civitai_kit.services.items import item_of, order_of
from civitai_kit.transfer.file.fetch import Fetcher

PathLike: TypeAlias = "str | os.PathLike[str]"
Progress: TypeAlias = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file under its final name, whole and proved: what `Client.download` gives.

    `path` is absolute, `size` in bytes, `digests` lower-case hex by the site's names (`SHA256`, `AutoV2` …).
    `received` bytes came over the network and `resumed` were kept from an earlier try; both are 0 for a file that was
    there already.
    """

    path: Path
    size: int
    digests: dict[str, str]
    received: int = 0
    resumed: int = 0


@dataclass(frozen=True, slots=True)
class SingleFile:
    """One file of a version, to be put at `to`: a folder that is there or ends with a slash, else the file's own path.

    `site` is the site's root, `key` goes to it alone. `progress(done, size)` hears of bytes a few times a second,
    from any thread. A right file that is there is left; another one is replaced only with `overwrite`.
    """

    what: ModelVersion | ModelFile
    to: PathLike
    site: str
    key: str | None
    manner: Manner
    progress: Progress | None = None
    overwrite: bool = False

    def fetch(self, stop: threading.Event) -> Downloaded:
        """Bring it; raises a SiteError, TransferError or DiskError, and Interrupted once `stop` is set.

        What came before an error stays in a part file beside the target, and the next call goes on from there.
        """
        check_hook("progress", self.progress)
        order = self._order()
        if (there := self._there(order, stop)) is not None:
            return there
        refuse_key_in_clear(self.key, self.site, proxy_for(proxy_variables(), self.site))
        with Fetcher(
            site=self.site,
            api_key=self.key,
            user_agent=user_agent(),
            timeout=self.manner.timeout,
            retries=self.manner.retry,
            stop=stop,
            pace=_ClientTurns(self.manner.pace),
        ) as fetcher:
            try:
                came = fetcher.fetch(order, self._heard)
            except BaseException:
                fetcher.stop()
                raise
        return Downloaded(
            Path(came.path), came.size, came.digests.as_site_names(), received=came.received, resumed=came.resumed
        )

    def _order(self) -> Order:
        version, file = _meant(self.what)
        target = _target(self.to, file_name_of(version, file))
        item = item_of(Choice(Model(), version, file), target.name)
        return order_of(item, self.site, target, connections=1, allow_hash_mismatch=False)

    def _there(self, order: Order, stop: threading.Event) -> Downloaded | None:
        """The file where it is there and right, None where it is to be fetched; raises where it is another one."""
        path = Path(order.target)
        if path.is_dir():
            raise NotWritable(
                f"{path} is a folder.", hint="End the path with a slash for a file in it.", path=str(path)
            )
        if not path.exists():
            return None
        size, digests = path.stat().st_size, digest_file(path, stop=stop)
        verdict = order.proof.judge(digests, size)
        if verdict is Verdict.RIGHT:
            return Downloaded(path, size, digests.as_site_names())
        if not self.overwrite:
            hint = "Choose another name, or say overwrite=True."
            raise NotWritable(f"{path} is there, and is not this file.", hint=hint, path=str(path))
        return None

    def _heard(self, event: Event) -> None:
        if self.progress is not None and isinstance(event, FileMoved):
            self.progress(event.done, event.size)
        if isinstance(event, FileWaits):
            self.manner.pause(event.seconds, event.why, everybody=event.too_fast)


class _ClientTurns:
    """A client's pace as the engine asks for it, which looks again after each pause: one turn a request to the site."""

    def __init__(self, pace: PacePolicy) -> None:
        self._pace = pace
        self._has_turn = False

    def held(self) -> float:
        """Seconds until the turn that was taken; none where it has come."""
        seconds = 0.0 if self._has_turn else turn_of(self._pace)
        self._has_turn = seconds > 0
        return seconds

    def hold(self, seconds: float) -> None:
        """Nothing yet: how long to pause is for the retry policy to say."""


def _meant(what: ModelVersion | ModelFile) -> tuple[ModelVersion, ModelFile]:
    """The version and the file of it: that one, or of a version the primary one."""
    if isinstance(what, ModelFile):
        return _version_of(what), what
    if not isinstance(what, ModelVersion):
        raise UsageError(
            f"A {type(what).__name__} cannot be downloaded.", hint="Give a version, its id, or a file of it."
        )
    if what.id is None or not what.files:
        raise UsageError("This version has no file that could be downloaded.")
    version = with_ids(what)
    return version, next((file for file in version.files if file.primary), version.files[0])


def _version_of(file: ModelFile) -> ModelVersion:
    path = path_and_query(file.download_url or "")
    found = re.match(r"/api/download/models/([0-9]+)", path or "")
    if found is None:
        raise UsageError("This file does not say where it comes from.", hint="Give the version instead.")
    return with_ids(ModelVersion(id=int(found[1]), files=(file,)))


def _target(to: PathLike, name: str) -> Path:
    if not isinstance(to, str | os.PathLike) or isinstance(os.fspath(to), bytes) or "\0" in str(to):
        raise UsageError(f"to takes the path of a folder or file, not {to!r}.")
    path = Path(to)
    with writing(path):
        folder = str(to).endswith(("/", os.sep)) or path.is_dir()
        target = (path / name if folder else path).absolute()
        target.exists()  # Whatever the system has against such a path, it says here.
    return target
