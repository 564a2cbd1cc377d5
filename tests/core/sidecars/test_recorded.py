"""What people and programs left of the site's answers: each becomes every sidecar, and is read back from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.sidecars.about import About, read_object
from civitai_kit.core.sidecars.formats import FORMATS, format_named
from civitai_kit.core.sidecars.merging import merged_sidecar
from civitai_kit.core.sidecars.reading import about_from
from tests.core.sidecars.test_formats import ABOUT

RECORDS = Path(__file__).parents[4] / "shared" / "data"
FOLDERS = [RECORDS / name for name in ("model", "model-version")]

pytestmark = pytest.mark.skipif(not RECORDS.is_dir(), reason="no recorded answers here")


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    for place in sorted(found for folder in FOLDERS for found in folder.iterdir()):
        try:
            held = read_object(place.read_bytes())
        except ValueError:  # One was damaged by hand.
            continue
        if held:
            yield place.name, held


def abouts() -> Iterator[tuple[str, About]]:
    """What each file of each recorded version would find beside it."""
    info = format_named("civitai.info")
    for name, body in bodies():
        for version in body.get("modelVersions") or [body]:
            files = [file for file in version.get("files", ()) if isinstance(file.get("hashes"), dict)]
            sha256 = next((str(file["hashes"]["SHA256"]).lower() for file in files if "SHA256" in file["hashes"]), None)
            found = about_from(info, body, ABOUT.path, sha256)
            if found is not None:
                yield name, found


def test_recorded_answers_go_through_every_form() -> None:
    seen = 0
    for name, about in abouts():
        for form in FORMATS.values():
            content = merged_sidecar(form, about, None)
            if content is None:
                assert about.said.id is None, name
                continue
            assert merged_sidecar(form, about, content) == content, (name, form.name)
            back = about_from(form, json.loads(content), ABOUT.path, about.sha256)
            assert back is not None, (name, form.name)
            if form.name != "swarm":
                assert (back.said.id, back.model_id) == (about.said.id, about.model_id), (name, form.name)
            if form.name in ("civitai.info", "lora-manager", "stability-matrix"):
                assert back.trigger_words == about.trigger_words, (name, form.name)
                assert (back.model_name, back.tags) == (about.model_name, about.tags), (name, form.name)
                assert back.said.base_model == about.said.base_model, (name, form.name)
            seen += 1
    assert seen > 1000


def test_a_recorded_model_in_the_shared_file_stays_whole_beside_the_keys_of_a1111() -> None:
    a1111 = format_named("a1111")
    for name, body in bodies():
        if not isinstance(body.get("modelVersions"), list):
            continue
        for version in body["modelVersions"]:
            about = About(path=ABOUT.path, version=version, model={"id": body["id"], "name": body["name"]})
            merged = merged_sidecar(a1111, about, json.dumps(body).encode())
            assert merged is not None
            found = json.loads(merged)
            assert {key: found[key] for key in body if body[key]} == {key: body[key] for key in body if body[key]}, name
            assert "activation text" in found
