"""The pages of a library: made from its folders and the store's memory of them, and only where something changed."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from civitai_kit.core.errors import DiskError, Interrupted
from civitai_kit.core.library.kept_model import KeptModel, KeptPreview
from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.core.library.pages_report import PagesReport
from civitai_kit.core.paths.media_endings import MEDIA
from civitai_kit.services.ports import TreeEntry

# A folder with one of these is a model's, also where the store knows nothing of it.
_OF_A_MODEL = ("_hash.json", "_civitai_model_version.json", "_civitai_model.json", "_metadata.json")
_MARK = 20


class PagesTree(Protocol):
    """The library's folder; every `path` is relative to it with `/`."""

    def listed(self, path: str | None = None) -> Iterable[TreeEntry]:
        """What stands in it, or in one folder of it, by rising name."""

    def read(self, path: str) -> bytes | None:
        """The content of a file, None where there is none; raises DiskError when it cannot be read."""

    def write(self, path: str, content: bytes, *, lasting: bool = True) -> None:
        """Write a file atomically, making folders; raises DiskFull or NotWritable."""


class PageMaker(Protocol):
    """Makes the files of the site, from values."""

    @property
    def edition(self) -> str:
        """What changes when pages made of the same model would come out differently."""

    def page(self, kept: KeptModel) -> tuple[dict[str, Any], bytes]:
        """A model's card and page."""

    def index(self) -> Mapping[str, bytes]:
        """The pages at the top, and what all pages share, by path."""

    def cards(self, cards: Iterable[Mapping[str, Any]]) -> tuple[str, bytes]:
        """The data of the index, at its path."""

    def cards_in(self, script: bytes | None) -> list[dict[str, Any]]:
        """The cards in such data; none where it is missing or something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesParts:
    """What pages are made with; `files` gives what the store knows of this library."""

    files: Callable[[], Iterable[LibraryFile]]
    tree: PagesTree
    maker: PageMaker
    stopped: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A model's folder: what stands in it by name, the store's memory, the owned versions of the same model."""

    name: str
    file: LibraryFile | None
    entries: Mapping[str, TreeEntry]
    owned: Mapping[int, tuple[str, ...]]

    @property
    def page(self) -> str:
        return f"{self.name}.html"

    def mark(self, edition: str) -> str:
        """Changes whenever the page might; what stands in the card beside it."""
        files = [(each.name, each.size, each.mtime_ns) for each in self.entries.values() if _is_told(each, self.page)]
        said = repr((edition, self.file, files, sorted(self.owned.items())))
        return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]


def make_pages(parts: PagesParts) -> PagesReport:
    """Bring the pages up to date; the index's data, which remembers what was made of what, is written last.

    Raises Interrupted when stopped, DiskFull or NotWritable; what was made by then is found again.
    """
    data_path, _ = parts.maker.cards(())
    known = {card["folder"]: card for card in parts.maker.cards_in(_read(parts.tree, data_path))}
    edition = parts.maker.edition
    cards, written = [], 0
    for folder in _folders(parts):
        if parts.stopped():
            raise Interrupted("Stopped; the pages that were made stay.")
        card = known.get(folder.name)
        if card is None or not _holds(card, folder, edition):
            card, is_new = _make(parts, folder, edition)
            written += is_new
        cards.append(card)
    shared = dict(parts.maker.index())
    for path, content in (*shared.items(), parts.maker.cards(cards)):
        written += _put(parts.tree, path, content, lasting=True) and path.endswith(".html")
    pages = [path for path in shared if path.endswith(".html")]
    pages += [f"{card['folder']}/{card['folder']}.html" for card in cards]
    return PagesReport(pages=tuple(pages), models=len(cards), written=written)


def _folders(parts: PagesParts) -> Iterable[_Folder]:
    """The models' folders by rising name: those that the store knows, and those that show what they are."""
    files = {file.folder: file for file in parts.files()}
    standing = {entry.name for entry in parts.tree.listed() if entry.is_folder}
    owned = _owned(files.values())
    for name in sorted(standing | files.keys()):
        entries = {entry.name: entry for entry in parts.tree.listed(name)} if name in standing else {}
        file = files.get(name)
        if file is not None or any(f"{name}{ending}" in entries for ending in _OF_A_MODEL):
            model_id = file.model_id if file is not None else None
            mine = owned.get(model_id, {}) if model_id is not None else {}
            yield _Folder(name=name, file=file, entries=entries, owned=mine)


def _owned(files: Iterable[LibraryFile]) -> dict[int, dict[int, tuple[str, ...]]]:
    """Model id → version id → the folders that hold it."""
    owned: dict[int, dict[int, tuple[str, ...]]] = defaultdict(dict)
    for file in files:
        if file.model_id is not None and file.version_id is not None:
            of_model = owned[file.model_id]
            of_model[file.version_id] = (*of_model.get(file.version_id, ()), file.folder)
    return owned


def _is_told(entry: TreeEntry, page: str) -> bool:
    """Whether a file says something that the page shows."""
    return not entry.is_folder and entry.name != page and not entry.name.endswith(".tmp")


def _holds(card: Mapping[str, Any], folder: _Folder, edition: str) -> bool:
    """Whether the page of an earlier run is there, whole, and made of what is there now."""
    page = folder.entries.get(folder.page)
    return page is not None and page.size == card.get("length") and card.get("mark") == folder.mark(edition)


def _make(parts: PagesParts, folder: _Folder, edition: str) -> tuple[dict[str, Any], bool]:
    """A folder's card, and whether its page is new or changed."""
    card, html = parts.maker.page(_kept(parts.tree, folder))
    is_new = _put(parts.tree, f"{folder.name}/{folder.page}", html, lasting=False)
    return {**card, "mark": folder.mark(edition), "length": len(html)}, is_new


def _put(tree: PagesTree, path: str, content: bytes, *, lasting: bool) -> bool:
    """Write a file unless it is so already; says whether it was written."""
    if _read(tree, path) == content:
        return False
    tree.write(path, content, lasting=lasting)
    return True


def _kept(tree: PagesTree, folder: _Folder) -> KeptModel:
    def said(ending: str) -> dict[str, Any]:
        name = f"{folder.name}{ending}"
        return _object(_read(tree, f"{folder.name}/{name}")) if name in folder.entries else {}

    return KeptModel(
        folder=folder.name,
        file=folder.file,
        hashes=said("_hash.json"),
        version=_answer(said("_civitai_model_version.json")),
        model=_answer(said("_civitai_model.json")),
        header=said("_metadata.json"),
        previews=tuple(sorted(_previews(tree, folder), key=lambda preview: (preview.index, preview.name))),
        owned=folder.owned,
    )


def _previews(tree: PagesTree, folder: _Folder) -> Iterable[KeptPreview]:
    pattern = re.compile(rf"{re.escape(folder.name)}_preview_(\d{{1,6}})(\.\w+)")
    for entry in folder.entries.values():
        found = pattern.fullmatch(entry.name)
        if found is None or entry.is_folder or not entry.size or found[2].lower() not in MEDIA:
            continue
        # The second is what one version of the data manager made of the first.
        names = (f"{folder.name}_preview_{found[1]}.json", f"{entry.name}.json")
        told = (_object(_read(tree, f"{folder.name}/{name}")) for name in names if name in folder.entries)
        yield KeptPreview(name=entry.name, index=int(found[1]), said=next((each for each in told if each), {}))


def _answer(said: dict[str, Any]) -> dict[str, Any] | None:
    """An answer of the site; None for the report of an error, which the data manager kept in its place."""
    return said if said and "error" not in said else None


def _object(content: bytes | None) -> dict[str, Any]:
    """The object of a JSON text; empty for anything else, so that no file can hide its model."""
    try:
        found = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(tree: PagesTree, path: str) -> bytes | None:
    """A file's content, None where it is missing or cannot be read."""
    try:
        return tree.read(path)
    except DiskError:
        return None
