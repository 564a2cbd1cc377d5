"""The map that lies ready is never older than what it tells of."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from civitai_kit.core.catalog.document import EMPTY
from civitai_kit.core.errors import UsageError
from civitai_kit.disk.folder import Folder
from civitai_kit.services.catalog.catalogs import CatalogParts, UnderWay, civitai_map
from civitai_kit.services.catalog.map_answers import MapAnswers
from civitai_kit.services.ports import Site
from civitai_kit.web.catalog_api import routes

LONG_AGO = 1_600_000_000


def parts_in(tmp_path: Path) -> CatalogParts:
    folder = Folder(tmp_path)
    return CatalogParts(
        folder=folder,
        models=folder,
        site=lambda: pytest.fail("nobody is asked"),
        lock=nullcontext,
        now=lambda: datetime.now(UTC),
        places={},
    )


def answers(tmp_path: Path) -> MapAnswers:
    return MapAnswers(parts_in(tmp_path), Folder(tmp_path), Folder(tmp_path))


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


def test_a_file_that_another_program_is_still_writing_is_never_told_at_an_older_size(tmp_path: Path) -> None:
    entry = {"file": "sub/a.safetensors", "dest": "loras", "civitai_version_id": 5}
    (tmp_path / "models.json").write_bytes(EMPTY.with_entry("loras", entry).as_json())
    place = tmp_path / "loras" / "sub" / "a.safetensors"
    place.parent.mkdir(parents=True)
    settle(tmp_path / "models.json", place.parent)
    made = answers(tmp_path)
    assert b'"missing"' in made.make()
    assert made.ready() is not None
    place.write_bytes(b"x" * 10)
    lately = time.time() - 10
    os.utime(place, (lately, lately))
    os.utime(place.parent, (LONG_AGO + 1, LONG_AGO + 1))
    assert b'"size_disk":10' in made.make()
    assert made.ready() is not None
    with place.open("ab") as growing:
        growing.write(b"x")
    assert made.ready() is None
    assert b'"size_disk":11' in made.make()


@pytest.mark.parametrize(
    ("dest", "file"), [("../out", "a"), ("/etc", "passwd"), ("..", "passwd"), ("a\0b", "c"), ("C:", "x"), ("", "..")]
)
def test_an_entry_that_names_a_place_elsewhere_is_missing(tmp_path: Path, dest: str, file: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(b"x")
    home = tmp_path / "home"
    home.mkdir()
    (home / "models.json").write_bytes(
        EMPTY.with_entry("x", {"file": file, "dest": dest, "civitai_version_id": 5}).as_json()
    )
    assert b'"missing"' in answers(home).make()


def test_a_name_in_another_spelling_is_what_the_file_system_says_it_is(tmp_path: Path) -> None:
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "A.safetensors").write_bytes(b"x")
    entry = {"file": "a.safetensors", "dest": "loras", "civitai_version_id": 5}
    (tmp_path / "models.json").write_bytes(EMPTY.with_entry("loras", entry).as_json())
    is_one = (tmp_path / "loras" / "a.safetensors").exists()
    assert (b'"present"' in answers(tmp_path).make()) is is_one


def test_what_is_on_its_way_is_told_without_making_the_rest_anew(tmp_path: Path) -> None:
    catalog = EMPTY
    for number in (5, 6, 7):
        entry = {"file": f"{number}.safetensors", "civitai_version_id": number, "civitai_model_id": 1}
        catalog = catalog.with_entry("loras", entry)
    (tmp_path / "models.json").write_bytes(catalog.as_json())
    (tmp_path / "5.safetensors").write_bytes(b"x")
    settle(tmp_path / "models.json", tmp_path / "5.safetensors", tmp_path)
    moving: dict[int, UnderWay] = {}
    parts = replace(parts_in(tmp_path), moving=lambda: moving)
    made = MapAnswers(parts, Folder(tmp_path), Folder(tmp_path))
    at_rest = made.make()
    moving |= {5: UnderWay(is_queued=False, done=1, total=9, speed=2.4), 6: UnderWay(is_queued=True)}
    found = json.loads(made.make())
    assert found == civitai_map(parts)
    assert [row["status"] for row in found["by_version"].values()] == ["downloading", "queued", "missing"]
    assert "size_disk" not in found["by_version"]["5"]
    moving.clear()
    assert made.ready() == at_rest


def test_many_that_wait_for_the_site_keep_the_map_from_nobody(tmp_path: Path) -> None:
    asked, is_over = threading.Semaphore(0), threading.Event()

    def site() -> Site:
        asked.release()
        is_over.wait(60)
        raise UsageError("the site is asked no more")

    parts = replace(parts_in(tmp_path), site=site)
    app = Starlette(routes=routes(parts, answers(tmp_path), lambda error: None))

    async def ask() -> list[int]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost") as client:
            adds = [asyncio.create_task(client.post(f"/api/admin/civitai/add/{number}")) for number in range(1, 100)]
            while not asked.acquire(blocking=False):
                await asyncio.sleep(0.001)
            try:
                found = await asyncio.wait_for(client.get("/api/admin/models/civitai-map"), 10)
            finally:
                is_over.set()
            return [found.status_code, *[answer.status_code for answer in await asyncio.gather(*adds)]]

    assert asyncio.run(ask()) == [200, *[400] * 99]
