"""One order → one verified file under its final name: the door of this room."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from civitai_kit.core.errors import CivitaiKitError, HashMismatch, NotAModel, SizeMismatch, TransferError
from civitai_kit.core.events import Emit
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.order import Content, Fetched, Order, Proof, Verdict
from civitai_kit.core.retry import RetryPolicy, RetryRules, Setback, Trouble
from civitai_kit.transfer.bandwidth import Bandwidth
from civitai_kit.transfer.file.attempts import Attempts, Beginning, SharedParts
from civitai_kit.transfer.file.limits import Sizes
from civitai_kit.transfer.file.picture_formats import HEAD, media_suffix, with_media_suffix, wrong_picture
from civitai_kit.transfer.file.reader import BodyReader
from civitai_kit.transfer.file.small_picture import fetch_small_picture
from civitai_kit.transfer.file.writer import FileWriter, HashingSlots
from civitai_kit.transfer.http.connection import HttpClient
from civitai_kit.transfer.http.source import SitePace, Source, origin_of, parse_url
from civitai_kit.transfer.part.journal import Journal
from civitai_kit.transfer.part.part import Part, open_part
from civitai_kit.transfer.progress import FileProgress
from civitai_kit.transfer.stopping import Stopping

_KEEP_HINT = "Try again later; --allow-hash-mismatch keeps such a file."


class Fetcher:
    """Fetches files, each in the caller's thread; one fetcher serves many threads at once.

    `site` is the site's root: only there does `api_key` go. `timeout` in seconds bounds every silence,
    `limit_rate` the bytes a second of all transfers together, `connections` is what an order asks for at least.
    Setting `stop` makes every call raise Interrupted within three seconds, with its part kept. `clock` tells the
    time of day, `sleep` waits between tries (and may return early), `chance` gives 0 to 1. `pace` knows the pauses
    that the site has asked of anybody in this process; `sizes` says how much is asked for and synced at once.
    """

    def __init__(
        self,
        *,
        site: str,
        api_key: str | None,
        user_agent: str,
        timeout: float,
        retries: RetryPolicy,
        connections: int = 1,
        limit_rate: int | None = None,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        chance: Callable[[], float] = random.random,
        log: Callable[[str], None] | None = None,
        pace: SitePace | None = None,
        sizes: Sizes | None = None,
    ) -> None:
        self._pace = pace
        self._site = origin_of(parse_url(site))
        self._api_key = api_key
        self._connections = connections
        self._clock = clock
        self._stopping = Stopping(stop or threading.Event(), sleep)
        self._http = HttpClient(user_agent=user_agent, timeout=timeout, stopping=self._stopping)
        bandwidth = Bandwidth(limit_rate, time.monotonic, self._stopping.pause)
        self._shared = SharedParts(
            open_source=self._open_source,
            reader=BodyReader(stopping=self._stopping, bandwidth=bandwidth, timeout=timeout, clock=time.monotonic),
            stopping=self._stopping,
            policy=retries,
            chance=chance,
            ticks=time.monotonic,
            log=log or _say_nothing,
            hashing=HashingSlots(),
            sizes=sizes or Sizes(),
        )
        self._one_try = replace(self._shared, policy=RetryRules(max_retries=0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fetch(self, order: Order, emit: Emit) -> Fetched:
        """Fetch, prove and name one file.

        Raises SiteError (what the site refused), TransferError (what the bytes refused), DiskError or Interrupted.
        Nothing stands under the final name unless it is whole and proved; what came stays in the part file.
        """
        wanted = replace(order, connections=max(order.connections, self._connections))
        try:
            return _fetch_whole_file(self._shared, wanted, emit)
        except Setback as setback:
            setback.error.received = setback.received
            raise setback.error from setback

    def fetch_picture(self, order: Order, emit: Emit) -> Fetched:
        """Try once to fetch a picture or clip, and name it by what it is; more tries are for the caller to make.

        Raises Setback when the host or the bytes refused, DiskError or Interrupted. What came of a large one stays in
        the part file, and the next try goes on from there.
        """
        try:
            return fetch_small_picture(self._one_try, order, emit, _fetch_whole_file)
        except TransferError as error:
            trouble = Trouble.GARBLED if isinstance(error, NotAModel) else Trouble.NETWORK
            setback = Setback(error, trouble)
            setback.received = error.received
            raise setback from error

    @property
    def idle_connections(self) -> int:
        """How many open connections wait for another request."""
        return self._http.idle

    def stop(self) -> None:
        """Have every transfer end now, its part kept."""
        self._stopping.set()

    def close(self) -> None:
        """Close the connections."""
        self._stopping.close()
        self._http.close()

    def _open_source(self, url: str, content: Content) -> Source:
        key = self._api_key if content is Content.MODEL else None
        return Source(
            self._http, self._stopping, url=url, site=self._site, api_key=key, clock=self._clock, pace=self._pace
        )


def _say_nothing(_: str) -> None:
    pass


def _fetch_whole_file(shared: SharedParts, order: Order, emit: Emit, begun: Beginning = None) -> Fetched:
    """Bring one file under its final name; raises what kept it from getting there.

    `begun` is an open answer that is the whole file. A picture is tried once.
    """
    sources = [shared.open_source(url, order.content) for url in order.urls]
    target, progress = Path(order.target), FileProgress(order.key, emit, shared.ticks)
    journal = Journal(source=sources[0].name, promise=_promise(order.proof))
    with progress.told(), open_part(target, journal, _names(order.proof)) as part:
        resumed = part.resume(frozenset(source.name for source in sources), order.proof, shared.stopping.check)
        if resumed:
            shared.log(f"{order.key}: {resumed} bytes are here from an earlier run")
        attempts = Attempts(shared, order, emit, sources, progress, begun=begun)
        writer = FileWriter(part, shared.ticks, shared.hashing, sync=shared.sizes.sync)
        try:
            wrong = _complete_and_prove(attempts, part, writer, order, shared.stopping.check)
        finally:
            writer.close()
        return _name(part, order, progress, mismatch=wrong)


def _complete_and_prove(
    attempts: Attempts, part: Part, writer: FileWriter, order: Order, check: Callable[[], None]
) -> bool:
    """Fill the part, once more from nothing when it turns out wrong; gives whether a wrong one is to be kept.

    Before that it is filled from where a killed run had synced it, if bytes beyond that were kept.
    """
    wrong: CivitaiKitError | None = None
    for last in (False, True):
        attempts.complete(part, writer)
        wrong = _wrong(part, order, suspect=attempts.suspect)
        if isinstance(wrong, HashMismatch) and writer.go_back(check):
            attempts.complete(part, writer)
            wrong = _wrong(part, order, suspect=attempts.suspect)
        if wrong is None or last or order.content is Content.IMAGE:
            break
        if isinstance(wrong, NotAModel):
            attempts.forget_links()
        attempts.distrust()
        writer.restart()
    if wrong is None:
        return False
    if order.allow_hash_mismatch and isinstance(wrong, HashMismatch | SizeMismatch):
        return True
    part.discard()
    raise wrong


def _name(part: Part, order: Order, progress: FileProgress, *, mismatch: bool) -> Fetched:
    final = part.target
    if order.content is Content.IMAGE:
        final = with_media_suffix(final, media_suffix(part.head(HEAD)) or final.suffix)
    fetched = Fetched(
        path=final,
        size=part.written,
        digests=part.digests(),
        received=progress.received,
        resumed=part.resumed,
        mismatch=mismatch,
    )
    part.promote(final)
    progress.end(fetched.size)
    return fetched


def _wrong(part: Part, order: Order, *, suspect: bool) -> CivitaiKitError | None:
    """What is wrong with the complete bytes, None when nothing is.

    The site's promise decides; how the bytes look counts only where nothing was promised.
    """
    if order.content is Content.IMAGE:
        return wrong_picture(part)
    verdict = order.proof.judge(part.digests(), part.written)
    if verdict is Verdict.RIGHT or (verdict is Verdict.UNPROVED and not suspect):
        return None
    if suspect:
        return NotAModel(
            "A page or an error text came instead of the file.",
            hint="Open the model's page in a browser: the file may need a login or a purchase, or be gone.",
        )
    if verdict is Verdict.WRONG_HASH:
        return HashMismatch(
            f"The file's hash is not the one the site promises{_difference(order.proof, part.digests())}.",
            hint=_KEEP_HINT,
        )
    return SizeMismatch(
        f"The file has {part.written:,} bytes, and the site promises {order.proof.size:,}.", hint=_KEEP_HINT
    )


def _names(proof: Proof) -> frozenset[str]:
    """The digests to compute while moving: SHA256 always, and the one that decides."""
    names = {"sha256", "auto_v2"}
    if not proof.sha256:
        names |= {"blake3"} if proof.blake3 else {"crc32"} if proof.crc32 else set()
    return frozenset(names)


def _promise(proof: Proof) -> str | None:
    for name in ("sha256", "blake3", "crc32"):
        value = getattr(proof, name)
        if value:
            return f"{name}:{value.lower()}"
    return None if proof.size is None else f"size:{proof.size}"


def _difference(proof: Proof, digests: Digests) -> str:
    for name in ("sha256", "blake3", "crc32"):
        promised = getattr(proof, name)
        if promised:
            return f" ({name} {getattr(digests, name)}, not {promised.lower()})"
    return ""
