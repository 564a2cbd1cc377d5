"""Torrents as files: bytes on disk hashed into pieces here, metainfo, magnet and validation by torf."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torf import TorfError, Torrent

from civitai_kit.core.torrents.metainfo import Metainfo, Terms, TorrentContent, piece_size_for
from civitai_kit.disk.pieces import PieceHasher


class _Torrent(Torrent):
    """torf's torrent; 16 KiB pieces of a large checkpoint make one that is longer than torf would read."""

    MAX_TORRENT_FILE_SIZE = 64 * 1024**2


class TorrentFiles:
    """Makes torrents of files, and reads those that are there.

    `created_by` names the program; `stop` says whether everything is to stop, `threads` how many hash (None: one
    for each core).
    """

    def __init__(self, created_by: str, stop: Callable[[], bool] = lambda: False, threads: int | None = None) -> None:
        self._created_by = created_by
        self._hasher = PieceHasher(threads, stop)

    def make(
        self,
        content: TorrentContent,
        locate: Callable[[str], Path],
        terms: Terms,
        comment: str,
        moved: Callable[[int], None],
    ) -> Metainfo:
        """The torrent of a content; equal content gives an equal info-hash, whoever makes it and when.

        `locate` finds a source, `moved` is told the bytes done so far. Raises Interrupted, SizeMismatch where a
        file is not as the content says, and DiskError where one cannot be read.
        """
        piece_size = terms.piece_size or piece_size_for(content.size)
        sources = [(locate(file.source), file.size) for file in content.files]
        pieces = self._hasher.hash(sources, piece_size, moved)
        torrent = _Torrent(
            trackers=terms.trackers,
            webseeds=terms.web_seeds,
            # Written only where it is wanted: `private: 0` would be another info-hash than other programs make.
            private=terms.private or None,
            comment=comment,
            created_by=self._created_by,
        )
        info: dict[str, Any] = {**_listing(content), "piece length": piece_size, "pieces": pieces}
        torrent.metainfo["info"].update(info)  # type: ignore[typeddict-item]
        if terms.source:
            torrent.source = terms.source
        return _metainfo(torrent)

    def read(self, data: bytes) -> Metainfo | None:
        """What a torrent's file says, None where it is no torrent of the first version of the protocol."""
        try:
            return _metainfo(_Torrent.read_stream(data), data)
        except (TorfError, ValueError, RecursionError):
            return None

    def close(self) -> None:
        """Let the hashing threads go."""
        self._hasher.close()


def _listing(content: TorrentContent) -> dict[str, Any]:
    if content.single:
        return {"name": content.name, "length": content.size}
    files = [{"length": file.size, "path": list(file.path)} for file in content.files]
    return {"name": content.name, "files": files}


def _metainfo(torrent: Torrent, data: bytes | None = None) -> Metainfo:
    info = torrent.metainfo["info"]
    files = info.get("files") or [{"path": [info["name"]], "length": info["length"]}]
    return Metainfo(
        data=torrent.dump() if data is None else data,
        info_hash=torrent.infohash,
        magnet=str(torrent.magnet()),
        name=str(info["name"]),
        size=torrent.size,
        piece_size=torrent.piece_size,
        listing=tuple((tuple(str(part) for part in file["path"]), int(file["length"])) for file in files),
    )
