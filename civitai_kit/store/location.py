"""Where the database lies under a save path, also where another tool's store has the usual place."""

from __future__ import annotations

from pathlib import Path

from civitai_kit.core.errors import StoreUnreadable
from civitai_kit.store.data_file import NAME

DEFAULT = "civitai_download_db"
BESIDE = "civitai_kit_db"
_ENTERS = "The `civitai-kit download` that names the same models enters the files that are there."
_SQLITE = b"SQLite format 3\0"


def store_path(save_path: Path) -> tuple[Path, str | None]:
    """The folder of our database, and a notice when another tool's store has the default place.

    Nothing is made or changed. A database that was made beside it earlier stays in use.
    """
    default, beside = save_path / DEFAULT, save_path / BESIDE
    if belongs_to_another_tool(default):
        return beside, (f"{default} belongs to another tool and is left alone; ours is {beside}. {_ENTERS}")
    if (beside / NAME).exists() and not (default / NAME).exists():
        return beside, None
    return default, None


def belongs_to_another_tool(path: Path) -> bool:
    """Whether a store of another tool lies there: a folder of Bitcask, or a file of SQLite."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                return file.read(len(_SQLITE)) == _SQLITE
        if not path.is_dir() or (path / NAME).exists():
            return False
        return any(_is_bitcask(child) for child in path.iterdir())
    except OSError:
        return False


def foreign(path: Path) -> StoreUnreadable:
    """The error for a database that another tool's store was named for."""
    return StoreUnreadable(
        f"The database {path} belongs to another tool.",
        hint=f"It is left alone: name another place for ours with --database, or none for the usual one. {_ENTERS}",
        path=str(path),
    )


def _is_bitcask(path: Path) -> bool:
    # Such a folder holds numbered .data files with .hint files, config.json, meta.json, index and temp_index.
    return path.suffix in (".data", ".hint") or path.name in ("config.json", "meta.json", "index", "temp_index")
