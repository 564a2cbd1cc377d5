"""What this installation lacks, and the command that adds it."""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from civitai_kit.core.extras import NAME, how_to_add, requirements_of


def adding(extra: str) -> str:
    """The command that adds an extra to the running installation."""
    try:
        found = distribution(NAME)
    except PackageNotFoundError:
        return f"make venv, in a checkout of {NAME}"
    files = {path.name for path in Path(sys.prefix).iterdir()}
    return how_to_add(requirements_of(extra, found.requires or ()), files, _source(found))


def _source(found: Distribution) -> str:
    """What the program was installed from: a folder, an archive, or its name where nothing else is known."""
    try:
        url = json.loads(found.read_text("direct_url.json") or "{}").get("url", "")
    except (ValueError, AttributeError):
        url = ""
    return url.removeprefix("file://") or NAME
