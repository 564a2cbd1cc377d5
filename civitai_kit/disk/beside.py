"""Small files beside model files, wherever these lie: read with a bound, written whole and through no link."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from civitai_kit.disk.files import write_atomically
from civitai_kit.disk.folder import Folder
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
        """Write a file atomically, through no link; raises DiskFull or NotWritable."""
        write_atomically(Path(path), content)

    def copy_beside(self, source: Path, path: str) -> None:
        """Put a copy of a picture where nothing is; raises DiskError."""
        place = Path(path)
        with writing(place):
            if self.is_beside(path):
                raise FileExistsError(errno.EEXIST, "something is there already", path)
        # No second name: some programs write into the pictures that they show.
        Folder(place.parent).copy(source, place.name)

    def is_beside(self, path: str) -> bool:
        """Whether anything has this name, be it a link that leads nowhere."""
        return os.path.lexists(path)
