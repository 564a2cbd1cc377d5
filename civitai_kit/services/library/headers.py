"""What the headers of model files say; of those that have none it is told once, however many they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from civitai_kit.core.errors import DiskError
from civitai_kit.core.events import Emit, Warned
from civitai_kit.core.plans.safetensors import BadHeader
from civitai_kit.services.library.ports import LibraryParts


@dataclass
class Headers:
    """Reads headers, and remembers of how many files the header is none."""

    parts: LibraryParts
    emit: Emit
    _bad: list[str] = field(default_factory=list)

    def of(self, path: Path) -> Mapping[str, str]:
        """The metadata in a file's header, empty where there is none."""
        try:
            return self.parts.read_header(path)
        except BadHeader as error:
            # One is shown, the others are only counted.
            self._bad.append("" if self._bad else f"{path}: {error}")
        except DiskError as error:
            self.emit(Warned(error.message, error.hint))
        return {}

    def tell(self) -> None:
        """Warn of the bad headers of this run, in one line."""
        if not self._bad:
            return
        more = f"{len(self._bad):,} files have no header of safetensors. The first is " if len(self._bad) > 1 else ""
        self.emit(Warned(f"{more}{self._bad[0].rstrip('.')}.", "Such a file is known by its hash alone."))
