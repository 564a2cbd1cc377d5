"""A model file that lies somewhere on disk, and what the library knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from civitai_kit.core.errors import CivitaiKitError
from civitai_kit.core.plans.digests import FileStamp

# Formats of models that people keep, the most usual first; compared without case.
MODEL_ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx", ".zip")


class FoundModel(NamedTuple):
    """A model file that was found at or below `root`; both are absolute, `path` as it was reached."""

    path: Path
    stamp: FileStamp
    root: Path


class NotSeen(NamedTuple):
    """What could not be looked at, and why."""

    path: Path
    error: CivitaiKitError


class Whereabouts(StrEnum):
    """Whether a file is where it was: `unreachable` while the place where it was found is missing or empty."""

    HERE = "here"
    GONE = "gone"
    UNREACHABLE = "unreachable"


class MatchedBy(StrEnum):
    """By what the site's file was found; all but the first are weaker than the hash of the whole file."""

    SHA256 = "sha256"
    AUTO_V3 = "auto_v3"
    HEADER = "header"
    BLAKE3 = "blake3"
    CRC32 = "crc32"
    AUTO_V2 = "auto_v2"
    AUTO_V1 = "auto_v1"
    SIDECAR = "sidecar"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFile:
    """Memory of one model file in one library: small, because a scan holds one for each file.

    `path` is absolute with `/`, as it was reached; `output` the absolute folder of the library, `folder` the file's
    own folder in it, `root` the place that was scanned when it was found. `stamp` tells whether the file was touched
    since it was hashed. `version_id` is None for a file that the site did not know. `asked_at` is when the site was
    last asked about it, `weak_asked_at` when in vain by weaker hashes than the SHA256, `last_seen` when the site last
    had it. `site_state` is why it no longer has it (see SiteState), `missing_since` since when that is known,
    `status_code` what was answered for an unknown file. Times are ISO 8601 in UTC.
    """

    output: str
    path: str
    folder: str
    stamp: FileStamp | None = None
    sha256: str | None = None
    auto_v3: str | None = None
    version_id: int | None = None
    model_id: int | None = None
    file_id: int | None = None
    matched_by: MatchedBy | None = None
    root: str | None = None
    added_at: str | None = None
    asked_at: str | None = None
    weak_asked_at: str | None = None
    updated_at: str | None = None
    last_seen: str | None = None
    site_state: str | None = None
    missing_since: str | None = None
    status_code: int | None = None
    error: str | None = None

    @property
    def key(self) -> str:
        """The key in the database: the library and the path, which no line break can stand in."""
        return f"{self.output}\n{self.path}"


def usual_first(name: str) -> tuple[int, str]:
    """What to sort by where files of one stem share their sidecars: the same comes first each time."""
    lower = name.lower()
    return next((at for at, ending in enumerate(MODEL_ENDINGS) if lower.endswith(ending)), len(MODEL_ENDINGS)), name


def is_model_file(name: str) -> bool:
    """Whether a file's name ends as a model's does."""
    return name.lower().endswith(MODEL_ENDINGS)
