"""Limits and counts that are exact although many images are under way at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.images.prompts import Match
from civitai_kit.core.images.report import FailedImage, Why
from civitai_kit.core.images.targets import Target
from civitai_kit.services.images.files import PlacedImage

_LOOK = 0.2


class Grant(Enum):
    """The answer to a request for a place."""

    GRANTED = auto()
    FULL = auto()
    MODEL_FULL = auto()


class Quota:
    """Places for images: `limit` in all and `per_model` of one model, 0 for no bound.

    A place is free again when its image could not be had. `stopped` is asked while waiting for that.
    """

    def __init__(self, limit: int, per_model: int, stopped: Callable[[], bool]) -> None:
        self._limit = limit
        self._per_model = per_model
        self._stopped = stopped
        self._taken = 0
        self._under_way = 0
        self._taken_of: Counter[int] = Counter()
        self._under_way_of: Counter[int] = Counter()
        self._change = threading.Condition()

    @property
    def is_full(self) -> bool:
        """Whether every place is taken for good."""
        return bool(self._limit) and self._taken >= self._limit

    def leaves_room(self) -> bool:
        """Whether a place is free; waits while an image under way may still give one back."""
        with self._change:
            while not self.is_full and not self._has_room(None):
                if self._stopped():
                    return False
                self._change.wait(_LOOK)
            return not self.is_full

    def reserve(self, model_id: int | None) -> Grant:
        """Ask for a place; waits while an image under way may still give one back."""
        with self._change:
            while True:
                if self.is_full:
                    return Grant.FULL
                if self._model_is_full(model_id):
                    return Grant.MODEL_FULL
                if self._has_room(model_id):
                    self._count(model_id, 1)
                    return Grant.GRANTED
                if self._stopped():
                    return Grant.FULL
                self._change.wait(_LOOK)

    def settle(self, model_id: int | None, *, taken: bool) -> None:
        """Give back a reserved place, or keep it when its image was taken."""
        with self._change:
            self._count(model_id, -1)
            if taken:
                self._taken += 1
                if model_id is not None:
                    self._taken_of[model_id] += 1
            self._change.notify_all()

    def _model_is_full(self, model_id: int | None) -> bool:
        return bool(self._per_model) and model_id is not None and self._taken_of[model_id] >= self._per_model

    def _has_room(self, model_id: int | None) -> bool:
        if self._limit and self._taken + self._under_way >= self._limit:
            return False
        if not self._per_model or model_id is None:
            return True
        return self._taken_of[model_id] + self._under_way_of[model_id] < self._per_model

    def _count(self, model_id: int | None, change: int) -> None:
        self._under_way += change
        if self._per_model and model_id is not None:
            self._under_way_of[model_id] += change


@dataclass(slots=True)
class TargetCounts:
    """The counts of one target so far."""

    seen: int = 0
    downloaded: int = 0
    skipped: int = 0
    failed: int = 0
    no_metadata: int = 0


@dataclass(slots=True)
class RunCounts:
    """The counts of a run so far, with the reasons for everything that was not fetched."""

    reasons: Counter[str] = field(default_factory=Counter)
    matches: Counter[Match] = field(default_factory=Counter)
    failed: list[FailedImage] = field(default_factory=list)
    bytes: int = 0
    linked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, of: TargetCounts, number: int) -> None:
        """So many images were listed."""
        with self._lock:
            of.seen += number

    def take(self, of: TargetCounts, placed: PlacedImage) -> None:
        """An image was put in its place."""
        with self._lock:
            of.downloaded += 1
            of.no_metadata += not placed.record.meta
            self.bytes += placed.received or 0
            self.linked += placed.received is None

    def pass_over(self, of: TargetCounts, why: Why) -> None:
        """An image was not wanted, is there, or is gone."""
        with self._lock:
            of.skipped += 1
            self.reasons[str(why)] += 1

    def fail(self, of: TargetCounts, target: Target, image_id: int, error: CivitaiKitError) -> None:
        """An image could not be had."""
        with self._lock:
            of.failed += 1
            self.reasons[str(error.code)] += 1
            self.failed.append(FailedImage(target, image_id, error))

    def spend(self, received: int) -> None:
        """So many bytes came for an image that is not in its place."""
        with self._lock:
            self.bytes += received

    def match(self, match: Match) -> None:
        """An image passed the filter tags."""
        with self._lock:
            self.matches[match] += 1
