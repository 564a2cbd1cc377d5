"""What is left behind by work that was cut off, told by names and by what stands in a journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

# What civitai-kit keeps for itself: unfinished files, and its databases.
OUR_ENDINGS = (".part", ".part.json", ".tmp")
OUR_FOLDERS = ("civitai_download_db", "civitai_kit_db")
TORRENT = ".torrent"
MAGNET = "-magnet.txt"


PART = ".part"
JOURNAL = ".part.json"
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
        found: Any = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"schema", "source", "points"} <= found.keys()
