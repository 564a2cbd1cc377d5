"""The files and folders that a person names to be looked through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from civitai_kit.core.errors import UsageError


def refuse_where_nothing_is(roots: Sequence[Path]) -> None:
    """Raise UsageError where none of the places is there: they were mistyped, or a drive is not plugged in."""
    if all(_is_missing(root) for root in roots):
        named = ", ".join(str(root) for root in roots)
        raise UsageError(f"There is nothing at {named}.", hint="Name files and folders that are there.")


def _is_missing(root: Path) -> bool:
    """Whether nothing is there for certain: what cannot be looked at, whoever reads it says so."""
    try:
        root.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False
