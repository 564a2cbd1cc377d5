"""What goes into a torrent: the downloaded files of some versions that are on disk with the right size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Event

from civitai_kit.core.collection.entry import Entry, FileRecord, Status
from civitai_kit.core.errors import CivitaiKitError, HashMismatch, SizeMismatch
from civitai_kit.core.paths.places import sidecar_path, version_image_path
from civitai_kit.core.plans.order import Proof, Verdict, size_tolerance
from civitai_kit.core.site.models import ModelVersion
from civitai_kit.services.download.sidecars import IMAGE_EXTENSIONS
from civitai_kit.services.ports import SavePath
from civitai_kit.services.upkeep.ports import Grounds

_HINT = "`civitai-kit db verify --yes` fetches it again."


def doubts(disk: SavePath, entries: Iterable[Entry]) -> list[CivitaiKitError]:
    """An error for each file that is missing or has another size than the store says."""
    found = []
    for entry, record in _downloaded(entries):
        try:
            _check_size(disk, record)
        except CivitaiKitError as error:
            found.append(_about(error, entry, record))
    return found


def check_hashes(disk: Grounds, entries: Iterable[Entry], stop: Event) -> None:
    """Read every downloaded file; raises HashMismatch for a wrong one, Interrupted on a stop.

    Where the site promised no hash, the digest computed at the download decides.
    """
    for entry, record in _downloaded(entries):
        proof = _proof(record)
        named = {"sha256": proof.sha256, "blake3": proof.blake3, "crc32": proof.crc32}
        # One digest is enough; the others would cost time and prove nothing more.
        decisive = next((name for name, digest in named.items() if digest), None)
        if decisive is None:
            continue
        digests = disk.digests(record.path, frozenset({decisive}), stop=stop)
        if proof.judge(digests, disk.size(record.path) or 0) is Verdict.WRONG_HASH:
            error = HashMismatch(f"{record.path} is not the file that was promised.", hint=_HINT)
            raise _about(error, entry, record)


def file_paths(disk: SavePath, entries: Iterable[Entry], *, with_metadata: bool) -> list[str]:
    """The downloaded files, and `with_metadata` the sidecars and images beside them, each once."""
    paths = dict.fromkeys(record.path for _, record in _downloaded(entries))
    beside = (path for entry in entries for path in _beside(entry) if with_metadata and disk.size(path))
    return [*(paths | dict.fromkeys(beside))]


def _downloaded(entries: Iterable[Entry]) -> Iterator[tuple[Entry, FileRecord]]:
    for entry in entries:
        for record in entry.files:
            if record.status is Status.DOWNLOADED:
                yield entry, record


def _check_size(disk: SavePath, record: FileRecord) -> None:
    disk.place_of(record.path)
    size = disk.size(record.path)
    if size is None:
        raise SizeMismatch(f"{record.path} is not there.", hint=_HINT)
    if record.size is not None and abs(size - record.size) > size_tolerance(record.size):
        raise SizeMismatch(f"{record.path} has {size} bytes, not {record.size}.", hint=_HINT)
    if size == 0:
        raise SizeMismatch(f"{record.path} is empty.", hint=_HINT)


def _proof(record: FileRecord) -> Proof:
    promised = record.sha256 or record.blake3 or record.crc32
    sha256 = record.sha256 if promised else record.proved.get("sha256")
    return Proof(sha256=sha256, blake3=record.blake3, crc32=record.crc32, size=record.size)


def _beside(entry: Entry) -> Iterator[str]:
    """The paths at which sidecars and images of a version may lie."""
    previews = ModelVersion.model_validate(entry.version).images if entry.version else ()
    ids = dict.fromkeys(preview.image_id for preview in previews if preview.image_id is not None)
    for _, record in _downloaded([entry]):
        yield sidecar_path(record.path)
        yield from (version_image_path(record.path, number, end) for number in ids for end in IMAGE_EXTENSIONS)


def _about(error: CivitaiKitError, entry: Entry, record: FileRecord) -> CivitaiKitError:
    error.model_id, error.version_id = entry.model_id, entry.version_id
    error.file_id, error.path = record.file_id, record.path
    return error
