"""A save path with downloads, real files and a store, for the tests of torrents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.core.torrents.metainfo import Terms, checked_terms
from civitai_kit.core.torrents.report import TorrentReport
from civitai_kit.disk.folder import Folder
from civitai_kit.disk.metainfo import TorrentFiles
from civitai_kit.services.torrents.torrents import TorrentOptions, TorrentParts, make_torrents
from civitai_kit.store.memory_store import MemoryStore
from civitai_kit.transfer.pool import Pool

TRACKER = "udp://tracker.example.org:6969/announce"


@dataclass
class Shelf:
    """What was downloaded, and what making torrents of it told."""

    root: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    stop: Event = field(default_factory=Event)
    events: list[object] = field(default_factory=list)

    def add(
        self,
        version_id: int,
        files: dict[str, bytes],
        *,
        model_id: int | None = 1,
        primary: str | None = None,
        status: Status = Status.DOWNLOADED,
        model: dict[str, Any] | None = None,
        images: Iterable[int] = (),
    ) -> None:
        """Remember a version with these files (path → content), and put them on disk."""
        records = []
        for number, (path, content) in enumerate(files.items(), start=version_id * 10):
            self.write(path, content)
            digest = hashlib.sha256(content).hexdigest()
            record = FileRecord(file_id=number, path=path, size=len(content), sha256=digest, status=status)
            records.append(record)
        answer = {
            "id": version_id,
            "files": [{"id": record.file_id, "primary": record.path == primary} for record in records],
            "images": [{"id": number, "url": f"https://image.example/{number}.jpeg"} for number in images],
        }
        self.store.put(
            Entry(
                version_id=version_id,
                model_id=model_id,
                model_name=f"Model {model_id}" if model_id is not None else "",
                version_name=f"v{version_id}",
                files=tuple(records),
                version=answer,
                model=model,
            )
        )

    def write(self, path: str, content: bytes) -> Path:
        """A file under the save path."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def make(self, *, out: Path | None = None, terms: Terms | None = None, **options: Any) -> TorrentReport:
        """Make torrents of all of it."""
        wanted = TorrentOptions(terms=terms or checked_terms([TRACKER]), **options)
        with self.parts(out) as parts:
            return make_torrents(parts, wanted, self.events.append)

    @contextmanager
    def parts(self, out: Path | None = None) -> Iterator[TorrentParts]:
        """What the service works with."""
        with closing(TorrentFiles("civitai-kit test", self.stop.is_set)) as maker:
            yield TorrentParts(
                store=self.store,
                disk=Folder(self.root),
                pool=Pool(self.stop),
                maker=maker,
                stop=self.stop,
                out=None if out is None else Folder(out),
            )

    def files(self) -> list[str]:
        """Everything that lies under the save path, relative, sorted."""
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
