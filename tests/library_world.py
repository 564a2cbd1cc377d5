"""Model files on a disk of which the sandbox knows some: for the tests of the library."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from civitai_kit.sandbox.worlds.bodies import safetensors_body
from civitai_kit.sandbox.worlds.world import World


def write_known(world: World, folder: Path, count: int, *, size: int = 4096, **fields: Any) -> list[Path]:
    """Add `count` models of one file each to a world, and write these files under names that say nothing."""
    paths = []
    for number in range(count):
        model = world.add_simple(f"Library Model {number}", size=size, **fields)
        body = model.versions[0].files[0].body
        paths.append(_write(folder / f"model ({number}).safetensors", b"".join(map(bytes, body.views(0, body.size)))))
    return paths


def write_unknown(folder: Path, count: int, *, size: int = 4096) -> list[Path]:
    """Files that the site never had."""
    return [_write(folder / f"own ({number}).safetensors", os.urandom(size)) for number in range(count)]


def safetensors(seed: str, metadata: dict[str, str] | None = None, size: int = 4096) -> bytes:
    """A valid file whose tensors are made from the seed alone, whatever its header says."""
    body = safetensors_body(seed, size)
    whole = b"".join(map(bytes, body.views(0, body.size)))
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    if metadata is not None:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[8 + length :]


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
