"""The names of torrents: after the primary file, beside it or all in one folder, and no two on one path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from civitai_kit.core.paths.our_names import MAGNET, TORRENT
from civitai_kit.core.paths.relative_paths import path_key
from civitai_kit.core.paths.safe_names import safe_name, split_extension, with_mark

# In bytes; what is cut off is the end of a model's name.
_LONGEST_TITLE = 180


def content_name(model_name: str, version_name: str, number: int | None) -> str:
    """The name of several files in one torrent: `<model> - <version> (<id>)`, of what is known of these."""
    title = safe_name(" - ".join(filter(None, (model_name, version_name))), "civitai", limit=_LONGEST_TITLE)
    return title if number is None else f"{title} ({number})"


def torrent_path(file_path: str) -> str:
    """`<stem>.torrent` beside a file."""
    folder, slash, name = file_path.rpartition("/")
    stem, _ = split_extension(name)
    return f"{folder}{slash}{stem or name}{TORRENT}"


def magnet_path(torrent: str) -> str:
    """`<stem>-magnet.txt` beside a torrent."""
    return torrent.removesuffix(TORRENT) + MAGNET


def apart(wanted: Mapping[int, str], taken: Iterable[str] = ()) -> dict[int, str]:
    """Id → path for torrents, from id → wanted path.

    Paths that a file system would take for one another, or for one of `taken`, all get `_<id>` before `.torrent`.
    """
    paths = dict(wanted)
    others = {path_key(path) for path in taken}
    marked: set[int] = set()
    while clashing := _clashing(paths, others) - marked:
        paths.update({number: _marked(paths[number], number) for number in clashing})
        marked |= clashing
    return paths


def _clashing(paths: Mapping[int, str], others: set[str]) -> set[int]:
    counts = Counter(path_key(path) for path in paths.values())
    return {
        number
        for number, path in paths.items()
        if counts[path_key(path)] > 1 or path_key(path) in others or path_key(magnet_path(path)) in others
    }


def _marked(path: str, number: int) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{with_mark(name, number)}"
