"""The page to try the API, in a real browser: it asks its own server alone, and shows what is answered as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from civitai_kit.testing import Sandbox
from civitai_kit.web.openapi import description
from tests.browser import Tab
from tests.pages.test_in_browser import AXE
from tests.web.conftest import TOKEN, Server, served

MAP = "/api/admin/models/civitai-map"
EVIL = "<img src=x onerror=document.title='taken'>"


@pytest.fixture
def server(civitai_sandbox: Sandbox, tmp_path: Path) -> Iterator[Server]:
    """A server over the sandbox."""
    with served(tmp_path, api_url=civitai_sandbox.url, api_key=civitai_sandbox.api_key, with_files=True) as running:
        yield running


def form(method: str, path: str) -> str:
    """The form of a request, as an expression."""
    return f"document.querySelector('form[data-method={method}][data-path=\"{path}\"]')"


def send(tab: Tab, method: str, path: str, **fields: str) -> tuple[str, str]:
    """What the page shows of an answer: the line with its status, and its text."""
    this = form(method, path)
    for name, value in fields.items():
        tab.run(f"{this}.elements[{name!r}].value = {value!r}")
    tab.run(f"{this}.querySelector('[type=submit]').click()")
    tab.wait_for(f"!{this}.querySelector('[type=submit]').disabled")
    box = f"{this}.parentElement.querySelector('.answer')"
    return str(tab.run(f"{box}.querySelector('.line').textContent")), str(
        tab.run(f"{box}.querySelector('pre').textContent")
    )


def test_each_request_can_be_tried_and_nobody_else_is_asked(tab: Tab, server: Server, civitai_sandbox: Sandbox) -> None:
    model = civitai_sandbox.world.add_model(EVIL, type="LORA")
    version = civitai_sandbox.world.add_version(model, "v1")
    civitai_sandbox.world.add_file(version, "a.safetensors")
    add = "/api/admin/civitai/add/{version_id}"
    tab.open(f"{server.url}/docs")
    assert tab.run("document.querySelectorAll('form.request').length") == sum(
        map(len, description(mirror=True)["paths"].values())
    )
    assert send(tab, "GET", "/healthz")[0].startswith("200")
    line, text = send(tab, "GET", MAP)
    assert line.startswith("401") and "Not authenticated" in text
    tab.run(f"document.getElementById('token').value = {TOKEN!r}")
    line, text = send(tab, "POST", add, version_id=str(version.id))
    assert line.startswith("200") and EVIL in text
    assert EVIL in send(tab, "GET", MAP)[1]
    line, _ = send(tab, "DELETE", "/api/admin/models/{filename}/catalog", filename="../../x y")
    assert line.startswith("404")
    assert tab.requests[-1] == f"{server.url}/api/admin/models/..%2F..%2Fx%20y/catalog"
    line, text = send(tab, "POST", "/api/admin/download", body='{"ref": "nonsense"}')
    assert line.startswith("400") and "detail" in text
    assert tab.run("document.title") == "civitai-kit: the API"
    assert all(url.startswith((server.url, "data:")) for url in tab.requests)
    assert all("Failed to load resource" in said for said in tab.complaints)


def test_events_are_shown_as_they_come_until_they_are_stopped(tab: Tab, server: Server) -> None:
    this = form("GET", "/api/admin/events")
    tab.open(f"{server.url}/docs")
    tab.run(f"document.getElementById('token').value = {TOKEN!r}")
    tab.run(f"{this}.querySelector('[type=submit]').click()")
    shown = f"{this}.parentElement.querySelector('pre').textContent"
    tab.wait_for(f"{shown}.includes('these are the downloads')")
    tab.run(f"{this}.querySelector('.stop').click()")
    tab.wait_for(f"{shown}.includes('stopped') && !{this}.querySelector('[type=submit]').disabled")


def test_a_value_that_cannot_be_is_not_sent(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/docs")
    before = len(tab.requests)
    this = form("POST", "/api/admin/civitai/add/{version_id}")
    tab.run(f"{this}.querySelector('[type=submit]').click()")
    assert len(tab.requests) == before
    assert tab.run(f"{this}.querySelector('input').validity.valueMissing") is True


def test_the_page_may_run_its_own_script_and_ask_its_own_server_alone(server: Server) -> None:
    policy = httpx2.get(f"{server.url}/docs").headers["content-security-policy"]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert (allowed["default-src"], allowed["connect-src"]) == ("'none'", "'self'")
    assert allowed["script-src"].startswith("'sha256-") and " " not in allowed["script-src"]
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (npm install --prefix .cache/axe axe-core)")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_on_it(tab: Tab, server: Server, scheme: str, width: int) -> None:
    tab.size(width, 900, scheme)
    tab.call("Page.setBypassCSP", enabled=True)
    tab.open(f"{server.url}/docs")
    send(tab, "GET", "/healthz")
    send(tab, "GET", MAP)
    tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    tab.run(AXE.read_text(encoding="utf-8") + "; 0")
    found: list[dict[str, Any]] = tab.run("axe.run().then((said) => said.violations)")
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []
    assert tab.run("document.documentElement.scrollWidth <= window.innerWidth")
