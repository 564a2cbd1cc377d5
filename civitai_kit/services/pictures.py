"""The one way to fetch a picture or clip: in the pace of its host, each once, and within one budget of requests.

Galleries and the previews beside models use it. What is fetched is named by what its bytes are. All tries are counted
here; the fetcher itself makes one and says what came in its way. `Budget` (in pace.py) says how many there are.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.errors import NotAModel
from civitai_kit.core.events import Emit, Event, FileCame, FileDone, FileStarted, FileWaits
from civitai_kit.core.paths.media_endings import MOVING
from civitai_kit.core.paths.places import image_name
from civitai_kit.core.plans.order import Content, Fetched, Order
from civitai_kit.core.retry import WHY_WAIT, RetryRules, Setback, Trouble, wait_before_retry
from civitai_kit.services.claims import Claims
from civitai_kit.services.pace import Budget, HostPace
from civitai_kit.services.ports import FileFetcher


class SharingFolder(Protocol):
    """A folder whose files may share their bytes; every `path` is relative to it with `/`."""

    def locate(self, path: str) -> Path:
        """The absolute path; raises UsageError when it would leave the folder."""

    def place_for(self, path: str) -> Path:
        """The same for a file that is to be put there; raises NotWritable where a link or the like has its name."""

    def size_at(self, place: Path) -> int | None:
        """Length in bytes of a regular file anywhere, None where there is none."""

    def link(self, source: Path, path: str) -> None:
        """Give a file a second name there, or copy it where links fail; raises DiskError."""

    def copy(self, source: Path, path: str) -> None:
        """The same with bytes of its own; raises DiskError."""

    def remove(self, path: str) -> bool:
        """Remove a file; says whether it was there. Raises NotWritable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPicture:
    """A picture wanted at `stem` (under the folder, without extension); `image_id` and `quality` tell its bytes.

    `urls` are its variants, the best first. Of a clip (`is_clip`) a still picture is not enough.
    """

    image_id: int
    quality: Quality
    stem: str
    urls: tuple[str, ...]
    is_clip: bool = False


@dataclass(frozen=True, slots=True)
class BroughtPicture:
    """A picture in its place: `path` under the folder; `received` bytes came over the network, None when linked."""

    path: str
    place: Path
    size: int
    sha256: str | None
    received: int | None


class Pictures:
    """Brings pictures into a folder, from many threads; at most `slots` are asked of the host at once.

    `stopped` is asked while waiting, `chance` gives 0 to 1.
    """

    def __init__(
        self,
        fetcher: FileFetcher,
        folder: SharingFolder,
        rules: RetryRules,
        *,
        slots: int,
        stopped: Callable[[], bool],
        emit: Emit,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._fetcher = fetcher
        self._folder = folder
        self._budget = Budget(rules)
        self._pace = HostPace(slots, self._budget.pauses, stopped)
        self._claims: Claims[tuple[int, Quality], Path] = Claims(stopped)
        self._emit = emit
        self._chance = chance

    def bring(self, picture: WantedPicture) -> BroughtPicture:
        """Fetch a picture, or link it where another job has brought the same lately.

        Raises NotFound when the host no longer has it, and what else kept it from coming.
        """
        image = (picture.image_id, picture.quality)
        with self._claims.claim(image) as lately:
            linked = None if lately is None else self.link(lately, picture.stem)
            brought = linked or self._fetch(picture)
            self._claims.bring(image, brought.place)
        return brought

    def link(self, source: Path, stem: str) -> BroughtPicture | None:
        """Give a file that is here a second name at `stem`; None when it is gone."""
        size = self._folder.size_at(source)
        if not size:
            return None
        # An extension is written as we write it, `.jpeg` for `.jpg`.
        path = f"{stem}{image_name(0, source.suffix)[1:]}"
        self._folder.link(source, path)
        return BroughtPicture(path, self._folder.locate(path), size, None, None)

    def _fetch(self, picture: WantedPicture) -> BroughtPicture:
        """The first of the picture's variants that is what it should be."""
        self._emit(FileStarted(picture.stem, None))
        for url in picture.urls:
            target = self._folder.place_for(f"{picture.stem}.jpeg")
            fetched = self._insist(Order(key=picture.stem, urls=(url,), target=target, content=Content.IMAGE))
            path = f"{picture.stem}{fetched.path.suffix}"
            if not picture.is_clip or fetched.path.suffix in MOVING:
                self._emit(FileDone(path, fetched.size, fetched.received, 0))
                place = Path(fetched.path)
                return BroughtPicture(path, place, fetched.size, fetched.digests.sha256, fetched.received)
            self._folder.remove(path)
        raise NotAModel("The image host gives only a still picture of this clip.")

    def _insist(self, order: Order) -> Fetched:
        """Try until it is there or the budget is spent; a turn at the host is held only while it is asked."""
        spent = _Spent()
        while True:
            try:
                with self._pace.turn() as end_turn:
                    fetched = self._fetcher.fetch_picture(order, partial(self._heed, end_turn))
            except Setback as setback:
                spent.received += setback.received
                wait = self._wait_after(setback, spent)
                why = WHY_WAIT.get(setback.trouble, setback.error.message)
                too_fast = setback.trouble is Trouble.TOO_FAST
                self._emit(FileWaits(order.key, wait, why, too_fast=too_fast))
                self._pace.rest(0 if too_fast else wait)
            else:
                self._pace.succeed()
                return replace(fetched, received=fetched.received + spent.received)

    def _wait_after(self, setback: Setback, spent: _Spent) -> float:
        """Seconds before the next try; raises the error when there is none."""
        wait = self._pause_after(setback, spent) if setback.trouble is Trouble.TOO_FAST else self._own(setback, spent)
        if wait is None:
            raise setback.error from setback
        return wait

    def _own(self, setback: Setback, spent: _Spent) -> float | None:
        spent.tries = 1 if setback.advanced else spent.tries + 1
        return wait_before_retry(
            self._budget.rules,
            setback.trouble,
            spent.tries,
            retry_after=setback.retry_after,
            chance=self._chance(),
        )

    def _pause_after(self, setback: Setback, spent: _Spent) -> float | None:
        spent.pauses += 1
        seconds = setback.retry_after
        if seconds is None:
            seconds = wait_before_retry(self._budget.rules, Trouble.TOO_FAST, 1) or 0.0
        pause = self._pace.refuse(seconds)
        return pause if spent.pauses <= self._budget.pauses else None

    def _heed(self, end_turn: Callable[[], None], event: Event) -> None:
        """Pass on what is told of a try; once every byte has come, another may have the turn."""
        if isinstance(event, FileCame):
            end_turn()
        else:
            self._emit(event)


@dataclass(slots=True)
class _Spent:
    """What one address has cost so far."""

    tries: int = 0
    pauses: int = 0
    received: int = 0
