"""Both stores, so that one suite holds for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.store.memory_store import MemoryStore


@pytest.fixture(params=["lmdb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LmdbStore | MemoryStore]:
    """An empty store that can be written."""
    if request.param == "memory":
        yield MemoryStore()
        return
    with LmdbStore.open(tmp_path / "db", read_only=False) as opened:
        yield opened
