"""What a library remembers of files that were met again: under their paths, or by their bytes where they were moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from civitai_kit.core.library.folder_names import FolderNames
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.model_file import LibraryFile, MatchedBy, Whereabouts
from civitai_kit.core.plans.digests import Digests
from civitai_kit.services.library.hashing import Hashed
from civitai_kit.services.library.headers import Headers
from civitai_kit.services.library.ports import LibraryParts


@dataclass
class Recall:
    """The library's files by path: `rows` as the store has them, `moved` from path to the key under which one was.

    `wants_header` says of a known file whether its header is needed to look it up.
    """

    parts: LibraryParts
    headers: Headers
    wants_header: Callable[[LibraryFile], bool]
    moved: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows: dict[str, LibraryFile] = {file.path: file for file in self.parts.files()}
        self._by_sha256: dict[str, list[LibraryFile]] = {}
        for file in self.rows.values():
            self._by_sha256.setdefault(file.sha256 or "", []).append(file)
        self._names = FolderNames((file.path, file.folder) for file in self.rows.values())
        self._now = self.parts.now().isoformat(timespec="seconds")

    def known(self, hashed: Hashed) -> Identified:
        """A file with what is remembered of it; of one whose content is another now, nothing is."""
        path = hashed.path.as_posix()
        digests = hashed.digests
        row = self.rows.get(path) or self._moved(hashed)
        if row is None:
            row = self._new(path, digests, self._names.name(path))
        elif row.sha256 != digests.sha256:
            row = _edited(row) if _has_same_tensors(row, digests) else self._replaced(row, digests)
        is_new = row.stamp is None
        header: Mapping[str, str] = self.headers.of(hashed.path) if is_new or self.wants_header(row) else {}
        root = hashed.root.as_posix()
        if (row.stamp, row.root) != (hashed.stamp, root):
            row = replace(row, stamp=hashed.stamp, root=root, sha256=digests.sha256, auto_v3=digests.auto_v3)
        return Identified(file=row, size=hashed.stamp.size, digests=digests, header=header)

    def _replaced(self, old: LibraryFile, digests: Digests) -> LibraryFile:
        """Another file under a known path. What the site said of the old one stays in a folder for itself."""
        is_kept = old.version_id is not None
        return self._new(old.path, digests, self._names.another(old.path) if is_kept else old.folder)

    def _new(self, path: str, digests: Digests, folder: str) -> LibraryFile:
        """A file seen for the first time; what the store's entries say of its bytes need not be looked up."""
        row = LibraryFile(output=self.parts.output.as_posix(), path=path, folder=folder, added_at=self._now)
        for version_id in self.parts.store.by_sha256(digests.sha256 or ""):
            entry = self.parts.store.get(version_id)
            for record in entry.files if entry is not None else ():
                if entry is not None and record.sha256 == digests.sha256:
                    return replace(
                        row,
                        version_id=version_id,
                        model_id=entry.model_id,
                        file_id=record.file_id,
                        matched_by=MatchedBy.SHA256,
                        last_seen=entry.last_seen,
                    )
        return row

    def _moved(self, hashed: Hashed) -> LibraryFile | None:
        """What is remembered of these bytes under a path where they no longer are: the file was moved or renamed."""
        for old in self._by_sha256.get(hashed.digests.sha256 or "", ()):
            where = self.parts.whereabouts(old)
            # One that was taken over from another tool was never seen.
            is_free = where is Whereabouts.GONE or (old.root is None and where is not Whereabouts.HERE)
            if is_free and old.path in self.rows:
                del self.rows[old.path]
                moved = replace(old, path=hashed.path.as_posix())
                self.rows[moved.path] = moved
                self.moved[moved.path] = old.key
                return moved
        return None


def _has_same_tensors(row: LibraryFile, digests: Digests) -> bool:
    return row.auto_v3 is not None and row.auto_v3 == digests.auto_v3


def _edited(row: LibraryFile) -> LibraryFile:
    """A file of which only the header is another now: it is what it was, found by the bytes behind the header."""
    by = None if row.version_id is None else MatchedBy.AUTO_V3
    return replace(row, stamp=None, matched_by=by, asked_at=None, weak_asked_at=None)
