"""Bringing every byte of one file: attempt after attempt, keeping what is good of each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from civitai_kit.core.errors import CivitaiKitError, NotAModel, NotFound, SizeMismatch, TransferError, Unavailable
from civitai_kit.core.events import Emit, FileWaits
from civitai_kit.core.plans.order import Content, Order
from civitai_kit.core.retry import WHY_WAIT, Retries, RetryPolicy, Trouble
from civitai_kit.transfer.file.limits import Sizes, limit_of
from civitai_kit.transfer.file.reader import BodyReader
from civitai_kit.transfer.file.resumption import Resumption
from civitai_kit.transfer.file.segments import RangesRefused, Segments
from civitai_kit.transfer.file.writer import FileWriter, HashingSlots
from civitai_kit.transfer.http.answers import Setback, is_suspect
from civitai_kit.transfer.http.connection import OpenAnswer
from civitai_kit.transfer.http.ranges import StoredObject, stored_object
from civitai_kit.transfer.http.source import Source
from civitai_kit.transfer.part.part import Part
from civitai_kit.transfer.progress import FileProgress
from civitai_kit.transfer.stopping import Stopping

_PEEK = 512
_LONGEST_PAGE = 16 * 1024 * 1024


@dataclass(frozen=True)
class SharedParts:
    """What every transfer of a fetcher shares; `ticks` is a clock that only runs forward, `chance` gives 0 to 1."""

    open_source: Callable[[str, Content], Source]
    reader: BodyReader
    stopping: Stopping
    policy: RetryPolicy
    chance: Callable[[], float]
    ticks: Callable[[], float]
    log: Callable[[str], None]
    hashing: HashingSlots
    sizes: Sizes


Beginning = OpenAnswer | None
"""An open answer that is the whole file, where one has begun."""


class Attempts:
    """Fills one part from the order's sources; `suspect` says that what came looks like a page."""

    def __init__(
        self,
        shared: SharedParts,
        order: Order,
        emit: Emit,
        sources: list[Source],
        progress: FileProgress,
        *,
        begun: Beginning = None,
    ) -> None:
        self.suspect = False
        self._begun = begun
        self._shared = shared
        self._order = order
        self._emit = emit
        self._sources = sources
        self._source = sources[0]
        self._progress = progress
        self._retries = Retries(shared.policy, shared.chance)
        self._limit = limit_of(order, shared.sizes)
        self._resumption = Resumption(hash_decides=order.proof.has_hash)
        self._many = order.connections > 1 and order.content is Content.MODEL

    def complete(self, part: Part, writer: FileWriter) -> None:
        """Bring every byte, trying again after setbacks; raises what no other try can help, with the part kept."""
        self._retries.renew()
        while not part.complete:
            best = part.best
            try:
                self._attempt(part, writer)
            except Setback as setback:
                self._save(writer, setback)
                setback.advanced = part.best > best
                if setback.advanced:
                    self._retries.renew()
                self._go_on_after(setback)
            except Exception as error:  # Of a program's own progress too.
                self._keep(writer, error)
                raise
        writer.settle()

    def forget_links(self) -> None:
        """Ask the site anew at the next attempt."""
        for source in self._sources:
            source.forget()

    def distrust(self) -> None:
        """What came is wrong: let no more bytes of differing validators be put together."""
        self._resumption.distrust()

    # -- between two attempts -------------------------------------------------------------------------------

    def _save(self, writer: FileWriter, setback: Setback) -> None:
        """Sync and journal what came, unless it looks like a page or has no end: that is not worth going on from."""
        if self.suspect or isinstance(setback.error, SizeMismatch):
            writer.restart()
        else:
            writer.checkpoint()

    def _keep(self, writer: FileWriter, error: Exception) -> None:
        """Save what can be saved before an error leaves; a full disk may refuse even that."""
        try:
            writer.checkpoint()
        except CivitaiKitError as second:
            self._shared.log(f"{self._order.key}: {error} {second.message}")

    def _go_on_after(self, setback: Setback) -> None:
        """Wait for another try, or turn to the next URL; raises the setback when neither is left."""
        self._shared.log(f"{self._order.key}: {setback.error.message}")
        wait = self._retries.wait_after(setback)
        if wait is None:
            if not isinstance(setback.error, NotFound) or not self._turn_to_next():
                raise setback
            return
        if wait > 0:
            why = WHY_WAIT.get(setback.trouble, setback.error.message)
            self._emit(FileWaits(self._order.key, wait, why, too_fast=setback.trouble is Trouble.TOO_FAST))
            self._shared.stopping.wait(wait)

    def _turn_to_next(self) -> bool:
        later = self._sources[self._sources.index(self._source) + 1 :]
        if later:
            self._source = later[0]
            self._retries.renew()
        return bool(later)

    # -- one attempt ----------------------------------------------------------------------------------------

    def _attempt(self, part: Part, writer: FileWriter) -> None:
        if part.written and not self._can_resume(part):
            writer.restart()
        start = part.written
        with self._open(part, start) as answer:
            found = stored_object(answer)
            if self._asks_anew(part, answer, found, start):
                return
            self._accept(part, writer, answer, found, start)
            if part.complete:
                return
            before = part.written
            self._progress.begin(before, part.total or self._order.proof.size)
            writer.expect(answer.length)
            most = (self._limit.most if part.total is None else part.total) - before
            self._shared.reader.move(answer, writer, self._moved(), most=most)
            self._end_attempt(part, answer, moved=part.written - before)
        if self._many and answer.status == 206 and not part.complete:
            self._side_by_side(part, writer)

    def _open(self, part: Part, start: int) -> AbstractContextManager[OpenAnswer]:
        begun, self._begun = self._begun, None
        if begun is not None and not start:
            return nullcontext(begun)
        return self._source.open(self._headers(part, start))

    def _headers(self, part: Part, start: int) -> dict[str, str]:
        if self._many:
            stop = start + self._shared.sizes.first_segment
            return self._resumption.headers(part.journal, start, min([stop, *(island for island, _ in part.islands())]))
        return self._resumption.headers(part.journal, start) if start else {}

    def _asks_anew(self, part: Part, answer: OpenAnswer, found: StoredObject, start: int) -> bool:
        """Whether other bytes came than were asked for, and another link may lead to the right ones (site.md 7.6)."""
        ranged = start or (self._many and answer.status == 206)
        if not ranged or not self._resumption.asks_anew(answer.status, found, part.journal, start):
            return False
        self._shared.log(f"{self._order.key}: the storage did not heed the range; it is asked again")
        self._source.forget()
        return True

    def _can_resume(self, part: Part) -> bool:
        """Whether more bytes may be added to these: ranges are served, and a mix of two editions would be noticed."""
        journal, proof = part.journal, self._order.proof
        provable = proof.has_hash or journal.etag or journal.modified
        return bool(provable) and not self._resumption.gives_up

    def _accept(self, part: Part, writer: FileWriter, answer: OpenAnswer, found: StoredObject, start: int) -> None:
        """Make the part ready for the body of `answer`, or raise why it cannot be used."""
        if answer.status != 416:
            self._limit.check_claim(found.total)
        match answer.status:
            case 416:
                self._beyond_the_end(part, writer, found)
            case 206 if start or self._many:
                self._check_range(part, writer, found, start)
                part.learn(total=found.total or part.total, etag=found.etag, modified=found.modified)
            case _:
                self._begin_anew(part, writer, answer, found)
        if part.total is not None:
            self._limit.check_room(part.path.parent, part.total, part.written)

    def _begin_anew(self, part: Part, writer: FileWriter, answer: OpenAnswer, found: StoredObject) -> None:
        """The whole file comes: what is here is dropped, unless what comes is only a page."""
        kind = answer.headers.get("content-type", "")
        suspect = is_suspect(kind, self._shared.reader.peek(answer)[:_PEEK], self._order.target.suffix)
        if part.written:
            if suspect:
                self._source.forget()
                raise Setback(NotAModel("A page came instead of the file."), Trouble.GARBLED)
            writer.restart()
        self.suspect = suspect
        part.learn(total=found.total, etag=found.etag, modified=found.modified)
        if answer.status == 206 and found.start != 0:
            raise self._odd_range()

    def _moved(self) -> Callable[[int], None]:
        """What to call with the count of every read; it ends a page that is longer than the file was promised to be."""
        if not self.suspect:
            return self._progress.moved
        most = (self._order.proof.size or _LONGEST_PAGE) + _PEEK
        came = 0

        def moved(count: int) -> None:
            nonlocal came
            came += count
            self._progress.moved(count)
            if came > most:
                self._source.forget()
                raise Setback(NotAModel("A page came instead of the file."), Trouble.GARBLED)

        return moved

    def _check_range(self, part: Part, writer: FileWriter, found: StoredObject, start: int) -> None:
        if found.start != start:
            raise self._odd_range()
        if not self._resumption.fits(found, part.journal):
            writer.restart()
            raise _setback("The file at the storage has changed; it is fetched from the start.")

    def _beyond_the_end(self, part: Part, writer: FileWriter, found: StoredObject) -> None:
        """416: everything is here already, or the storage has another, shorter file (site.md 7.6)."""
        total = found.total if found.total is not None else part.total
        if part.written and total == part.written:
            part.learn(total=total, etag=part.journal.etag, modified=part.journal.modified)
            return
        if not writer.go_back(self._shared.stopping.check):
            writer.restart()
        raise Setback(Unavailable("The storage has no such bytes of the file.", status=416), Trouble.BUSY)

    def _end_attempt(self, part: Part, answer: OpenAnswer, *, moved: int) -> None:
        """Decide whether the end of the body is the end of the file."""
        if part.total is not None:
            if not part.complete and not moved:
                raise _setback("The storage sent nothing of what is missing.")
            return
        promised = self._order.proof.size
        said_its_end = "transfer-encoding" in answer.headers
        if not said_its_end and promised is not None and part.written < promised * 0.99:
            raise _setback("The connection closed in the middle of the file.")
        part.ended = True

    def _odd_range(self) -> Setback:
        self._many = False
        return _setback("The storage sent other bytes than those asked for.")

    def _side_by_side(self, part: Part, writer: FileWriter) -> None:
        """Bring the rest over several connections; one alone goes on when the storage serves no ranges."""
        writer.settle()
        small = part.total is None or part.total - part.written <= self._shared.sizes.segment
        if small and not part.islands():
            return
        segments = Segments(
            part,
            self._source,
            self._shared.reader,
            self._shared.stopping,
            retries=lambda: Retries(self._shared.policy, self._shared.chance),
            progress=self._progress,
            segment=self._shared.sizes.segment,
            sync=self._shared.sizes.sync,
            resumption=self._resumption,
        )
        try:
            segments.bring(self._order.connections)
        except RangesRefused as refused:
            self._many = False
            self._shared.log(f"{self._order.key}: {refused}")


def _setback(message: str) -> Setback:
    return Setback(TransferError(message), Trouble.NETWORK)
