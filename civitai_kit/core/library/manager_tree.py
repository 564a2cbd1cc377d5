"""What the data manager left: which of its files are of use, and which are only its errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def is_answer(content: Mapping[str, Any] | None) -> bool:
    """Whether a saved answer of the site is one: the manager wrote errors in their place."""
    return content is not None and "error" not in content and isinstance(content.get("id"), int)


def sha256_of(content: Mapping[str, Any] | None) -> str | None:
    """The SHA256 in a `_hash.json`, in lower case; None where it is none."""
    value = content.get("hash_value") if content is not None else None
    if not isinstance(value, str) or len(value) != 64:
        return None
    digits = value.lower()
    return digits if all(digit in "0123456789abcdef" for digit in digits) else None


def utc_of(content: Mapping[str, Any] | None) -> str | None:
    """The time in a `_hash.json`, which is local, in UTC."""
    value = content.get("timestamp") if content is not None else None
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC).isoformat(timespec="seconds") if value else None
    except ValueError:
        return None


def file_id_of(version: Mapping[str, Any], sha256: str) -> int | None:
    """The id of the version's file with this SHA256; None where the site lists none."""
    files = version.get("files")
    for file in files if isinstance(files, list) else ():
        hashes = file.get("hashes") if isinstance(file, dict) else None
        if isinstance(hashes, dict) and str(hashes.get("SHA256", "")).lower() == sha256:
            number = file.get("id")
            return number if isinstance(number, int) else None
    return None
