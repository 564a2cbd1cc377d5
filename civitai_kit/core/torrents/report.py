"""What came of making torrents: a row for each, the errors, and the exit code they add up to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from civitai_kit.core.errors import CivitaiKitError, exit_code_of


class TorrentStatus(StrEnum):
    """Whether a torrent was made now or left as it was."""

    CREATED = "created"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class TorrentRow:
    """One torrent. `path` and `magnet_path` are relative to the save path with `/`, absolute outside it.

    `size` is the content's and `piece_size` a piece's, in bytes; `files` says how many it lists; `restrictions` are
    what the model's licence asks, in words.
    """

    version_ids: tuple[int, ...]
    model_id: int | None
    path: str
    magnet_path: str | None
    info_hash: str
    magnet: str
    name: str
    size: int
    piece_size: int
    files: int
    status: TorrentStatus
    restrictions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TorrentReport:
    """The outcome of a run over `wanted` torrents."""

    rows: tuple[TorrentRow, ...] = ()
    errors: tuple[CivitaiKitError, ...] = ()
    wanted: int = 0

    @property
    def exit_code(self) -> int:
        """0, the one failure's own code, or 7 when others were done."""
        return exit_code_of([error.code for error in self.errors], succeeded=bool(self.rows))

    def as_json(self) -> dict[str, Any]:
        """The `data` of `torrent --json`."""
        return {"torrents": [asdict(row) for row in self.rows]}
