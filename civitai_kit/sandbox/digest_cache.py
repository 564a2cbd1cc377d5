"""Digests of large generated files, kept in the temporary folder so that the next run need not hash gigabytes."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def remembered(name: str, compute: Callable[[], dict[str, str]]) -> dict[str, str]:
    """The digests kept under `name`, or those that `compute` gives, kept from then on where the disk allows."""
    path = folder() / f"{name}.json"
    try:
        known = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        known = None
    if isinstance(known, dict) and "SHA256" in known:
        return known
    digests = compute()
    _keep(path, digests)
    return digests


def folder() -> Path:
    """Where the digests lie."""
    return Path(tempfile.gettempdir()) / f"civitai-kit-sandbox-{_owner()}"


def _owner() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _keep(path: Path, digests: dict[str, str]) -> None:
    staged = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        staged.write_text(json.dumps(digests), encoding="ascii")
        staged.replace(path)
    except OSError:
        return
