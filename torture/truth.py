"""What must hold of a save path after whatever happened: bytes under final names are right, store and disk agree."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from torture.place import Place, Ran

# Names of the program's own, which promise nothing.
OURS = (".part", ".part.json", ".tmp", ".lock", ".log", ".mdb", ".torrent", "-magnet.txt")
MODELS = (".safetensors", ".ckpt", ".pt", ".bin", ".gguf", ".zip")
STORES = ("civitai_download_db", "civitai_kit_db")


def digest(path: Path) -> str:
    """The SHA-256 of a file; of one that has not changed it is known already."""
    status = path.stat()
    return _digest(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=5000)
def _digest(path: Path, *_stamp: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def walk(folder: Path) -> list[Path]:
    """Everything below a folder, links not followed; what vanishes meanwhile is no error."""
    return sorted(Path(here, name) for here, folders, names in os.walk(folder) for name in (*folders, *names))


def is_ours(path: Path) -> bool:
    """Whether a path is one that the program keeps for itself."""
    return path.name.lower().endswith(OURS) or any(part in STORES for part in path.parts)


def finals(save: Path) -> list[Path]:
    """The regular files under final names."""
    found = (path for path in walk(save) if path.is_file() and not path.is_symlink())
    return [path for path in found if not is_ours(path.relative_to(save))]


def models(save: Path) -> list[Path]:
    """Those of them that are model files."""
    return [path for path in finals(save) if path.suffix.lower() in MODELS]


def wrong_bytes(save: Path, promised: set[str]) -> Iterator[str]:
    """Model files under final names whose bytes nobody promised."""
    for path in models(save):
        if digest(path) not in promised:
            yield f"wrong bytes under the final name {path.relative_to(save)}"


def entries(place: Place) -> tuple[Ran, list[dict[str, Any]]]:
    """What the store remembers, asked as anybody would."""
    ran = place.json("db", "view")
    rows = ran.data.get("entries", [])
    return ran, [file for row in rows for file in row["files"]]


def disagreements(place: Place) -> Iterator[str]:
    """What the store calls Downloaded and the disk has not, or not so."""
    ran, files = entries(place)
    yield from ran.faults()
    if ran.code:
        yield f"db view ends with {ran.code}: {ran.errors[:1]}"
    for file in files:
        if file["status"] == "Downloaded":
            path = place.save / file["path"]
            if not path.is_file():
                yield f"the store says Downloaded, and there is no {file['path']}"
            elif path.stat().st_size != file["size"] or (file["sha256"] and digest(path) != file["sha256"]):
                yield f"the store says Downloaded, and {file['path']} is another file"
