"""The library's tree: what the site and the file itself say of a model file, in a folder of its own.

An answer that says less than what is kept never takes its place: only a whole answer is ever written.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any

from civitai_kit.core.collection.entry import Quality
from civitai_kit.core.errors import ENDS_RUN, CivitaiKitError, Code, Interrupted, in_our_tree
from civitai_kit.core.events import Emit, Saved, Warned
from civitai_kit.core.library.fuller import fuller
from civitai_kit.core.library.identified import Identified
from civitai_kit.core.library.lists import both_lists
from civitai_kit.core.paths.media_endings import CLIPS, SOUNDS, STILLS
from civitai_kit.core.site.models import ModelVersion, Preview
from civitai_kit.core.site.urls import media_url
from civitai_kit.services.library.ports import LibraryParts
from civitai_kit.services.pictures import Pictures, WantedPicture

MISSING_LIST = "missing_from_civitai.txt"
PROCESSED_LIST = "processed_files.json"
_ENDINGS = (*STILLS, *CLIPS, *SOUNDS)


@dataclass
class LibraryTree:
    """Writes a library's folders; `saved` are the paths under it that were written, `errors` the previews that failed.

    Of each version the first `previews` pictures are kept; None keeps all.
    """

    parts: LibraryParts
    pictures: Callable[[], Pictures]
    previews: int | None
    emit: Emit
    saved: list[str] = field(default_factory=list)
    errors: list[CivitaiKitError] = field(default_factory=list)
    received: int = 0
    _lock: Lock = field(default_factory=Lock)

    def keep(self, found: Identified) -> bool:
        """Write what was found out about a file; says whether the site's answers were new. Raises DiskError."""
        stem = _stem(found.file.folder)
        is_replaced = self._keep_hash(found, f"{stem}_hash.json")
        if found.header:
            self._write(f"{stem}_metadata.json", as_json(found.header))
        elif is_replaced and self.parts.tree.remove(f"{stem}_metadata.json"):
            self._tell(f"{stem}_metadata.json")
        path = f"{stem}_civitai_model_version.json"
        version = None if found.version is None else fuller(read_object(self.parts, path) or {}, found.version)
        is_news = self._answer(path, version)
        return self._answer(f"{stem}_civitai_model.json", found.model) or is_news

    def preview_jobs(self, files: Iterable[Identified]) -> Iterator[Callable[[], None]]:
        """A job for every picture that is to be kept and is not there."""
        for found in files:
            for number, preview in self._wanted(found):
                yield partial(self._attempt, found, number, preview)

    def write_lists(self) -> None:
        """The lists at the top of the library, from what the store remembers of it."""
        now = self.parts.now().isoformat(timespec="seconds")
        text, processed = both_lists(self.parts.files(), now)
        if text:
            # Names that are no UTF-8 stand there as they are on disk.
            self._write(MISSING_LIST, text.encode("utf-8", "surrogateescape"))
        elif self.parts.tree.remove(MISSING_LIST):
            self._tell(MISSING_LIST)
        self._write(PROCESSED_LIST, processed)

    def _keep_hash(self, found: Identified, path: str) -> bool:
        """Write the hash where it is not there; says whether it was another."""
        old = (read_object(self.parts, path) or {}).get("hash_value")
        if old != found.digests.sha256:
            name = found.file.path.rpartition("/")[2]
            now = self.parts.now().isoformat()
            content = {"hash_type": "SHA256", "hash_value": found.digests.sha256, "filename": name, "timestamp": now}
            self._write(path, as_json(content))
        return old not in (None, found.digests.sha256)

    def _answer(self, path: str, answer: Mapping[str, Any] | None) -> bool:
        """Keep an answer of the site; one without an id is none."""
        if not answer or answer.get("id") is None:
            return False
        return self._write(path, as_json(answer))

    def _write(self, path: str, content: bytes) -> bool:
        if self.parts.tree.size(path) == len(content) and self.parts.tree.read(path) == content:
            return False
        self.parts.tree.write(path, content)
        self._tell(path)
        return True

    def _wanted(self, found: Identified) -> Iterator[tuple[int, Preview]]:
        if found.version is None or self.previews == 0:
            return
        images = ModelVersion.model_validate(dict(found.version)).images
        for number, preview in enumerate(images[: self.previews]):
            stem = f"{_stem(found.file.folder)}_preview_{number}"
            if preview.url and not any(self.parts.tree.size(f"{stem}{ending}") for ending in _ENDINGS):
                yield number, preview

    def _attempt(self, found: Identified, number: int, preview: Preview) -> None:
        """Bring a preview with its own answer beside it; one that fails is an error of its own."""
        stem = f"{_stem(found.file.folder)}_preview_{number}"
        try:
            self._bring(stem, preview)
        except Exception as error:
            failure = in_our_tree(error)
            if failure.code in ENDS_RUN or isinstance(failure, Interrupted):
                raise failure from error
            if failure.code is Code.NOT_FOUND:
                self.emit(Warned(f"{stem}: the site no longer has this picture."))
                return
            failure.path = failure.path or found.file.path
            failure.version_id = failure.version_id or found.file.version_id
            with self._lock:
                self.errors.append(failure)

    def _bring(self, stem: str, preview: Preview) -> None:
        url = media_url(preview.url or "", preview.type)
        # Where the site gives no id the URL stands for it; such a number is never one of the site's.
        number = preview.image_id if preview.image_id is not None else -zlib.crc32(url.encode())
        picture = WantedPicture(image_id=number, quality=Quality.HD, stem=stem, urls=(url,))
        # First, since a picture that is there is never asked about again.
        self._write(f"{stem}.json", as_json(preview.raw))
        brought = self.pictures().bring(picture)
        with self._lock:
            self.received += brought.received or 0
        self._tell(brought.path)

    def _tell(self, path: str) -> None:
        with self._lock:
            self.saved.append(path)
        self.emit(Saved(path))


def no_pictures() -> Pictures:
    """For a tree that fetches none."""
    raise AssertionError("no picture was asked for")


def read_object(parts: LibraryParts, path: str) -> dict[str, Any] | None:
    """The object in a JSON file of the tree; None where there is none, or it is broken."""
    content = parts.tree.read(path)
    try:
        found = json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_json(content: Mapping[str, Any]) -> bytes:
    """JSON as the data manager writes it: indented by four, all in ASCII."""
    return json.dumps(dict(content), indent=4).encode() + b"\n"


def _stem(folder: str) -> str:
    return f"{folder}/{folder}"
