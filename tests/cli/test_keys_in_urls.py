"""A key in a URL that was typed, listed, planned, set or imported is in nothing that is said or written afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from civitai_kit.testing import Sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import Ran, Run

KEY = "k3yThatWasPasted"
PAGE = "civitai.com/api/download/models/100101"
# Ways in which a key gets into an address.
PASTED = (
    f"https://{PAGE}?token={KEY}",
    f"https://{PAGE}?fileId=1001011&API_KEY={KEY}",
    f"https://{PAGE}?%74oken={KEY}",
    f"https://me:{KEY}@{PAGE}",
    f"me:{KEY}@{PAGE}",
)
LOUD = ("--log-level", "debug", "--log-file", "log.txt", "--log-api")


def everything(ran: Ran, folder: Path, *but: str) -> str:
    """All that a run said, and all that it wrote; the database as it is exported."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in but)
    return ran.out + ran.err + "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


@pytest.mark.parametrize("ref", PASTED)
def test_a_key_in_a_typed_url_goes_nowhere(ref: str, at_sandbox: Run, empty_home: Path) -> None:
    said = at_sandbox("download", ref, "--metadata", "--yes", *LOUD)
    assert said.code == 0, said.err
    exported = at_sandbox("db", "export", "all.jsonl")
    assert KEY not in everything(said, empty_home) + exported.out
    assert "FileDone" in (empty_home / "log.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "fault", ["wrong_bytes", "expired", "storage_404", "storage_reset", "redirect_loop", "cut", "html_file"]
)
def test_the_signature_of_a_storage_link_goes_nowhere(
    fault: str, at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    civitai_sandbox.faults.add(fault)
    said = at_sandbox("download", "1001", "--yes", *LOUD)
    assert "amz-signature" not in everything(said, empty_home).lower()


def test_a_key_in_a_listing_page_is_not_said_back(at_sandbox: Run, empty_home: Path) -> None:
    page = f"https://civitai.com/models?tag=style&view={KEY[::-1]}&token={KEY}"
    assert KEY not in everything(at_sandbox("scan", page, *LOUD), empty_home)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_key_in_a_line_of_a_list_is_not_said_back(form: str, run: Run, empty_home: Path) -> None:
    lines = [f"https://example.org/{'x' * 70}?token={KEY}", f"https://me:{KEY}@example.org/", f"models?key={KEY} b"]
    (empty_home / "list.txt").write_text("\n".join(lines), encoding="utf-8")
    said = run("scan", "--from-file", "list.txt", *LOUD, *(["--json"] if form == "json" else []))
    assert said.code == 2 and "list.txt" in said.out + said.err
    assert KEY not in everything(said, empty_home, "list.txt")


def test_a_plan_neither_holds_a_key_nor_says_one_that_was_written_into_it(at_sandbox: Run, empty_home: Path) -> None:
    plan = empty_home / "plan.json"
    at_sandbox("scan", PASTED[0], "-o", "plan.json")
    document = json.loads(plan.read_text(encoding="utf-8"))
    assert KEY not in str(document)
    document["items"][0]["url"] += f"{'&' if '?' in document['items'][0]['url'] else '?'}token={KEY}"
    plan.write_text(json.dumps(document), encoding="utf-8")
    shown = at_sandbox("download", "--plan", "plan.json", "--dry-run", "--json")
    done = at_sandbox("download", "--plan", "plan.json", "--yes", *LOUD)
    at_sandbox("db", "export", "all.jsonl")
    assert (shown.code, done.code) == (0, 0) and KEY not in shown.out + everything(done, empty_home, "plan.json")


@pytest.mark.parametrize(
    "words",
    [
        ("scan", "--api-url", f"https://civitai.com/?token={KEY}"),
        ("scan", "--api-url", f"https://civitai.com/{'x' * 40}?token={KEY}"),
        ("scan", "--sort", f"https://me:{KEY}@civitai.com/{'x' * 70}"),
        ("scan", "--plan", f"https://civitai.com/?token={KEY}"),
        ("download", "--plan", f"https://civitai.com/?token={KEY}"),
        ("scan", "--config", f"?token={KEY}"),
        ("torrent", "--announce", f"http:///announce?passkey={KEY}"),
        ("torrent", "--announce", "http://t.example/announce", "--web-seed", f"https://me:{KEY}@t.example/"),
        ("torrent", "--announce", "http://t.example/announce", "--web-seed", f"https://t.example/?token={KEY}"),
        ("images", f"https://example.org/images/1?token={KEY}"),
        ("scan", f"--?token={KEY}"),
        ("db", "import", f"none?token={KEY}"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_key_in_a_mistake_is_not_said_back(words: tuple[str, ...], form: str, run: Run, empty_home: Path) -> None:
    said = run(*words, *(["--json"] if form == "json" else []))
    assert said.code != 0 and KEY not in everything(said, empty_home)


def test_settings_are_shown_without_the_keys_in_their_urls(run: Run, empty_home: Path) -> None:
    text = f'[torrent]\nannounce = ["https://t.example/announce?passkey={KEY}"]\n'
    (empty_home / "config.toml").write_text(text, encoding="utf-8")
    said, document = run("config", "show"), run("config", "show", "--json")
    assert KEY not in said.out + document.out and "https://t.example/announce" in said.out


def test_an_imported_history_is_remembered_without_the_keys_of_its_urls(run: Run, empty_home: Path) -> None:
    row = {"path": "a/7.jpeg", "quality": "HD", "download_date": "2024-03-02", "url": f"https://x/7.jpeg?token={KEY}"}
    (empty_home / "history.json").write_text(json.dumps({"7_HD": row}), encoding="utf-8")
    assert run("db", "import", "history.json").code == 0
    (image,) = run("db", "view", "--images", "--json").data["images"]
    assert image["url"] == "https://x/7.jpeg"
