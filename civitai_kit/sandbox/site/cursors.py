"""The sort orders of the model listing and their cursors (site.md 2.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from civitai_kit.sandbox.site.replies import SiteRefusal, json_reply
from civitai_kit.sandbox.worlds.records import WorldModel

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RowOrder:
    """A sort order: what its cursor is made of, and which rows follow a cursor."""

    key: Callable[[WorldModel], Key]
    parts: int
    descending: bool
    follows: Callable[[Key, Key], bool]


def _by(first: Callable[[WorldModel], int], second: Callable[[WorldModel], int]) -> RowOrder:
    """By counters, highest first; the next page starts at the row that the cursor names."""
    return RowOrder(lambda m: (first(m), second(m), m.id), 3, True, lambda row, cursor: row <= cursor)


def _thumbs(model: WorldModel) -> int:
    return model.thumbs_up


def _downloads(model: WorldModel) -> int:
    return model.downloads or 0


ORDERS: dict[str, RowOrder] = {
    "Highest Rated": _by(_thumbs, _downloads),
    "Most Liked": _by(_thumbs, _downloads),
    "Most Downloaded": _by(_downloads, _thumbs),
    "Most Discussed": _by(lambda m: m.comments, _thumbs),
    "Most Collected": _by(lambda m: m.collected, _thumbs),
    "Most Images": _by(lambda m: m.image_count, _thumbs),
    # The cursor names the first row that was not given, but the comparison is strict: that row is lost.
    "Newest": RowOrder(lambda m: (m.last_version_at, m.id), 2, True, lambda row, cursor: row < cursor),
    # Only the time is compared, so rows of the same time come twice.
    "Oldest": RowOrder(lambda m: (m.last_version_at, m.id), 2, False, lambda row, cursor: row[0] >= cursor[0]),
}


def parse_cursor(text: str, order: RowOrder) -> Key:
    """A cursor's parts; raises SiteRefusal for a cursor of another order."""
    parts = text.split("|")
    if len(parts) != order.parts:
        expected = f"expected {order.parts} value(s) for this sort, received {len(parts)}"
        raise SiteRefusal(json_reply({"message": f"Invalid cursor: {expected}"}, 400))
    if order.parts == 2:
        return (_date(parts[0]), _integer(parts[1]))
    return tuple(_integer(part) for part in parts)


def _integer(part: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", part):
        raise SiteRefusal(json_reply({"message": f'Invalid cursor: unparseable numeric value "{part}"'}, 400))
    return int(part)


def _date(part: str) -> datetime:
    try:
        return datetime.fromisoformat(part).replace(tzinfo=UTC)
    except ValueError:
        raise SiteRefusal(json_reply({"message": f'Invalid cursor: unparseable date value "{part}"'}, 400)) from None


def cursor_for(order: RowOrder, model: WorldModel) -> str:
    """The cursor that names a row."""
    return "|".join(_cursor_part(part) for part in order.key(model))


def _cursor_part(part: Any) -> str:
    if isinstance(part, datetime):
        return part.strftime("%Y-%m-%d %H:%M:%S.") + f"{part.microsecond // 1000:03d}"
    return str(part)
