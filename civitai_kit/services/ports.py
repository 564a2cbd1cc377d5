"""What the services need from client, transfer, store and disk; in `kit` the type checker proves that they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from civitai_kit.core.collection.entry import Entry
from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.events import Emit
from civitai_kit.core.plans.digests import Digests
from civitai_kit.core.plans.order import Fetched, Order
from civitai_kit.core.site.models import HashOwner, Image, Model, ModelVersion, Page
from civitai_kit.core.site.query import ImageQuery, ModelQuery

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class TreeEntry(Protocol):
    """What stands in a folder under a name."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder and not a file."""

    @property
    def size(self) -> int:
        """Length in bytes of a file."""

    @property
    def mtime_ns(self) -> int:
        """When a file was last written, in nanoseconds."""


class Site(Protocol):
    """The site's JSON; every method raises a SiteError when the site refuses or cannot be reached."""

    def models_of(
        self, query: ModelQuery, max_pages: int | None = None, *, read_ahead: bool = True
    ) -> Iterator[Page[Model]]:
        """The pages of a listing, cursors followed; one is read ahead while the last is worked on."""

    def images_of(self, query: ImageQuery, cursor: str | int | None = None) -> Iterator[Page[Image]]:
        """The pages of an image listing from `cursor` on."""

    def model(self, model_id: int) -> Model:
        """One model by id."""

    def version(self, version_id: int) -> ModelVersion:
        """One version by id."""

    def models_by_id(self, model_ids: Iterable[int]) -> tuple[Model, ...]:
        """Those of the models that the listing shows, whole, a hundred a request."""

    def version_by_hash(self, digest: str) -> ModelVersion:
        """The version that holds a file with this digest of any kind; raises NotFound."""

    def version_ids_by_hash(self, digests: Iterable[str]) -> tuple[HashOwner, ...]:
        """Which versions hold files with these SHA256, ten thousand a request; unknown ones are missing."""

    def versions_by_hash(self, digests: Iterable[str]) -> tuple[ModelVersion, ...]:
        """The versions that hold files with these SHA256, a hundred a request; unknown ones are missing."""


class FileFetcher(Protocol):
    """Moves one file from the network to its place."""

    def fetch(self, order: Order, emit: Emit) -> Fetched:
        """Fetch, prove and name one file; raises TransferError, SiteError, DiskError or Interrupted."""

    def fetch_picture(self, order: Order, emit: Emit) -> Fetched:
        """Try once to fetch a picture, and name it by what it is; raises Setback, DiskError or Interrupted."""


class JobOutcome(Protocol[T_co]):
    """What became of the job at place `index`: its value, or the error that it raised."""

    @property
    def index(self) -> int:
        """The job's place among the jobs, from 0."""

    @property
    def value(self) -> T_co | None:
        """What the job gave."""

    @property
    def error(self) -> CivitaiKitError | None:
        """What the job raised; Unforeseen where it was none of our errors."""


class JobPool(Protocol):
    """Slots for work that waits on the network."""

    def run(self, jobs: Iterable[Callable[[], T]], concurrency: int) -> Iterator[JobOutcome[T]]:
        """Run jobs side by side, giving each outcome as it comes; an error that ends a run starts no further job."""


class Store(Protocol):
    """The memory of versions, keyed by version id; every write is synced when the call returns."""

    def get(self, version_id: int) -> Entry | None:
        """The entry of a version, or None."""

    def put(self, entry: Entry) -> None:
        """Write one entry, replacing the old."""

    def put_many(self, entries: Iterable[Entry]) -> int:
        """Write many in few transactions; gives how many."""

    def update(self, version_id: int, change: Callable[[Entry | None], Entry | None]) -> Entry | None:
        """Read, change and write one entry in one transaction; None from `change` leaves the store as it was."""

    def delete(self, version_ids: Iterable[int]) -> int:
        """Remove entries in one transaction; gives how many were there."""

    def entries(self) -> Iterator[Entry]:
        """All entries by rising version id, in constant memory."""

    def by_sha256(self, sha256: str) -> tuple[int, ...]:
        """Version ids that hold a file with this promised or proved SHA256."""

    def by_model(self, model_id: int) -> tuple[int, ...]:
        """Ids of the model's versions that are in the store."""

    def count(self) -> int:
        """How many entries there are."""


class SavePath(Protocol):
    """The save path: every `path` is relative to it with `/`."""

    root: Path

    def size(self, path: str) -> int | None:
        """Length in bytes of a regular file there, None where there is none."""

    def free(self) -> int | None:
        """Bytes free for us on the save path's file system (of its nearest existing parent), None if unknown."""

    def digests(self, path: str) -> Digests:
        """All digests of a file there, in one pass."""

    def read(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none."""

    def write(self, path: str, content: bytes) -> None:
        """Write a small file atomically, making folders; raises DiskFull or NotWritable."""

    def locate(self, path: str) -> Path:
        """The absolute path; raises UsageError when its text would leave the save path. Links are followed."""

    def place_of(self, path: str) -> Path:
        """Where a recorded file lies, which may be outside the save path: then its path is absolute."""

    def place_for(self, path: str) -> Path:
        """The same for a file that is to be put there; raises NotWritable where a link or the like has its name."""

    def check_writable(self) -> None:
        """Make the save path where it is missing and prove that it can be written; raises NotWritable."""


class Answers(Protocol):
    """The site's raw answers of a scan, kept in a file until the sidecars are written."""

    def keep(self, model: Mapping[str, Any] | None, version: Mapping[str, Any], version_id: int) -> None:
        """Keep a version's object and its model's (with all versions)."""

    def version(self, version_id: int) -> dict[str, Any] | None:
        """The version's object as received, None when the scan did not get it."""

    def model(self, model_id: int) -> dict[str, Any] | None:
        """The model's object as received, None when the scan did not get it."""
