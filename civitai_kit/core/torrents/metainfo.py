"""What a torrent says and of what: its terms checked, its piece size chosen, its files laid out, no byte read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from civitai_kit.core.amounts import shown_bytes
from civitai_kit.core.errors import UsageError

TRACKER_SCHEMES = ("http", "https", "udp", "ws", "wss")
WEB_SEED_SCHEMES = ("http", "https", "ftp")
# Below, the list of hashes outgrows its use; above, clients in use refuse to load (BitTorrent 1.0 knows no bound).
SMALLEST_PIECE = 16 * 1024
LARGEST_PIECE = 64 * 1024**2
# 2,000 hashes are 40 kB of torrent; every client takes 16 MiB a piece.
MOST_PIECES = 2048
LARGEST_CHOSEN_PIECE = 16 * 1024**2
# Part of the info-hash: a constant, so that the same bytes are one swarm whoever made the torrent.
SOURCE = "civitai.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every torrent of a run has in common. `piece_size` in bytes, 0 to choose by the size of the content."""

    trackers: tuple[str, ...]
    web_seeds: tuple[str, ...] = ()
    private: bool = False
    piece_size: int = 0


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """One file of a torrent: its `path` in the torrent by parts, the bytes of `source` under the save path, `size`."""

    path: tuple[str, ...]
    source: str
    size: int


@dataclass(frozen=True, slots=True)
class TorrentContent:
    """What a torrent is made of; with `folder` empty it is one bare file, whose only part is its name.

    `folder` is where the content lies under the save path, with `/`: a client that is pointed there finds it.
    """

    name: str
    files: tuple[TorrentFile, ...]
    single: bool
    folder: str

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def listing(self) -> tuple[tuple[tuple[str, ...], int], ...]:
        """Path and size of every file, as a torrent lists them."""
        return tuple((file.path, file.size) for file in self.files)


@dataclass(frozen=True, slots=True)
class Metainfo:
    """A torrent: the file's `data`, its v1 `info_hash` in lower-case hex, its `magnet` link, and what it lists."""

    data: bytes
    info_hash: str
    magnet: str
    name: str
    size: int
    piece_size: int
    listing: tuple[tuple[tuple[str, ...], int], ...]

    def describes(self, content: TorrentContent) -> bool:
        """Whether it lists just these files with these sizes."""
        return self.name == content.name and sorted(self.listing) == sorted(content.listing)


def checked_terms(
    announce: Iterable[str], web_seeds: Iterable[str] = (), *, private: bool = False, piece_size: int = 0
) -> Terms:
    """The terms of a run, every URL and the piece size looked at; raises UsageError before anything is written."""
    trackers = tuple(dict.fromkeys(_checked_url(url, "--announce", TRACKER_SCHEMES) for url in announce))
    if not trackers:
        raise UsageError(
            "No tracker was named.", hint="Add --announce URL, once for each; docs/torrent.md names public ones."
        )
    seeds = tuple(dict.fromkeys(_checked_url(url, "--web-seed", WEB_SEED_SCHEMES) for url in web_seeds))
    return Terms(trackers=trackers, web_seeds=seeds, private=private, piece_size=_checked_piece_size(piece_size))


def piece_size_for(size: int) -> int:
    """A piece size for so many bytes: the smallest power of two that keeps to 2,048 pieces, from 16 KiB to 16 MiB.

    It decides the info-hash, so it is a matter of the size alone, not of a library's version.
    """
    wanted = SMALLEST_PIECE
    while wanted * MOST_PIECES < size and wanted < LARGEST_CHOSEN_PIECE:
        wanted *= 2
    return wanted


def content_of(sources: Iterable[tuple[str, int]], fallback: str) -> TorrentContent:
    """Lay out files (path under the save path, size) so that they can be seeded from where they lie.

    One file is a torrent of that file. Several are named by the deepest folder that holds them all, or `fallback`
    where that is the save path itself, whose name is another on every machine.
    """
    sizes = dict(sources)
    paths = sorted((tuple(path.split("/")), path) for path in sizes)
    if len(paths) == 1:
        parts, path = paths[0]
        file = TorrentFile(parts[-1:], path, sizes[path])
        return TorrentContent(parts[-1], (file,), single=True, folder="/".join(parts[:-1]))
    common = _common_folder([parts for parts, _ in paths])
    files = tuple(TorrentFile(parts[len(common) :], path, sizes[path]) for parts, path in paths)
    return TorrentContent(common[-1] if common else fallback, files, single=False, folder="/".join(common[:-1]))


def common_folder(paths: Iterable[str]) -> str:
    """The deepest folder that holds all these files, empty for the save path itself."""
    return "/".join(_common_folder([tuple(path.split("/")) for path in paths]))


def _common_folder(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    first, last = min(paths)[:-1], max(paths)[:-1]
    depth = 0
    while depth < min(len(first), len(last)) and first[depth] == last[depth]:
        depth += 1
    return first[:depth]


def _checked_piece_size(size: int) -> int:
    power_of_two = size > 0 and size & (size - 1) == 0
    if size == 0 or (power_of_two and SMALLEST_PIECE <= size <= LARGEST_PIECE):
        return size
    raise UsageError(
        f"--piece-size: {size} is no size of a piece ({shown_bytes(size)}).",
        hint="Pieces are a power of two from 16KiB to 64MiB; leave it away to have one chosen by size.",
    )


def _checked_url(url: str, flag: str, schemes: tuple[str, ...]) -> str:
    problem = _problem(url, schemes)
    if problem is None:
        return url
    known = ", ".join(f"{scheme}://" for scheme in schemes)
    raise UsageError(f"{flag}: {url!r} {problem}.", hint=f"It is a URL with a host, and begins with one of {known}.")


def _problem(url: str, schemes: tuple[str, ...]) -> str | None:
    if any(character.isspace() or unicodedata.category(character) in ("Cc", "Cs") for character in url):
        return "has a blank or a control character"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in schemes:
        return f"has the scheme {parts.scheme}" if parts.scheme else "has no scheme"
    if not host:
        return "has no host"
    if port == 0 or (parts.scheme == "udp" and port is None):
        return "has no port"
    return None
