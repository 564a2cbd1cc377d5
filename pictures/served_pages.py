"""The index of a served library while downloads run, as a browser shows it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from civitai_kit.sandbox.serve import Sandbox
from pictures.library_pages import add_ink_wash
from tests.browser import CAN_RUN, Tab, chromium
from tests.library_shelf import synthetic
from tests.web.conftest import TOKEN, Server, served

_NOWHERE = 10**9


def draw_served(folder: Path, sandbox: Sandbox) -> None:
    """Let a server of ours fetch, wait and fail, and keep what its index shows of it."""
    if not CAN_RUN:
        return
    sandbox.reset()
    sandbox.faults.add("throttle", times=None, rate=6_000_000)
    with tempfile.TemporaryDirectory() as work:
        home = Path(work)
        _make_library(home / "downloads" / "library", sandbox.url)
        with served(home, api_url=sandbox.url, api_key=sandbox.api_key) as server:
            _queue(server, sandbox)
            with chromium(home / "profile") as browser:
                tab = browser.tab()
                _look(tab, server)
                (folder / "library-served.webp").write_bytes(tab.picture())


def _make_library(root: Path, site: str) -> None:
    root.mkdir(parents=True)
    shelf = synthetic(root, 40)
    add_ink_wash(shelf)
    shelf.make(site)


def _queue(server: Server, sandbox: Sandbox) -> None:
    """One that the site does not have, one that runs for a while, one that waits for it."""
    wanted = [_NOWHERE]
    for name in ("Ink Wash XL", "Amber Harbour"):
        model = sandbox.world.add_model(name, type="LORA")
        version = sandbox.world.add_version(model, "v3.0", base_model="Flux.1 D")
        sandbox.world.add_file(version, f"{name}.safetensors", size=90_000_000)
        wanted.append(version.id)
    for version_id in wanted:
        server.ask("POST", "/api/admin/download", json={"version_id": version_id})


def _look(tab: Tab, server: Server) -> None:
    tab.size(1280, 860)
    tab.open(f"{server.url}/healthz")
    tab.run(f"sessionStorage.setItem('civitai-kit.token', '{TOKEN}')")
    tab.open(f"{server.url}/index.html")
    tab.wait_for("/left$/.test(document.querySelector('.served-facts')?.textContent)")
    tab.wait_for("document.querySelector('progress').value > 30_000_000")
    tab.wait_for("[...document.images].slice(0, 12).every((image) => image.complete)")
