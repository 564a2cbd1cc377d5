"""The site that `make docs` has built: its links lead somewhere, and who reads it asks nobody else for anything."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import cache, partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from manual.public import MODULES
from tests.browser import CAN_RUN, WHY_NOT, Tab, chromium

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "docs"
INDEX = SITE / "index.html"


def is_built() -> bool:
    """Whether the site is there, and no younger file has gone into it."""
    sources = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "manual").glob("*.py")]
    sources += (ROOT / "civitai_kit").rglob("*.py")
    return INDEX.exists() and INDEX.stat().st_mtime >= max(path.stat().st_mtime for path in sources)


pytestmark = pytest.mark.skipif(not is_built(), reason="needs the site of the documents as it is now (make docs)")
PAGES = sorted(SITE.rglob("*.html"))
# What a page loads by itself, in contrast to where a reader may go.
LOADS = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data")}


class Read(HTMLParser):
    """The anchors of a page, where its links lead, and what it loads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take one tag."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if (tag, name) == ("a", "href") and value:
                self.links.append(value)
            if (tag, name) in LOADS and value:
                self.loads.append(value)


@cache
def read(page: Path) -> Read:
    """A page, read once."""
    return Read(page)


def test_every_link_within_the_site_leads_to_a_place_that_is_there() -> None:
    astray = [(page.name, link) for page in PAGES for link in read(page).links if not leads(page, link)]
    assert len(PAGES) > 25 and astray == []


def leads(page: Path, link: str) -> bool:
    """Whether a link goes elsewhere, or to a file of the site and an anchor in it."""
    parts = urlsplit(link)
    if parts.scheme in ("https", "http"):
        return True
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not file.is_file() or not file.is_relative_to(SITE):
        return False
    return file.suffix != ".html" or not parts.fragment or unquote(parts.fragment) in read(file).anchors


def test_a_page_loads_nothing_from_elsewhere() -> None:
    assert [(page.name, load) for page in PAGES for load in read(page).loads if urlsplit(load).netloc] == []
    styles = [path.read_text(encoding="utf-8") for path in SITE.rglob("*.css")]
    assert [
        found for style in styles for found in re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//\S+", style)
    ] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_its_anchor(module: str) -> None:
    anchors = set().union(*(read(page).anchors for page in (SITE / "docs" / "reference").glob("*.html")))
    assert {f"{module}.{name}" for name in import_module(module).__all__} <= anchors


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:{}".format(*server.server_address[1:])
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A page in a real browser."""
    if not CAN_RUN:
        pytest.skip(WHY_NOT)
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as browser:
        yield browser.tab()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_who_reads_the_site_asks_nobody_else_and_meets_no_mistake(
    tab: Tab, address: str, width: int, scheme: str
) -> None:
    tab.size(width, 900, scheme)
    for page in ("index.html", "docs/tutorial.html", "docs/reference/answers.html#civitai_kit.Model.id"):
        tab.open(f"{address}/{page}")
        assert tab.run("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.run("document.getElementById('civitai_kit.Model.id') !== null")
    asked = [url for url in tab.requests if not url.startswith((address, "data:"))]
    assert (asked, [one for one in tab.complaints if "favicon" not in one]) == ([], [])


def test_the_search_finds_a_public_name(tab: Tab, address: str) -> None:
    tab.open(f"{address}/search.html?q=RetryRules")
    tab.wait_for("[...document.querySelectorAll('#search-results a')].some(a => a.href.includes('RetryRules'))")
    assert [url for url in tab.requests if not url.startswith((address, "data:"))] == []
