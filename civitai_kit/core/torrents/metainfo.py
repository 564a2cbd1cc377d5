"""What goes into a torrent: its checked terms, its piece size, and the layout of its files. No file is read here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

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
# Holds, for each torrent of several files, a link of the torrent's name to the folder where they lie.
NAMED_FOLDERS = "torrents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every torrent of a run has in common. `piece_size` in bytes, 0 to choose by the size of the content.

    `web_seeds` are roots over which the save path is served. `source` is part of the info-hash.
    """

    trackers: tuple[str, ...]
    web_seeds: tuple[str, ...] = ()
    private: bool = False
    piece_size: int = 0
    source: str = ""

    def of(self, content: TorrentContent, *, found: bool) -> Terms:
        """The terms of one torrent, each web seed the folder of its own files; none where those are not `found`."""
        folder = quote(f"{content.folder}/" if content.folder else "", errors="surrogateescape")
        seeds = tuple(f"{root.rstrip('/')}/{folder}" for root in self.web_seeds) if found else ()
        return replace(self, web_seeds=seeds)


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """One file of a torrent: its `path` in the torrent by parts, the bytes of `source` under the save path, `size`."""

    path: tuple[str, ...]
    source: str
    size: int


@dataclass(frozen=True, slots=True)
class TorrentContent:
    """What a torrent is made of: one bare file, whose only part is its name, or several in a folder of its name.

    `lies_in` is the folder under the save path from which the paths of its files count, with `/`.
    """

    name: str
    files: tuple[TorrentFile, ...]
    single: bool
    lies_in: str

    @property
    def folder(self) -> str:
        """The folder under the save path where a client finds the content by its name."""
        return self.lies_in if self.single else NAMED_FOLDERS

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
    announce: Iterable[str],
    web_seeds: Iterable[str] = (),
    *,
    private: bool = False,
    piece_size: int = 0,
    source: str = "",
) -> Terms:
    """The terms of a run, every URL and the piece size looked at; raises UsageError before anything is written."""
    trackers = tuple(dict.fromkeys(_checked_url(url, "--announce", TRACKER_SCHEMES) for url in announce))
    if not trackers:
        raise UsageError(
            "No tracker was named.", hint="Add --announce URL, once for each; docs/torrent.md names public ones."
        )
    seeds = tuple(dict.fromkeys(_checked_root(url) for url in web_seeds))
    size = _checked_piece_size(piece_size)
    return Terms(trackers=trackers, web_seeds=seeds, private=private, piece_size=size, source=source)


def piece_size_for(size: int) -> int:
    """A piece size for so many bytes: the smallest power of two that keeps to 2,048 pieces, from 16 KiB to 16 MiB.

    It decides the info-hash, so it is a matter of the size alone, not of a library's version.
    """
    wanted = SMALLEST_PIECE
    while wanted * MOST_PIECES < size and wanted < LARGEST_CHOSEN_PIECE:
        wanted *= 2
    return wanted


def content_of(sources: Iterable[tuple[str, int]], name: str) -> TorrentContent:
    """Lay out files (path under the save path, size) for a torrent.

    One file is a torrent of that file. Several have their paths in the deepest folder that holds them all, and are
    called `name`: that folder may be called `v1.0`, as many others are.
    """
    sizes = dict(sources)
    paths = sorted((tuple(path.split("/")), path) for path in sizes)
    common = _common_folder([parts for parts, _ in paths])
    files = tuple(TorrentFile(parts[len(common) :], path, sizes[path]) for parts, path in paths)
    single = len(files) == 1
    return TorrentContent(files[0].path[-1] if single else name, files, single=single, lies_in="/".join(common))


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


def _checked_root(url: str) -> str:
    """The URL over which the save path is served; folders are added to it, which cannot follow a query."""
    checked = _checked_url(url, "--web-seed", WEB_SEED_SCHEMES)
    if "@" in urlsplit(checked).netloc:
        hint = "Everybody who has the torrent could read them: serve the files without."
        raise UsageError(f"--web-seed: {url!r} has a user name or password.", hint=hint)
    if "?" in checked or "#" in checked:
        hint = "It is the URL over which the whole save path is served: folders and names are added to it."
        raise UsageError(f"--web-seed: {url!r} has a query or a fragment.", hint=hint)
    return checked


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
