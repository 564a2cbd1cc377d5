"""Small files beside model files, wherever these lie: read with a bound, written whole, the user's links followed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from civitai_kit.disk.files import write_atomically
from civitai_kit.files.errors import read_error, writing
from civitai_kit.files.opening import read_small

# A sidecar holds some tens of kilobytes; the answers of models with hundreds of versions have megabytes.
_LONGEST = 32 * 2**20


class BesideFiles:
    """Files at absolute paths; fits the port of the same name in services."""

    def read_beside(self, path: str) -> bytes | None:
        """The content of a small file, None where there is none; raises DiskError when it cannot be read."""
        place = Path(path)
        try:
            return read_small(place, _LONGEST)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise read_error(error, place) from error

    def write_beside(self, path: str, content: bytes) -> None:
        """Write a file atomically; where a link of the user's leads, there. Raises DiskFull or NotWritable."""
        place = Path(path)
        with writing(place):
            target = place.resolve() if place.is_symlink() else place
        write_atomically(target, content)

    def link_beside(self, source: Path, path: str) -> None:
        """Give a picture a second name, or copy it; raises DiskError, also where something has the name."""
        with writing(path):
            try:
                os.link(source.resolve(), path)
            except FileExistsError:
                raise
            except (OSError, NotImplementedError):
                with source.open("rb") as held, Path(path).open("xb") as copy:
                    shutil.copyfileobj(held, copy)

    def is_beside(self, path: str) -> bool:
        """Whether anything has this name, be it a link that leads nowhere."""
        return os.path.lexists(path)
