"""Which file of a version a download URL without a file id means (API facts 7.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from civitai_kit.sandbox.enums import WEIGHT_TYPES
from civitai_kit.sandbox.records import FileRecord

WEIGHTS = {"format": 100.0, "size": 10.0, "fp": 1.0, "quantType": 0.5}
DEFAULTS = {"format": "SafeTensor", "size": "pruned", "fp": "fp16", "quantType": "Q4_K_M"}


def primary_file(files: Iterable[FileRecord], preferences: Mapping[str, str] | None = None) -> FileRecord | None:
    """The best-scoring file, the first one among equals; None when there is none."""
    wanted = DEFAULTS | dict(preferences or {})
    return max(files, key=lambda file: score(file, wanted), default=None)


def score(file: FileRecord, wanted: Mapping[str, str]) -> float:
    """How well a file fits: metadata that is absent neither helps nor harms."""
    points = 1000.0 + (1000.0 if file.type in WEIGHT_TYPES else 0.0)
    for key, weight in WEIGHTS.items():
        if key in file.metadata:
            points += weight if file.metadata[key] == wanted.get(key) else -weight
    return points


def mismatches(file: FileRecord, asked: Mapping[str, str]) -> bool:
    """Whether the file's metadata differ from what the query named (API facts 7.2, check 14)."""
    return any(file.metadata.get(key) != value for key, value in asked.items() if key in WEIGHTS)
