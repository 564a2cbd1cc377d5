"""The journal beside a part file: which bytes of which file are known to be on disk."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from civitai_kit.core.paths.our_names import LONGEST_JOURNAL
from civitai_kit.transfer.part.validators import sendable_validator

PART_SUFFIX = ".part"
JOURNAL_SUFFIX = ".part.json"

_SCHEMA = 1
_MOST_POINTS = 64  # A journal stays small however large the file; the newest points are kept densest.
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Point:
    """The first `offset` bytes are synced to disk, and `sha256` is theirs."""

    offset: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What a part file is a part of, and the points up to which it is proved to be on disk.

    `source` is the path of the site's URL (never a signed one, never a key), `promise` the digest or size the
    site promises, `etag` and `modified` the validators of the storage's object, `total` its length in bytes.
    """

    source: str
    promise: str | None = None
    etag: str | None = None
    modified: str | None = None
    total: int | None = None
    points: tuple[Point, ...] = ()

    @property
    def synced(self) -> int:
        """How many bytes from the start are on disk for certain."""
        return self.points[-1].offset if self.points else 0

    def with_point(self, point: Point) -> Journal:
        """This journal and one more point; old points are thinned out so that it stays small."""
        kept = (*(old for old in self.points if old.offset < point.offset), point)
        if len(kept) > _MOST_POINTS:
            half = len(kept) // 2
            kept = (*kept[:half:2], *kept[half:])
        return replace(self, points=kept)

    def dump(self) -> bytes:
        """The journal as the bytes of its file."""
        parts = asdict(self)
        parts["points"] = [[point.offset, point.sha256] for point in self.points]
        return json.dumps({"schema": _SCHEMA, **parts}, ensure_ascii=True).encode()


def parse_journal(content: bytes) -> Journal | None:
    """The journal in these bytes; None for anything that is not wholly one of ours."""
    if len(content) > LONGEST_JOURNAL:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.pop("schema", None) != _SCHEMA:
        return None
    points = _points(found.pop("points", None))
    if points is None or not _well_formed(found):
        return None
    total = found["total"]
    if total is not None and points and points[-1].offset > total:
        return None
    for name in ("etag", "modified"):
        found[name] = sendable_validator(found[name])
    return Journal(**found, points=points)


def _well_formed(found: dict[str, Any]) -> bool:
    if set(found) != {"source", "promise", "etag", "modified", "total"} or not isinstance(found["source"], str):
        return False
    texts = (found["promise"], found["etag"], found["modified"])
    total = found["total"]
    return all(text is None or isinstance(text, str) for text in texts) and (total is None or _is_count(total))


def _points(found: object) -> tuple[Point, ...] | None:
    if not isinstance(found, list):
        return None
    points: list[Point] = []
    for pair in found:
        if not (isinstance(pair, list) and len(pair) == 2):
            return None
        offset, sha256 = pair
        rising = _is_count(offset) and offset > (points[-1].offset if points else 0)
        if not (rising and isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
            return None
        points.append(Point(offset, sha256))
    return tuple(points)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
