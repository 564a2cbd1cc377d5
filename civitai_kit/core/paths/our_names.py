"""The names that civitai-kit keeps for itself, and what cut-off work leaves behind, told by them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

from civitai_kit.core.paths.relative_paths import path_key

TORRENT = ".torrent"
MAGNET = "-magnet.txt"
PART = ".part"
JOURNAL = ".part.json"
# No file of a model bears them, wherever it lies: unfinished files, and what is made beside finished ones.
OUR_ENDINGS = (PART, JOURNAL, ".tmp", TORRENT, MAGNET)
# At the top of the save path: the databases. What settings name comes to these.
OUR_PLACES = ("civitai_download_db", "civitai_kit_db")
# In every folder, for any may be a save path another time: the log of --log-api, the lock and its like.
_OUR_LOG = "api.log"
_OUR_BEGINNING = ".civitai-kit"
# Browsers, aria2, the hub clients of other sites, other downloaders of this one.
_OTHERS = (".downloading", ".incomplete", ".aria2", ".crdownload", ".opdownload", ".partial")
# No journal is longer (the transfer room keeps it small); what is need not be read.
LONGEST_JOURNAL = 64 * 1024


class LeftoverKind(StrEnum):
    """What a leftover is: `temporary` cannot be resumed, `part` and its `journal` can, `foreign` is another tool's."""

    TEMPORARY = "temporary"
    PART = "part"
    JOURNAL = "journal"
    FOREIGN_PART = "foreign_part"
    FOREIGN = "foreign"
    TORRENT = "torrent"
    MAGNET = "magnet"


# What must be asked for before a kind is removed; one of them suffices. Nothing need be for temporary files.
ASKED_BY: Mapping[LeftoverKind, tuple[str, ...]] = {
    LeftoverKind.TEMPORARY: (),
    LeftoverKind.PART: ("parts",),
    LeftoverKind.JOURNAL: ("parts",),
    LeftoverKind.FOREIGN_PART: ("parts", "foreign"),
    LeftoverKind.FOREIGN: ("foreign",),
    LeftoverKind.TORRENT: ("torrents",),
    LeftoverKind.MAGNET: ("magnets",),
}
# These are no leftovers: they are removed only on request, and not reported when they stay.
MADE_ON_PURPOSE = frozenset({LeftoverKind.TORRENT, LeftoverKind.MAGNET})


def is_ours(path: str, places: tuple[str, ...] = OUR_PLACES) -> bool:
    """Whether a path under the save path is a name that civitai-kit keeps for itself; case makes no difference.

    `places` are what lies there of ours, files and folders, relative with `/`.
    """
    key = _key(path)
    return key.endswith(OUR_ENDINGS) or _holds_our_name(f"/{key}/") or f"{key}/".startswith(_beginnings(places))


def given_away(path: str, places: tuple[str, ...] = OUR_PLACES) -> str:
    """The path, or the nearest one that is not ours: with a `_` after the name that is."""
    if not is_ours(path, places):
        return path
    parts = [_freed(part) for part in path.split("/")]
    if (place := _place_of(_key("/".join(parts)), places)) is not None:
        parts[place.count("/")] += "_"
    if _key(parts[-1]).endswith(OUR_ENDINGS):
        parts[-1] += "_"
    return given_away("/".join(parts), places)


def _holds_our_name(key: str) -> bool:
    return f"/{_OUR_BEGINNING}" in key or f"/{_OUR_LOG}/" in key


def _freed(part: str) -> str:
    key = _key(part)
    return f"_{part}" if key.startswith(_OUR_BEGINNING) else f"{part}_" if key == _OUR_LOG else part


def _place_of(key: str, places: tuple[str, ...]) -> str | None:
    return next((place for place in map(_key, places) if f"{key}/".startswith(f"{place}/")), None)


# The same few places for the hundred thousand paths of an import.
@lru_cache(maxsize=8)
def _beginnings(places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{_key(place)}/" for place in places)


def _key(path: str) -> str:
    """As `path_key`, and quicker for plain paths."""
    return path.lower() if path.isascii() else path_key(path)


def kind_of(name: str) -> LeftoverKind | None:
    """What a file of this name may be, None for none of ours to touch.

    A `.part` may be another tool's, and what is named like a journal may be a sidecar: see `is_journal`.
    """
    lowered = name.lower()
    endings = (
        (".tmp", LeftoverKind.TEMPORARY),
        (JOURNAL, LeftoverKind.JOURNAL),
        (PART, LeftoverKind.PART),
        (TORRENT, LeftoverKind.TORRENT),
        (MAGNET, LeftoverKind.MAGNET),
        *((ending, LeftoverKind.FOREIGN) for ending in _OTHERS),
    )
    return next((kind for ending, kind in endings if lowered.endswith(ending)), None)


def is_journal(content: bytes) -> bool:
    """Whether a `.part.json` is the journal of a part file, and not the sidecar of a model file named `x.part.…`."""
    if len(content) > LONGEST_JOURNAL:
        return False
    try:
        found: Any = json.loads(content.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"schema", "source", "points"} <= found.keys()
