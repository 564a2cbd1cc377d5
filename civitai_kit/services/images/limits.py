"""Limits that are exact although many images are under way at once: a place is reserved before a transfer begins."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from enum import Enum, auto

_LOOK = 0.2


class Verdict(Enum):
    """What became of asking for a place."""

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
        """Whether one more place is to be had; waits while those under way may yet leave one."""
        with self._change:
            while not self.is_full and not self._has_room(None):
                if self._stopped():
                    return False
                self._change.wait(_LOOK)
            return not self.is_full

    def reserve(self, model_id: int | None) -> Verdict:
        """Ask for a place; waits while those under way may yet leave one."""
        with self._change:
            while True:
                if self.is_full:
                    return Verdict.FULL
                if self._model_is_full(model_id):
                    return Verdict.MODEL_FULL
                if self._has_room(model_id):
                    self._count(model_id, 1)
                    return Verdict.GRANTED
                if self._stopped():
                    return Verdict.FULL
                self._change.wait(_LOOK)

    def settle(self, model_id: int | None, *, taken: bool) -> None:
        """The image of a reserved place came, or did not."""
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
