"""Counting what becomes of images, from several threads."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.image_report import FailedImage, Why
from civitai_kit.core.image_targets import Target
from civitai_kit.core.prompts import Match
from civitai_kit.services.image_files import Placed


@dataclass(slots=True)
class TargetTally:
    """What came of one target so far."""

    seen: int = 0
    downloaded: int = 0
    skipped: int = 0
    failed: int = 0
    no_metadata: int = 0


@dataclass(slots=True)
class Tally:
    """What came of a run so far, with the reasons of everything that did not come."""

    reasons: Counter[str] = field(default_factory=Counter)
    matches: Counter[Match] = field(default_factory=Counter)
    failed: list[FailedImage] = field(default_factory=list)
    bytes: int = 0
    linked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, of: TargetTally, number: int) -> None:
        """So many images were listed."""
        with self._lock:
            of.seen += number

    def take(self, of: TargetTally, placed: Placed) -> None:
        """An image was put in its place."""
        with self._lock:
            of.downloaded += 1
            of.no_metadata += not placed.record.meta
            self.bytes += placed.received or 0
            self.linked += placed.received is None

    def pass_over(self, of: TargetTally, why: Why) -> None:
        """An image was not wanted, is there, or is gone."""
        with self._lock:
            of.skipped += 1
            self.reasons[str(why)] += 1

    def fail(self, of: TargetTally, target: Target, image_id: int, error: CivitaiKitError) -> None:
        """An image could not be had."""
        with self._lock:
            of.failed += 1
            self.reasons[str(error.code)] += 1
            self.failed.append(FailedImage(target, image_id, error))

    def match(self, match: Match) -> None:
        """An image passed the filter tags."""
        with self._lock:
            self.matches[match] += 1
