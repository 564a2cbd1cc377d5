"""One spelling of a place, so that what is remembered under it is found again."""

from __future__ import annotations

from pathlib import Path


def plain_path(named: str | Path) -> Path:
    """A place as a person named it, absolute: `~` is the home folder, and no `..` stands in it; links stay.

    Where a `..` was, links are followed, since behind one it leads elsewhere than it looks.
    """
    place = Path(named).expanduser().absolute()
    return place.resolve() if ".." in place.parts else place
