"""The journal beside a part file: which bytes of which file are known to be on disk.

Its first line is synced, like the bytes that it vouches for. The lines after it are not: they mark what has been
written since the machine was started, which a process that is killed leaves behind, and a power cut perhaps not.
"""

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
_MARK = re.compile(rb"(\d{1,18}) (\d{1,18})")

Marks = dict[int, int]
"""Where stretches of bytes begin that have been written, and how far each goes."""


@dataclass(frozen=True, slots=True)
class Point:
    """The first `offset` bytes are synced to disk, and `sha256` is theirs."""

    offset: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What a part file is a part of, and the points up to which it is proved to be on disk.

    `source` is the path of the site's URL (never a signed one, never a key), `promise` the digest or size the
    site promises, `etag` and `modified` the validators of the storage's object, `total` its length in bytes. From
    `doubtful` on there are bytes that a killed run had left unsynced: only the promised hash can vouch for them.
    """

    source: str
    promise: str | None = None
    etag: str | None = None
    modified: str | None = None
    total: int | None = None
    doubtful: int | None = None
    points: tuple[Point, ...] = ()

    @property
    def hash_decides(self) -> bool:
        """Whether the site promises a hash, so that bytes may be kept that may be wrong."""
        return self.promise is not None and not self.promise.startswith("size:")

    @property
    def synced(self) -> int:
        """How many bytes from the start are on disk for certain."""
        return self.points[-1].offset if self.points else 0

    def with_point(self, point: Point) -> Journal:
        """This journal and one more point; old points are thinned out so that it stays small."""
        kept = (*(old for old in self.points if old.offset < point.offset), point)
        if len(kept) > _MOST_POINTS:
            half = len(kept) // 2
            kept = tuple(old for at, old in enumerate(kept) if at >= half or at % 2 == 0 or old.offset == self.doubtful)
        return replace(self, points=kept)

    def doubting(self, offset: int) -> Journal:
        """This journal, with the bytes from `offset` on in doubt, or from further back where they were already."""
        return replace(self, doubtful=offset if self.doubtful is None else min(offset, self.doubtful))

    def before_doubt(self) -> Journal:
        """This journal as it was before anything doubtful was kept."""
        points = tuple(point for point in self.points if self.doubtful is None or point.offset <= self.doubtful)
        return replace(self, points=points, doubtful=None)

    def dump(self) -> bytes:
        """The journal as the bytes of its file."""
        parts = asdict(self)
        parts["points"] = [[point.offset, point.sha256] for point in self.points]
        return json.dumps({"schema": _SCHEMA, **parts}, ensure_ascii=True).encode()


def parse_journal(content: bytes) -> Journal | None:
    """The journal in the first line; None for anything that is not wholly one of ours."""
    if len(content) > LONGEST_JOURNAL:
        return None
    try:
        found = json.loads(content.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.pop("schema", None) != _SCHEMA:
        return None
    points = _points(found.pop("points", None))
    found.setdefault("doubtful", None)
    if points is None or not _well_formed(found):
        return None
    total = found["total"]
    if total is not None and points and points[-1].offset > total:
        return None
    for name in ("etag", "modified"):
        found[name] = sendable_validator(found[name])
    return Journal(**found, points=points)


def boot_line(boot: str) -> bytes:
    """The line before the marks: they count for nothing once the machine has been started anew."""
    return f"boot {boot}\n".encode()


def mark_line(start: int, stop: int) -> bytes:
    """The line that says of the bytes from `start` up to before `stop` that they have been written."""
    return b"%d %d\n" % (start, stop)


def parse_marks(content: bytes, boot: str) -> Marks:
    """The marks after a journal's first line, up to the first that is none; nothing of another `boot`."""
    marks: Marks = {}
    _, _, rest = content.partition(b"\n")
    if not rest.startswith(boot_line(boot)):
        return marks
    for line in rest.split(b"\n")[1:-1]:
        found = _MARK.fullmatch(line)
        if found is None:
            break
        start, stop = int(found[1]), int(found[2])
        marks[start] = max(stop, marks.get(start, 0))
    return marks


def stretches(marks: Marks, start: int, most: int) -> list[tuple[int, int]]:
    """What is marked from `start` up to before `most`: stretches in their order, with gaps between them."""
    merged: list[tuple[int, int]] = []
    for begin, stop in sorted((max(begin, start), min(stop, most)) for begin, stop in marks.items()):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        elif begin < stop:
            merged.append((begin, stop))
    return merged


def _well_formed(found: dict[str, Any]) -> bool:
    if set(found) != {"source", "promise", "etag", "modified", "total", "doubtful"}:
        return False
    texts = (found["promise"], found["etag"], found["modified"])
    counts = (found["total"], found["doubtful"])
    return (
        isinstance(found["source"], str)
        and all(text is None or isinstance(text, str) for text in texts)
        and all(count is None or _is_count(count) for count in counts)
    )


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
