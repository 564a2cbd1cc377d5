"""The store on disk: entries, image records and cached digests in one LMDB environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from civitai_kit.core.collection.entry import Entry, Facts, ImageRecord, Summary
from civitai_kit.core.collection.packed import Packed
from civitai_kit.core.errors import DiskError, NotWritable, UsageError
from civitai_kit.core.library.model_file import LibraryFile
from civitai_kit.core.plans.digests import Digests, FileStamp
from civitai_kit.store import digest_table, entry_table, image_table, library_table
from civitai_kit.store.codec import decode
from civitai_kit.store.data_file import holds_database
from civitai_kit.store.entry_rows import Wanted, anything, pack_entries, pack_entry, sieve
from civitai_kit.store.environment import Environment, Transaction
from civitai_kit.store.errors import translated
from civitai_kit.store.image_log import ImageLog
from civitai_kit.store.keys import id_key, text_key
from civitai_kit.store.location import belongs_to_another_tool, foreign
from civitai_kit.store.schema import Tables, prepare

T = TypeVar("T")

# Enough that a transaction's cost is shared, few enough that it is short and its values fit in memory.
_PAGE = 500
_WRITES, _WRITE_BYTES = 4000, 8 * 2**20
_IMAGE_WRITES = 1000


class LmdbStore:
    """All that is remembered under a save path; fits the ports' Store. Reading where no database exists finds nothing.

    Every write is synced when its call returns. Iterators read page by page, each page as it is at that moment:
    what was deleted in between does not come, and no transaction stays open while the caller works.
    """

    def __init__(self, path: Path, environment: Environment | None, tables: Tables | None) -> None:
        self.path = path
        self._environment = environment
        self._tables = tables
        self._image_log = ImageLog(path)

    @classmethod
    def open(cls, path: Path, *, read_only: bool, map_size: int | None = None) -> LmdbStore:
        """Open the database folder, making it when it may be written; `map_size` in bytes is for tests.

        Raises StoreUnreadable, StoreTooNew, StoreLocked, NotWritable or DiskFull.
        """
        if belongs_to_another_tool(path):
            raise foreign(path)
        if not holds_database(path) and read_only:
            return cls(path, None, None)
        environment = Environment.open(path, read_only=read_only, map_size=map_size)
        try:
            store = cls(path, environment, prepare(environment))
        except BaseException:
            environment.close()
            raise
        if not read_only:
            store._write_noted_images()
        return store

    @property
    def notice(self) -> str | None:
        """What the file system cannot do for the database, in a sentence; None where there is nothing to say."""
        return None if self._environment is None else self._environment.notice

    @property
    def is_there(self) -> bool:
        """Whether there was a database to open; reading one that is not there finds nothing."""
        return self._environment is not None

    @property
    def is_current(self) -> bool:
        """Whether what is open is still what lies there: a database may be removed or replaced meanwhile."""
        return self._environment is None or self._environment.is_current()

    def close(self) -> None:
        """Close it; a second time does nothing."""
        self._image_log.close()
        if self._environment is not None:
            self._environment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Entries

    def get(self, version_id: int) -> Entry | None:
        """The entry of a version, or None."""
        return self._read(lambda txn, tables: entry_table.get_entry(txn, tables, version_id), None)

    def put(self, entry: Entry) -> None:
        """Write one entry, replacing the old."""
        new = pack_entry(entry)
        self._write(lambda txn, tables: entry_table.put_entry(txn, tables, new))

    def put_many(self, entries: Iterable[Entry]) -> int:
        """Write many, some thousand a transaction; gives how many."""
        return self.put_packed(pack_entries(entries))

    def put_packed(self, packed: Iterable[Packed]) -> int:
        """The same for entries that `pack_entries` made ready."""
        count = 0
        for batch in _batches(packed):
            self._write(partial(entry_table.put_entries, batch=batch))
            count += len(batch)
        return count

    def remembered(self, packed: Iterable[Packed]) -> dict[int, bool]:
        """Those of the entries' versions that are remembered, and whether with the same content."""
        nothing: dict[int, bool] = {}
        return self._read(partial(entry_table.remembered, packed=list(packed)), nothing)

    def update(self, version_id: int, change: Callable[[Entry | None], Entry | None]) -> Entry | None:
        """Read, change and write one entry in one transaction; None from `change` leaves the store as it was.

        `change` must not write to the store, and may be called again when the map had to grow.
        """

        def job(txn: Transaction, tables: Tables) -> Entry | None:
            entry = change(entry_table.get_entry(txn, tables, version_id))
            if entry is None:
                return None
            if entry.version_id != version_id:
                raise UsageError(f"An update of version {version_id} gave an entry of {entry.version_id}")
            entry_table.put_entry(txn, tables, pack_entry(entry))
            return entry

        return self._write(job)

    def delete(self, version_ids: Iterable[int]) -> int:
        """Remove entries in one transaction; gives how many were there."""
        ids = list(version_ids)
        return self._write(
            lambda txn, tables: sum(entry_table.delete_entry(txn, tables, version_id) for version_id in ids)
        )

    def entries(self) -> Iterator[Entry]:
        """All entries by rising version id; only their ids are held."""
        no_values: list[bytes] = []
        for page in self._pages_of_ids():
            for value in self._read(partial(entry_table.values_of, ids=page), no_values):
                with translated(self.path):
                    entry = decode(Entry, value)
                yield entry

    def summaries(self) -> Iterator[Summary]:
        """The summaries of all entries by rising version id."""
        return self._summaries(anything)

    def facts(self) -> Iterator[Facts]:
        """What statistics need of all entries, in the keys' order: no key is looked up."""
        nothing: tuple[list[Facts], bytes | None] = ([], None)
        after: bytes | None = b""
        while after is not None:
            page, after = self._read(partial(entry_table.facts_page, after=after, most=_PAGE), nothing)
            yield from page

    def search(self, text: str) -> Iterator[Summary]:
        """The summaries whose model's or version's name contains `text`, in any case, by rising version id."""
        wanted = sieve(text)
        ids = sorted(self._ids_of(wanted))
        return (summary for summary in self._summaries(wanted, ids) if summary.matches(text))

    def by_sha256(self, sha256: str) -> tuple[int, ...]:
        """Version ids that hold a file with this promised or proved SHA256, in either case."""
        term = text_key(sha256.lower())
        return self._read(
            lambda txn, tables: entry_table.versions_under(txn, tables.by_sha256, term) if term else (), ()
        )

    def by_auto_v2(self, auto_v2: str) -> tuple[int, ...]:
        """Version ids that hold a file whose SHA256 begins with these ten digits, in either case."""
        head = text_key(auto_v2.lower())
        return self._read(
            lambda txn, tables: entry_table.versions_beginning(txn, tables.by_sha256, head) if head else (), ()
        )

    def by_model(self, model_id: int) -> tuple[int, ...]:
        """Version ids remembered of a model."""
        term = id_key(model_id)
        return self._read(lambda txn, tables: entry_table.versions_under(txn, tables.by_model, term), ())

    def count(self) -> int:
        """How many entries there are."""
        return self._read(lambda txn, tables: txn.stat(tables.versions)["entries"], 0)

    # Image records

    def get_image(self, key: str) -> ImageRecord | None:
        """The record under `{kind}:{target}_{image id}_{SD|HD}`, or None."""
        return self._read(lambda txn, tables: image_table.get_image(txn, tables, key), None)

    def note_image(self, record: ImageRecord) -> None:
        """Note a record that `put_images` is about to write; after a kill it is written when the store is opened."""
        self._image_log.note(record)

    def put_images(self, records: Iterable[ImageRecord]) -> int:
        """Write records, a thousand a transaction, replacing the old; gives how many."""
        rest = iter(records)
        count = 0
        while batch := list(islice(rest, _IMAGE_WRITES)):
            count += self._put_images(batch)
            self._image_log.forget(batch)
        return count

    def images(self, prefix: str = "") -> Iterator[ImageRecord]:
        """The records whose key begins with `prefix`, by rising key (keys over 440 bytes by their hash)."""
        nothing: tuple[list[ImageRecord], bytes | None] = ([], None)
        after: bytes | None = b""
        while after is not None:
            job = partial(image_table.images_page, prefix=prefix, after=after, most=_PAGE)
            page, after = self._read(job, nothing)
            yield from page

    def images_by_id(self, image_id: int) -> tuple[ImageRecord, ...]:
        """The records of one image, whatever it was taken for."""
        return self._read(lambda txn, tables: tuple(image_table.images_by_id(txn, tables, image_id)), ())

    def delete_images(self, prefix: str) -> int:
        """Remove the records whose key begins with `prefix` in one transaction; gives how many."""
        records = list(self.images(prefix))

        def job(txn: Transaction, tables: Tables) -> int:
            for record in records:
                image_table.delete_image(txn, tables, record)
            return len(records)

        return self._write(job)

    def count_images(self) -> int:
        """How many image records there are."""
        return self._read(lambda txn, tables: txn.stat(tables.images)["entries"], 0)

    # Cached digests

    def cached_digests(self, stamp: FileStamp) -> Digests | None:
        """What was computed of a file when it had this stamp, or None."""
        return self._read(lambda txn, tables: digest_table.cached_digests(txn, tables, stamp), None)

    def remember_digests(self, stamp: FileStamp, digests: Digests) -> None:
        """Keep digests of a file beside those already known at this stamp; what an older stamp had is dropped."""
        self._write(lambda txn, tables: digest_table.remember_digests(txn, tables, stamp, digests))

    def remember_many_digests(self, found: Iterable[tuple[FileStamp, Digests]]) -> None:
        """The same for many files, in one transaction."""
        batch = list(found)

        def job(txn: Transaction, tables: Tables) -> None:
            for stamp, digests in batch:
                digest_table.remember_digests(txn, tables, stamp, digests)

        self._write(job)

    # The library's files

    def library_file(self, key: str) -> LibraryFile | None:
        """The file under `<output>\\n<path>`, or None."""
        return self._read(lambda txn, tables: library_table.get_file(txn, tables, key), None)

    def put_library_files(self, files: Iterable[LibraryFile], gone: Iterable[str] = ()) -> None:
        """Write files, replacing the old, and forget those under the keys `gone`, in one transaction."""
        batch, forgotten = list(files), list(gone)

        def job(txn: Transaction, tables: Tables) -> None:
            for key in forgotten:
                library_table.delete_file(txn, tables, key)
            for file in batch:
                library_table.put_file(txn, tables, file)

        self._write(job)

    def delete_library_files(self, keys: Iterable[str]) -> int:
        """Forget files in one transaction; gives how many were there."""
        batch = list(keys)
        return self._write(lambda txn, tables: sum(library_table.delete_file(txn, tables, key) for key in batch))

    def library_files(self) -> Iterator[LibraryFile]:
        """The files of all libraries by rising key (keys over 440 bytes by their hash)."""
        nothing: tuple[list[LibraryFile], bytes | None] = ([], None)
        after: bytes | None = b""
        while after is not None:
            page, after = self._read(partial(library_table.files_page, after=after, most=_PAGE), nothing)
            yield from page

    # Within

    def _read(self, job: Callable[[Transaction, Tables], T], nothing: T) -> T:
        """Run a job, or give `nothing` where there is no database."""
        tables = self._tables
        if self._environment is None or tables is None:
            return nothing
        return self._environment.read(lambda txn: job(txn, tables))

    def _write(self, job: Callable[[Transaction, Tables], T]) -> T:
        tables = self._tables
        if self._environment is None or tables is None:
            raise NotWritable(f"The database {self.path} is open for reading only", path=str(self.path))
        return self._environment.write(lambda txn: job(txn, tables))

    def _write_noted_images(self) -> None:
        """Write what a killed process had noted; where there is no room for it, another time will do."""
        if left := self._image_log.left():
            with suppress(DiskError):
                self.put_images(left)
                self._image_log.remove()

    def _put_images(self, batch: list[ImageRecord]) -> int:
        def job(txn: Transaction, tables: Tables) -> int:
            for record in batch:
                image_table.put_image(txn, tables, record)
            return len(batch)

        return self._write(job)

    def _ids_of(self, wanted: Wanted) -> Iterator[int]:
        """The ids of the entries whose (value, row) is wanted, in the keys' order: no key is looked up."""
        nothing: tuple[list[int], bytes | None] = ([], None)
        after: bytes | None = b""
        while after is not None:
            page, after = self._read(partial(entry_table.wanted_page, after=after, most=_PAGE, wanted=wanted), nothing)
            yield from page

    def _pages_of_ids(self, ids: list[int] | None = None) -> Iterator[list[int]]:
        if ids is None:
            none: list[int] = []
            ids = self._read(entry_table.version_ids, none)
        for start in range(0, len(ids), _PAGE):
            yield ids[start : start + _PAGE]

    def _summaries(self, wanted: Wanted, ids: list[int] | None = None) -> Iterator[Summary]:
        nothing: list[Summary] = []
        for page in self._pages_of_ids(ids):
            yield from self._read(partial(entry_table.summaries_of, ids=page, wanted=wanted), nothing)


def _batches(entries: Iterable[Packed]) -> Iterator[list[Packed]]:
    """The entries in order, as many together as one transaction writes."""
    batch: list[Packed] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += len(entry.value)
        if len(batch) == _WRITES or size >= _WRITE_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
