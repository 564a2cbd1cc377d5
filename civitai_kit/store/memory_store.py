"""The store's contract in memory, for tests; values pass through the same encoding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from civitai_kit.core.collection.entry import Entry, Facts, ImageRecord, Summary
from civitai_kit.core.collection.packed import Packed
from civitai_kit.core.errors import UsageError
from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.core.plans.digests import Digests, FileStamp
from civitai_kit.store.codec import decode, encode, unpack
from civitai_kit.store.library_table import decode_file, encode_file


class MemoryStore:
    """All that is remembered, until it is let go; fits the ports' Store."""

    def __init__(self) -> None:
        self._versions: dict[int, bytes] = {}
        self._images: dict[str, bytes] = {}
        self._library: dict[str, bytes] = {}
        self._digests: dict[tuple[int, int], tuple[FileStamp, Digests]] = {}
        self._writing = threading.RLock()

    # Entries

    def get(self, version_id: int) -> Entry | None:
        """The entry of a version, or None."""
        value = self._versions.get(version_id)
        return None if value is None else decode(Entry, value)

    def put(self, entry: Entry) -> None:
        """Write one entry, replacing the old."""
        value = encode(entry)
        with self._writing:
            self._versions[entry.version_id] = value

    def put_many(self, entries: Iterable[Entry]) -> int:
        """Write many; gives how many."""
        count = 0
        for count, entry in enumerate(entries, 1):  # noqa: B007
            self.put(entry)
        return count

    def put_packed(self, packed: Iterable[Packed]) -> int:
        """The same for entries that `pack_entries` made ready."""
        values = [(new.version_id, new.value) for new in packed]
        with self._writing:
            self._versions.update(values)
        return len(values)

    def remembered(self, packed: Iterable[Packed]) -> dict[int, bool]:
        """Those of the entries' versions that are remembered, and whether with the same content."""
        known = [(new, self._versions.get(new.version_id)) for new in packed]
        return {new.version_id: unpack(new.value) == unpack(value) for new, value in known if value is not None}

    def update(self, version_id: int, change: Callable[[Entry | None], Entry | None]) -> Entry | None:
        """Read, change and write one entry with nobody writing between; None leaves the store as it was."""
        with self._writing:
            entry = change(self.get(version_id))
            if entry is None:
                return None
            if entry.version_id != version_id:
                raise UsageError(f"An update of version {version_id} gave an entry of {entry.version_id}")
            self.put(entry)
            return entry

    def delete(self, version_ids: Iterable[int]) -> int:
        """Remove entries; gives how many were there."""
        with self._writing:
            return sum(self._versions.pop(version_id, None) is not None for version_id in version_ids)

    def entries(self) -> Iterator[Entry]:
        """All entries by rising version id."""
        for version_id in sorted(self._versions):
            entry = self.get(version_id)
            if entry is not None:
                yield entry

    def summaries(self) -> Iterator[Summary]:
        """The summaries of all entries by rising version id."""
        return (entry.summary for entry in self.entries())

    def facts(self) -> Iterator[Facts]:
        """What statistics need of all entries."""
        return (summary.facts for summary in self.summaries())

    def search(self, text: str) -> Iterator[Summary]:
        """The summaries whose model's or version's name contains `text`, in any case."""
        return (summary for summary in self.summaries() if summary.matches(text))

    def by_sha256(self, sha256: str) -> tuple[int, ...]:
        """Version ids that hold a file with this promised or proved SHA256, in either case."""
        return tuple(entry.version_id for entry in self.entries() if sha256.lower() in entry.sha256s)

    def by_auto_v2(self, auto_v2: str) -> tuple[int, ...]:
        """Version ids that hold a file whose SHA256 begins with these ten digits, in either case."""
        head = auto_v2.lower()
        found = (entry for entry in self.entries() if any(one.startswith(head) for one in entry.sha256s))
        return tuple(entry.version_id for entry in found) if head else ()

    def by_model(self, model_id: int) -> tuple[int, ...]:
        """Version ids remembered of a model."""
        return tuple(entry.version_id for entry in self.entries() if entry.model_id == model_id)

    def count(self) -> int:
        """How many entries there are."""
        return len(self._versions)

    # Image records

    def get_image(self, key: str) -> ImageRecord | None:
        """The record under `{kind}:{target}_{image id}_{SD|HD}`, or None."""
        value = self._images.get(key)
        return None if value is None else decode(ImageRecord, value)

    def note_image(self, record: ImageRecord) -> None:
        """Nothing to do: what is kept in memory outlives no kill."""

    def put_images(self, records: Iterable[ImageRecord]) -> int:
        """Write records, replacing the old; gives how many."""
        values = [(record.key, encode(record)) for record in records]
        with self._writing:
            self._images.update(values)
        return len(values)

    def images(self, prefix: str = "") -> Iterator[ImageRecord]:
        """The records whose key begins with `prefix`, by rising key."""
        for key in sorted(key for key in self._images if key.startswith(prefix)):
            record = self.get_image(key)
            if record is not None:
                yield record

    def images_by_id(self, image_id: int) -> tuple[ImageRecord, ...]:
        """The records of one image, whatever it was taken for."""
        return tuple(record for record in self.images() if record.image_id == image_id)

    def delete_images(self, prefix: str) -> int:
        """Remove the records whose key begins with `prefix`; gives how many."""
        with self._writing:
            keys = [key for key in self._images if key.startswith(prefix)]
            for key in keys:
                del self._images[key]
            return len(keys)

    def count_images(self) -> int:
        """How many image records there are."""
        return len(self._images)

    # The library's files

    def library_file(self, key: str) -> LibraryFile | None:
        """The file under `<output>\\n<path>`, or None."""
        value = self._library.get(key)
        return None if value is None else decode_file(value)

    def put_library_files(self, files: Iterable[LibraryFile], gone: Iterable[str] = ()) -> None:
        """Write files, replacing the old, and forget those under the keys `gone`."""
        values = [(file.key, encode_file(file)) for file in files]
        with self._writing:
            for key in gone:
                self._library.pop(key, None)
            self._library.update(values)

    def delete_library_files(self, keys: Iterable[str]) -> int:
        """Forget files; gives how many were there."""
        with self._writing:
            return sum(self._library.pop(key, None) is not None for key in keys)

    def library_files(self) -> Iterator[LibraryFile]:
        """The files of all libraries by rising key."""
        return (decode_file(self._library[key]) for key in sorted(self._library))

    # Cached digests

    def cached_digests(self, stamp: FileStamp) -> Digests | None:
        """What was computed of a file when it had this stamp, or None."""
        known, digests = self._digests.get((stamp.device, stamp.inode), (None, None))
        return digests if known == stamp else None

    def remember_digests(self, stamp: FileStamp, digests: Digests) -> None:
        """Keep digests of a file beside those already known at this stamp; what an older stamp had is dropped."""
        with self._writing:
            old = self.cached_digests(stamp)
            whole = digests if old is None else digests.joined(old)
            self._digests[stamp.device, stamp.inode] = (stamp, whole)

    def remember_many_digests(self, found: Iterable[tuple[FileStamp, Digests]]) -> None:
        """The same for many files."""
        for stamp, digests in found:
            self.remember_digests(stamp, digests)
