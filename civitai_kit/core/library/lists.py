"""The two lists at the top of a library, in the data manager's forms."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from civitai_kit.core.library.model_file import LibraryFile

_MISSING_HEAD = """# Files not found on Civitai
# Format: Timestamp | Status Code | Filename
# This file is automatically updated when the script runs
# A file is removed from this list when it becomes available again

"""
_NOT_FOUND = 404


def is_missing(file: LibraryFile) -> bool:
    """Whether the site was asked about a file and does not have it, or no longer has it."""
    return file.site_state is not None or (file.version_id is None and file.status_code is not None)


def both_lists(files: Iterable[LibraryFile], now: str) -> tuple[str, bytes]:
    """`missing_from_civitai.txt` and `processed_files.json` of files that are gone through once.

    The one has a line for each missing file, newest first, and is empty where none is missing; the other the paths,
    each with when it was last looked at.
    """
    lines: list[str] = []
    processed: dict[str, str] = {}
    for file in files:
        processed[file.path] = file.updated_at or file.added_at or now
        if is_missing(file):
            lines.append(_line(file))
    missing = _MISSING_HEAD + "".join(f"{line}\n" for line in sorted(lines, reverse=True)) if lines else ""
    content = {"files": list(processed), "processed": processed, "last_update": now}
    return missing, json.dumps(content, indent=4).encode() + b"\n"


def _line(file: LibraryFile) -> str:
    name = file.path.rpartition("/")[2].replace("\n", " ").replace("\r", " ")
    return f"{_local(file.missing_since or file.asked_at)} | Status {file.status_code or _NOT_FOUND} | {name}"


def _local(time: str | None) -> str:
    found = datetime.fromisoformat(time).astimezone(UTC) if time else datetime.fromtimestamp(0, UTC)
    return found.strftime("%Y-%m-%d %H:%M:%S")
