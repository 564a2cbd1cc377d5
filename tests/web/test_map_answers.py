"""The map that lies ready is never older than what it tells of."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from civitai_kit.core.catalog.document import EMPTY
from civitai_kit.disk.folder import Folder
from civitai_kit.services.catalog.catalogs import CatalogParts
from civitai_kit.services.catalog.map_answers import MapAnswers

LONG_AGO = 1_600_000_000


def answers(tmp_path: Path) -> MapAnswers:
    folder = Folder(tmp_path)
    parts = CatalogParts(
        folder=folder,
        models=folder,
        site=lambda: pytest.fail("nobody is asked"),
        lock=nullcontext,
        now=lambda: datetime.now(UTC),
        places={},
    )
    return MapAnswers(parts, folder, folder)


def settle(*places: Path) -> None:
    """Let what was written be old enough for its time to tell."""
    for place in places:
        os.utime(place, (LONG_AGO, LONG_AGO))


def test_a_file_that_comes_is_seen_and_what_has_not_changed_is_not_made_again(tmp_path: Path) -> None:
    entry = {"file": "a.safetensors", "dest": "loras", "civitai_version_id": 5}
    (tmp_path / "models.json").write_bytes(EMPTY.with_entry("loras", entry).as_json())
    (tmp_path / "loras").mkdir()
    settle(tmp_path / "models.json", tmp_path / "loras")
    made = answers(tmp_path)
    assert b'"missing"' in made.make()
    assert made.ready() is not None
    (tmp_path / "loras" / "a.safetensors").write_bytes(b"x")
    assert made.ready() is None
    assert b'"present"' in made.make()


def test_what_changed_a_moment_ago_is_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "models.json").write_bytes(EMPTY.with_entry("loras", {"civitai_version_id": 5}).as_json())
    made = answers(tmp_path)
    assert b'"5"' in made.make()
    assert made.ready() is None
    settle(tmp_path / "models.json", tmp_path)
    made.make()
    assert made.ready() is not None
