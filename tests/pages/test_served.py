"""Served pages in a real browser: from a click to a proved file, stopped, refused, connected again; only there."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.core.collection.entry import Status
from civitai_kit.sandbox.worlds.records import WorldFile, WorldVersion
from civitai_kit.store.lmdb_store import LmdbStore
from civitai_kit.testing import Sandbox
from tests.browser import CAN_RUN, WHY_NOT, Tab
from tests.library_shelf import LibraryShelf, model_answer, version_answer
from tests.pages.test_in_browser import AXE
from tests.web.conftest import TOKEN, Server, served

pytestmark = pytest.mark.skipif(not CAN_RUN, reason=WHY_NOT)

EVIL = "<img src=x onerror=\"document.title='taken'\">"
SPOT = "[...document.querySelectorAll('.served-spot')]"
HERE = "Fetch to this library"


@dataclass
class Library:
    """A library with one model: a version that is owned, of two files, and one that is not."""

    home: Path
    sandbox: Sandbox
    owned: WorldVersion
    wanted: WorldVersion
    file: WorldFile
    second: WorldFile

    @property
    def save_path(self) -> Path:
        """Where downloads go."""
        return self.home / "downloads"

    @property
    def root(self) -> Path:
        """Where the pages are."""
        return self.save_path / "library"

    @contextmanager
    def served(self, port: int = 0) -> Iterator[Server]:
        """A server of ours over it."""
        site: dict[str, Any] = {"api_url": self.sandbox.url, "api_key": self.sandbox.api_key}
        with served(self.home, port=port, api_client_timeout_sec=30, **site) as server:
            yield server


@pytest.fixture
def library(civitai_sandbox: Sandbox, tmp_path: Path) -> Library:
    """The library, with its pages made for the sandbox as the site."""
    world = civitai_sandbox.world
    model = world.add_model("Ink Wash", type="LORA")
    owned, wanted = (world.add_version(model, name, base_model="Pony") for name in (f"v1 {EVIL}", "v2"))
    first, second = (world.add_file(owned, name, size=4096) for name in ("one.safetensors", "two.safetensors"))
    library = Library(
        tmp_path, civitai_sandbox, owned, wanted, world.add_file(wanted, "v2.safetensors", size=90_000), second
    )
    files = [
        {"id": file.id, "name": file.name, "hashes": {"SHA256": file.body.digests["SHA256"]}}
        for file in (first, second)
    ]
    here = version_answer(owned.id, model.id, name=owned.name, files=files)
    versions = [version_answer(wanted.id, model.id, name="v2"), version_answer(10**9, model.id, name="gone"), here]
    library.root.mkdir(parents=True)
    shelf = LibraryShelf(library.root)
    shelf.add(
        "ink",
        version=here,
        model=model_answer(model.id, name="Ink Wash", modelVersions=versions),
        sha256=first.body.digests["SHA256"].lower(),
        version_id=owned.id,
        model_id=model.id,
    )
    shelf.make(civitai_sandbox.url)
    return library


def give(tab: Tab, token: str, *, remembered: bool = False) -> None:
    """Give a token as a person does."""
    tab.wait_for("document.querySelector('.served')")
    tab.run("document.querySelector('.served').open = true")
    tab.run("document.querySelector('.served-token input').focus()")
    tab.type(token)
    if remembered:
        tab.run("document.querySelector('.served-remember input').click()")
    tab.press("Enter")


def spot(tab: Tab, name: str) -> str:
    """What is beside one link, as an expression; it is waited for."""
    label = json.dumps(f"{HERE}: {name}")
    found = f"{SPOT}.find((spot) => spot.checkVisibility() && spot.firstChild.textContent === {label})"
    tab.wait_for(found)
    return found


def see(tab: Tab, state: str) -> None:
    """Tell the page that it is seen, or hidden as in a tab behind another."""
    tab.run(f"Object.defineProperty(document, 'visibilityState', {{value: '{state}', configurable: true}})")
    tab.run("document.dispatchEvent(new Event('visibilitychange'))")


def shown(tab: Tab) -> str:
    """The texts of the live part that a reader sees."""
    found: str = tab.run(
        "[...document.querySelectorAll('.served, .served-spot')].map((one) => one.innerText).join('\\n')"
    )
    return found


def test_a_click_fetches_a_version_and_others_see_stop_and_resume_it(library: Library, tab: Tab) -> None:
    with library.served() as server:
        tab.open(f"{server.url}/ink/ink.html")
        give(tab, TOKEN)
        v2 = spot(tab, "v2")
        assert HERE + ": one.safetensors" not in shown(tab), "it is here"
        library.sandbox.faults.add("stall", times=None, at=40_000, seconds=120)
        tab.run(f"{v2}.querySelector('button').focus()")
        tab.press("Enter")
        tab.wait_for(f"/^\\d+ %, .* of 90 kB/.test({v2}.querySelector('.served-facts').textContent)")
        assert tab.run("document.activeElement.textContent") == "Stop: Ink Wash, v2"
        other = tab.browser.tab()
        other.open(f"{server.url}/")
        give(other, TOKEN)
        other.wait_for("document.querySelector('.served-list progress')?.hasAttribute('value')")
        assert "Ink Wash, v2" in shown(other) and "1 running" in shown(other)
        other.run("document.querySelector('.served-list button').click()")
        tab.wait_for(f"/^Stopped/.test({v2}.querySelector('.served-facts').textContent)")
        assert [*library.save_path.rglob("*.part")]
        library.sandbox.faults.clear()
        tab.run(f"{v2}.querySelector('button').click()")
        tab.wait_for(f"/^Fetched to/.test({v2}.querySelector('.served-facts').textContent)")
        place = next(path for path in library.save_path.rglob("*v2.safetensors"))
        assert place.relative_to(library.save_path).as_posix() in shown(tab)
        other.wait_for("/1 done, 1 stopped/.test(document.querySelector('.served-count').textContent)")
    assert hashlib.sha256(place.read_bytes()).hexdigest() == library.file.body.digests["SHA256"].lower()
    with LmdbStore.open(library.save_path / "civitai_download_db", read_only=True) as store:
        entry = store.get(library.wanted.id)
        assert entry is not None and [record.status for record in entry.files] == [Status.DOWNLOADED]
    assert tab.run("document.title") == f"Ink Wash – v1 {EVIL}"
    assert [url for url in tab.requests + other.requests if TOKEN in url] == []


def test_one_file_of_a_version_is_fetched_and_a_refusal_of_the_site_is_a_sentence(library: Library, tab: Tab) -> None:
    with library.served() as server:
        tab.open(f"{server.url}/ink/ink.html")
        give(tab, TOKEN)
        for name in ("two.safetensors", "gone"):
            tab.run(f"{spot(tab, name)}.querySelector('button').click()")
        tab.wait_for(f"/^Failed/.test({spot(tab, 'gone')}.querySelector('.served-facts').textContent)")
        tab.wait_for(f"/^Fetched/.test({spot(tab, 'two.safetensors')}.querySelector('.served-facts').textContent)")
        row = server.ask("GET", "/api/admin/download").json()["downloads"][-1]
        assert row["errors"][0]["message"] in shown(tab)
    names = [path.name for path in library.save_path.rglob("*.safetensors")]
    assert len(names) == 1 and names[0].endswith("two.safetensors")


def test_a_wrong_token_is_said_and_a_right_one_is_remembered_where_one_asked_for_it(library: Library, tab: Tab) -> None:
    buttons = f"{SPOT}.filter((spot) => spot.checkVisibility()).length"
    held = "JSON.stringify([sessionStorage, localStorage].map((store) => store.getItem('civitai-kit.token')))"
    with library.served() as server:
        tab.open(f"{server.url}/ink/ink.html")
        assert tab.run(buttons) == 0
        for wrong in ("wrong", "ключ"):
            give(tab, wrong)
            tab.wait_for(
                "document.querySelector('.served-wrong').textContent === 'The server does not take this token.'"
            )
            assert (tab.run(buttons), json.loads(tab.run(held))) == (0, [None, None])
            assert tab.run("document.activeElement.type") == "password"
        give(tab, TOKEN, remembered=True)
        tab.wait_for(buttons)
        assert tab.run("document.activeElement.tagName") == "MAIN", "the keyboard goes on from there"
        assert json.loads(tab.run(held)) == [TOKEN, TOKEN]
        tab.run("sessionStorage.clear()")
        tab.open(f"{server.url}/")
        tab.wait_for("document.querySelector('.served-count').textContent === 'none'")
        tab.run("document.querySelector('.served > .button').click()")
        assert json.loads(tab.run(held)) == [None, None]
        assert tab.run("document.activeElement.type") == "password"
    assert [url for url in tab.requests if TOKEN in url] == []


def test_a_page_that_was_hidden_or_whose_server_was_away_hears_what_it_missed(library: Library, tab: Tab) -> None:
    with library.served() as server:
        tab.open(f"{server.url}/")
        give(tab, TOKEN)
        server.ask("POST", "/api/admin/download", json={"version_id": 10**9})
        tab.wait_for("document.querySelector('.served-count').textContent === '1 failed'")
    tab.wait_for("document.querySelector('.served-count').textContent.startsWith('The server does not answer.')")
    with library.served(port=int(server.url.rpartition(":")[2])) as again:
        again.ask("POST", "/api/admin/download", json={"version_id": library.wanted.id})
        tab.wait_for("document.querySelector('.served-count').textContent === '1 done'")
        assert "Ink Wash, v2" in shown(tab) and "version 1000000000" not in shown(tab)
        see(tab, "hidden")
        again.ask("POST", "/api/admin/download", json={"version_id": 10**9})
        see(tab, "visible")
        tab.wait_for("document.querySelector('.served-count').textContent === '1 failed, 1 done'")


def test_what_was_wrong_is_told_no_longer_than_it_is_so(library: Library, tab: Tab) -> None:
    library.sandbox.faults.add("stall", times=None, at=40_000, seconds=120)
    with library.served() as server:
        tab.open(f"{server.url}/ink/ink.html")
        give(tab, TOKEN)
        v2 = spot(tab, "v2")
        tab.run(f"{v2}.querySelector('button').click()")
        tab.wait_for(f"{v2}.querySelector('.served-row button').checkVisibility()")
        see(tab, "hidden")
        server.ask("DELETE", "/api/admin/download/1")
        while server.ask("DELETE", "/api/admin/download/1").status_code != 409:
            time.sleep(0.01)
        tab.run(f"{v2}.querySelector('.served-row button').click()")
        tab.wait_for(f"/has ended/.test({v2}.innerText)")
        see(tab, "visible")
        tab.wait_for(f"!/has ended/.test({v2}.innerText)")
    tab.run(f"{v2}.querySelector('button').click()")
    tab.wait_for(f"/does not answer/.test({v2}.innerText)")
    with library.served(port=int(server.url.rpartition(":")[2])):
        tab.wait_for(f"!/does not answer/.test({v2}.innerText)")


def test_nothing_of_it_is_there_from_a_file_or_behind_another_server(library: Library, tab: Tab) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(library.root))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as plain:
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        for root in (library.root.as_uri(), f"http://127.0.0.1:{plain.server_port}"):
            for page in ("index.html", "ink/ink.html"):
                tab.open(f"{root}/{page}")
                assert tab.run("document.querySelectorAll('[class^=served]').length") == 0
        plain.shutdown()
    assert not [url for url in tab.requests if "/api/" in url or url.endswith("served.css")]
    assert tab.complaints == []
    assert (library.root / "_pages" / "served.js").read_text(encoding="utf-8").count("\n") == 1


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (npm install --prefix .cache/axe axe-core)")
def test_axe_finds_nothing_serious_in_what_is_served_and_a_phone_holds_it(library: Library, tab: Tab) -> None:
    library.sandbox.faults.add("stall", times=None, at=40_000, seconds=120)
    with library.served() as server:
        for wanted in (10**9, library.wanted.id):
            ref = f"{library.sandbox.url}/api/download/models/{wanted}"
            server.ask("POST", "/api/admin/download", json={"ref": ref})
        for each, page in ((tab, "index.html"), (tab.browser.tab(), "ink/ink.html")):
            each.open(f"{server.url}/{page}")
            give(each, "wrong")
            each.wait_for("document.querySelector('.served-wrong').textContent")
            assert serious(each, "dark") == []
            give(each, TOKEN)
            each.wait_for("[...document.querySelectorAll('progress')].some((bar) => bar.checkVisibility())")
            assert [*serious(each, "light"), *serious(each, "dark")] == []
            assert each.run("document.documentElement.scrollWidth") <= 390


def serious(tab: Tab, scheme: str) -> list[Any]:
    """What axe-core finds of weight, on a phone."""
    tab.size(390, 900, scheme)
    tab.run(AXE.read_text(encoding="utf-8") + "; 0")
    found: list[dict[str, Any]] = tab.run("axe.run().then((said) => said.violations)")
    weighty = [each for each in found if each["impact"] in ("serious", "critical")]
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in weighty]
