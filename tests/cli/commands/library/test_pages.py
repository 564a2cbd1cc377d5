"""`library pages`: what a scan kept, as a site; the command says where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.conftest import Run
from tests.library_world import safetensors, write_known, write_unknown


@pytest.fixture
def scanned(at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path) -> Run:
    """A library of one known file, and one that tells of itself."""
    write_known(civitai_sandbox.world, empty_home / "models", 1)
    write_unknown(empty_home / "models", 1)
    told = safetensors("own", {"ss_output_name": "my own", "ss_tag_frequency": '{"a": {"harbour": 9, "fog": 3}}'})
    (empty_home / "models" / "told.safetensors").write_bytes(told)
    assert at_sandbox("library", "scan", "models", "--images", "all").code == 0
    return at_sandbox


def test_the_pages_of_a_scanned_library_are_named_and_there(scanned: Run, empty_home: Path) -> None:
    ran = scanned("library", "pages", "--json")
    assert (ran.code, ran.data["models"], ran.data["written"]) == (0, 3, 5)
    pages = ran.data["pages"]
    assert pages[0] == "library/index.html" and len(pages) == 5
    for page in pages:
        assert (empty_home / "downloads" / page).read_bytes().rstrip().endswith(b"</html>")
    assert scanned("library", "pages", "--json").data["written"] == 0


def test_a_known_model_shows_the_sites_answer_and_an_unknown_one_its_own_header(
    scanned: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    scanned("library", "pages")
    library = empty_home / "downloads" / "library"
    model = list(civitai_sandbox.world.models.values())[-1]
    known = (library / "model_0" / "model_0.html").read_text(encoding="utf-8")
    assert f"<h1>{model.name}</h1>" in known
    assert f"/api/download/models/{model.versions[0].id}" in known
    told = (library / "told" / "told.html").read_text(encoding="utf-8")
    assert "<h1>my own</h1>" in told and 'data-copy="harbour"' in told and "Not on Civitai" in told


def test_a_person_is_told_how_many_and_where(scanned: Run) -> None:
    ran = scanned("library", "pages")
    assert ran.out.splitlines()[0] == "3 models; 5 pages written."
    assert ran.out.splitlines()[1].endswith("library/index.html")


def test_a_library_elsewhere_is_named_by_absolute_paths(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "elsewhere"
    output.mkdir()
    ran = run("library", "pages", "--output", str(output), "--json")
    assert (ran.code, ran.data["pages"]) == (0, [f"{output}/index.html", f"{output}/models_manager.html"])


def test_a_folder_that_is_not_there_is_not_made(run: Run, empty_home: Path) -> None:
    ran = run("library", "pages", "--output", "nowhere", "--json")
    assert ran.code == 2
    assert "library scan" in ran.document["errors"][0]["hint"]
    assert not list(empty_home.iterdir())


def test_a_library_that_cannot_be_written_ends_with_nine(scanned: Run, empty_home: Path) -> None:
    (empty_home / "downloads" / "library" / "index.html").symlink_to(empty_home / "models")
    ran = scanned("library", "pages", "--json")
    assert ran.code == 9
    assert "index.html" in ran.document["errors"][0]["message"]
