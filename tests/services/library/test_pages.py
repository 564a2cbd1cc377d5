"""Pages come from what is kept: nothing listed vanishes, whatever a file holds, and only what changed is written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.errors import Interrupted
from civitai_kit.sandbox.worlds.media import mp4, png, webp
from tests.library_shelf import WHEN, LibraryShelf, image_answer, model_answer, synthetic, version_answer


@pytest.fixture
def shelf(tmp_path: Path) -> LibraryShelf:
    """An empty library."""
    root = tmp_path / "library"
    root.mkdir()
    return LibraryShelf(root)


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """What a second run must leave as it is."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def test_an_empty_library_has_an_index(shelf: LibraryShelf) -> None:
    report = shelf.make()
    assert (report.models, report.pages) == (0, ("index.html", "models_manager.html"))
    assert shelf.cards() == []
    assert "index.html" in (shelf.root / "models_manager.html").read_text(encoding="utf-8")


def test_a_known_model_is_listed_with_what_the_site_says(shelf: LibraryShelf) -> None:
    shelf.add(
        "ink",
        version=version_answer(10, 1, images=[image_answer(1)]),
        model=model_answer(1),
        previews={"_0.png": png()},
    )
    report = shelf.make()
    assert report.pages == ("index.html", "models_manager.html", "ink/ink.html")
    card = shelf.card("ink")
    assert {key: card[key] for key in ("name", "version", "group", "base", "creator", "tags", "words")} == {
        "name": "Model 1",
        "version": "v1.0",
        "group": "LORA",
        "base": "SDXL 1.0",
        "creator": "ann",
        "tags": ["style", "ink"],
        "words": ["ink wash"],
    }
    assert (card["downloads"], card["likes"], card["cover"]) == (1200, 80, "ink_preview_0.png")


@pytest.mark.parametrize(
    ("version", "model"),
    [
        (version_answer(10, 1, stats={"downloadCount": None}), model_answer(1, stats={"downloadCount": None})),
        (version_answer(10, 1, stats=None), model_answer(1, stats=None)),
        (version_answer(10, 1), model_answer(1, creator=None)),
        (version_answer(10, 1), {key: value for key, value in model_answer(1).items() if key != "creator"}),
        (version_answer(10, 1), model_answer(1, creator={"username": None, "image": None})),
        (version_answer(10, 1, files=[]), model_answer(1)),
        (version_answer(10, 1, files=None, images=None, trainedWords=None), model_answer(1, tags=None)),
        (version_answer(10, 1), model_answer(1, modelVersions=[])),
        (version_answer(10, 1, name=None, baseModel=None), model_answer(1, name=None, type=None, description=None)),
        (b"", b""),
        (b"{", b"null"),
        (b'{"error": "Failed to fetch Civitai data", "status_code": 404}', b"[]"),
        (b"[" * 100_000, b"\xff\xfe"),
    ],
    ids=lambda value: None,
)
def test_no_gap_in_an_answer_makes_a_model_vanish(shelf: LibraryShelf, version: Any, model: Any) -> None:
    shelf.add("other", version=version_answer(20, 2), model=model_answer(2))
    shelf.add("ink", version=version, model=model)
    assert shelf.make().models == 2
    assert {card["folder"] for card in shelf.cards()} == {"ink", "other"}
    assert "<h1>" in shelf.page("ink")


def test_a_hidden_download_count_is_left_out_and_not_shown_as_nothing(shelf: LibraryShelf) -> None:
    shelf.add("ink", version=version_answer(10, 1, stats={}), model=model_answer(1, stats={"downloadCount": None}))
    shelf.make()
    assert "downloads" not in shelf.card("ink")
    assert "downloads" not in shelf.page("ink") and "None" not in shelf.page("ink")


def test_the_download_link_names_the_version_and_not_the_model(shelf: LibraryShelf) -> None:
    shelf.add("ink", version=version_answer(4711, 1), model=model_answer(1), version_id=4711, model_id=1)
    shelf.make()
    page = shelf.page("ink")
    assert 'href="https://civitai.example/api/download/models/4711"' in page
    assert "/api/download/models/1&#34;" not in page and '/api/download/models/1"' not in page
    assert 'href="https://civitai.example/models/1?modelVersionId=4711"' in page


def test_previews_of_every_format_come_in_their_order(shelf: LibraryShelf) -> None:
    previews = {"_10.png": png(), "_2.webp": webp(), "_0.jpg": png(), "_3.webm": mp4(), "_1.mp4": mp4(), "_4.jpeg": b""}
    shelf.add("ink", version=version_answer(10, 1), model=model_answer(1), previews=previews)
    shelf.make()
    page = shelf.page("ink")
    found = [
        at
        for ending in ("_0.jpg", "_1.mp4", "_2.webp", "_3.webm", "_10.png")
        for at in [page.index(f"ink_preview{ending}")]
    ]
    assert found == sorted(found)
    assert page.count("<video") == 2
    assert "_4.jpeg" not in page


def test_a_prompt_comes_from_beside_the_preview_and_else_from_the_version(shelf: LibraryShelf) -> None:
    images = [
        image_answer(1, meta={"prompt": "of the version"}),
        image_answer(2, meta={"prompt": "second of the version"}),
    ]
    shelf.add(
        "ink",
        version=version_answer(10, 1, images=images),
        model=model_answer(1),
        previews={"_0.png": png(), "_1.png": png()},
        said={0: image_answer(1, meta={"prompt": "kept beside it"})},
    )
    shelf.make()
    page = shelf.page("ink")
    assert "kept beside it" in page and "second of the version" in page
    assert ">of the version<" not in page


def test_owned_versions_lead_to_their_pages_and_others_to_the_site(shelf: LibraryShelf) -> None:
    listed = [version_answer(number, 1, name=f"v{number}") for number in (12, 11, 10)]
    model = model_answer(1, modelVersions=listed)
    shelf.add("first", version=listed[2], model=model, version_id=10, model_id=1)
    shelf.add("second", version=listed[1], model=model, version_id=11, model_id=1)
    shelf.make()
    page = shelf.page("first")
    assert 'href="../second/second.html"' in page
    assert page.count("not owned") == 1 and "this one" in page
    assert "models/1?modelVersionId=12" in page


def test_a_model_that_the_site_lost_is_marked_with_when_it_was_last_alive(shelf: LibraryShelf) -> None:
    gone: dict[str, Any] = {"site_state": "gone", "last_seen": "2025-03-01T10:00:00Z"}
    shelf.add("ink", version=version_answer(10, 1), model=model_answer(1), version_id=10, model_id=1, **gone)
    shelf.add("unknown", header={"ss_output_name": "my own lora"}, status_code=404)
    shelf.make()
    assert (shelf.card("ink")["group"], shelf.card("ink")["alive"]) == ("Missing from Civitai", "2025-03-01")
    assert "Removed, last alive 2025-03-01" in shelf.page("ink")
    card = shelf.card("unknown")
    assert (card["name"], card["group"], card["absence"]) == ("my own lora", "Missing from Civitai", "Not on Civitai")


def test_a_tree_that_the_store_knows_nothing_of_is_shown(shelf: LibraryShelf) -> None:
    shelf.add("ink", version=version_answer(10, 1), model=model_answer(1), known=False)
    (shelf.root / "my notes").mkdir()
    (shelf.root / "my notes" / "todo.txt").write_text("buy ink", encoding="utf-8")
    assert shelf.make().models == 1
    assert shelf.card("ink")["added"] == WHEN[:19]
    assert [path.name for path in (shelf.root / "my notes").iterdir()] == ["todo.txt"]


def test_a_file_that_the_store_knows_has_a_page_also_without_its_folder(shelf: LibraryShelf) -> None:
    file = shelf.add("ink", model=model_answer(1))
    for path in (shelf.root / "ink").iterdir():
        path.unlink()
    (shelf.root / "ink").rmdir()
    assert shelf.make().models == 1
    assert file.path in shelf.page("ink")


def test_a_second_run_writes_nothing(shelf: LibraryShelf) -> None:
    shelf = synthetic(shelf.root, 12)
    first = shelf.make()
    before = stamps(shelf.root)
    second = shelf.make()
    assert first.written == 14 and second.written == 0
    assert second.pages == first.pages
    assert stamps(shelf.root) == before


def test_only_the_page_of_a_changed_model_is_written(shelf: LibraryShelf) -> None:
    shelf = synthetic(shelf.root, 6)
    shelf.make()
    before = stamps(shelf.root)
    folder = shelf.files[3].folder
    header = shelf.root / folder / f"{folder}_metadata.json"
    header.write_text(json.dumps({"ss_output_name": "another"}), encoding="utf-8")
    assert shelf.make().written == 1
    after = stamps(shelf.root)
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed == {f"{folder}/{folder}.html", f"{folder}/{folder}_metadata.json", "_pages/models.js"}


@pytest.mark.parametrize("harm", ["removed", "emptied", "cut"])
def test_a_page_that_was_lost_is_made_again(shelf: LibraryShelf, harm: str) -> None:
    shelf.add("ink", version=version_answer(10, 1), model=model_answer(1))
    shelf.make()
    page, whole = shelf.root / "ink" / "ink.html", shelf.page("ink")
    match harm:
        case "removed":
            page.unlink()
        case "emptied":
            page.write_bytes(b"")
        case _:
            os.truncate(page, 100)
    assert shelf.make().written == 1
    assert shelf.page("ink") == whole


def test_another_site_makes_every_page_anew(shelf: LibraryShelf) -> None:
    shelf.add("ink", version=version_answer(10, 1), model=model_answer(1))
    shelf.make()
    assert shelf.make(site="https://civitai.red").written == 1
    assert "https://civitai.red/models/1" in shelf.page("ink") and "civitai.example" not in shelf.page("ink")


def test_a_broken_index_is_made_again_from_the_folders(shelf: LibraryShelf) -> None:
    shelf.add("ink", version=version_answer(10, 1), model=model_answer(1))
    shelf.make()
    data = shelf.root / "_pages" / "models.js"
    whole = data.read_bytes()
    data.write_bytes(whole[:50])
    shelf.make()
    assert data.read_bytes() == whole


def test_a_stop_ends_the_run_and_what_was_made_is_found_again(shelf: LibraryShelf) -> None:
    shelf = synthetic(shelf.root, 3)
    shelf.stop.set()
    with pytest.raises(Interrupted):
        shelf.make()
    shelf.stop.clear()
    assert shelf.make().models == 3
