"""The pages in a real browser: search, sort, filters, gallery, copying, keys, speed, and nothing asked of outsiders."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from civitai_kit.pages.render import LibraryPages
from civitai_kit.sandbox.worlds.media import mp4, png
from tests.browser import CAN_RUN, WHY_NOT, Tab
from tests.library_shelf import LibraryShelf, image_answer, model_answer, picture, synthetic, version_answer

pytestmark = pytest.mark.skipif(not CAN_RUN, reason=WHY_NOT)

AXE = Path(__file__).resolve().parents[2] / ".cache" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
EVIL = "<img src=x onerror=\"document.title='taken'\"><b>Bold</b>"
MANY = 5000
HUNDREDS = 600
# The bars are those of a person's own machine; the suite's is shared.
SLACK = 4


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> LibraryShelf:
    """A small library in which one knows what is where."""
    shelf = LibraryShelf(tmp_path_factory.mktemp("library"))
    wash = model_answer(1, name="Ink Wash", tags=["style", "painting"], stats={"downloadCount": 50, "thumbsUpCount": 9})
    images = [image_answer(number, level=8 if number == 2 else 1) for number in range(3)]
    shelf.add(
        "ink_wash",
        version=version_answer(10, 1, images=images, trainedWords=["ink wash", "sumi-e"]),
        model=wash,
        previews={"_0.png": picture(0.1, 0.2, 40, 60), "_1.mp4": mp4(), "_2.png": png(40, 60)},
        version_id=10,
        model_id=1,
        added_at="2025-01-01T00:00:00Z",
    )
    mix = model_answer(
        2, name="Dream Mix", type="Checkpoint", creator={"username": "bert"}, nsfw=True, tags=["base model"]
    )
    shelf.add(
        "dream_mix",
        version=version_answer(20, 2, baseModel="Pony", images=[image_answer(9, level=16)], trainedWords=[]),
        model=mix | {"stats": {"downloadCount": None}},
        previews={"_0.png": png(40, 60, (10, 200, 60))},
        added_at="2025-03-01T00:00:00Z",
    )
    shelf.add(
        "evil",
        version=version_answer(30, 3, name=EVIL, trainedWords=[EVIL]),
        model=model_answer(3, name=EVIL, description=f"{EVIL}<script>document.title='taken'</script>", tags=[EVIL]),
        added_at="2025-02-01T00:00:00Z",
    )
    shelf.add("unknown", header={"ss_output_name": "my own"}, status_code=404, added_at="2024-01-01T00:00:00Z")
    shelf.make()
    return shelf


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> LibraryShelf:
    """The index of thousands of models; a fiftieth of them, told fifty times, has folders."""
    return told_again(synthetic(tmp_path_factory.mktemp("many"), MANY // 50), 50)


@pytest.fixture(scope="module")
def hundreds(tmp_path_factory: pytest.TempPathFactory) -> LibraryShelf:
    """More models than are on the page at a time."""
    return told_again(synthetic(tmp_path_factory.mktemp("hundreds"), 50), HUNDREDS // 50)


def told_again(shelf: LibraryShelf, times: int) -> LibraryShelf:
    """The shelf with an index that lists every model so many times."""
    shelf.make()
    cards = [{**card, "name": f"{card['name']} {again}"} for again in range(times) for card in shelf.cards()]
    path, script = LibraryPages.cards(cards)
    (shelf.root / path).write_bytes(script)
    return shelf


@pytest.fixture(scope="module")
def served(shelf: LibraryShelf) -> Iterator[str]:
    """The same library behind a web server."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(shelf.root))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def index(tab: Tab, shelf: LibraryShelf, address: str = "") -> None:
    """Open the index."""
    tab.open((shelf.root / "index.html").as_uri() + address)


def names(tab: Tab) -> list[str]:
    """The names on the cards, as they stand."""
    found: list[str] = tab.run("[...document.querySelectorAll('.card .name')].map((name) => name.textContent)")
    return found


def search(tab: Tab, text: str) -> None:
    """Type a text into the empty search, key by key."""
    tab.run("document.getElementById('search').value = ''")
    tab.run("document.getElementById('search').focus()")
    tab.type(text)


def choose(tab: Tab, name: str, value: str) -> None:
    """Choose a value in one of the lists."""
    tab.run(f"document.getElementById('{name}').value = {json.dumps(value)}")
    tab.run(f"document.getElementById('{name}').dispatchEvent(new Event('change'))")


def is_clean(tab: Tab, root: str) -> bool:
    """Whether nothing was complained of, and nothing asked for outside a root."""
    outside = [url for url in tab.requests if not url.startswith((root, "about:"))]
    assert (tab.complaints, outside) == ([], [])
    return bool(tab.requests)


def test_the_index_lists_every_model_under_its_type(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf)
    headings = tab.run("[...document.querySelectorAll('.heading')].map((one) => one.firstChild.textContent)")
    assert headings == ["Checkpoint", "LORA", "Missing from Civitai"]
    assert names(tab) == ["Dream Mix", EVIL, "Ink Wash", "my own"]
    assert tab.run("document.getElementById('count').textContent") == "4 models, 912 MB"
    assert is_clean(tab, shelf.root.as_uri())


FOUND = {
    "INK": ["Ink Wash"],
    "sumi": ["Ink Wash"],
    "bert": ["Dream Mix"],
    "pony": ["Dream Mix"],
    "unknown.safetensors": ["my own"],
    "style, painting": ["Ink Wash"],
    "style, base model": [],
    " , ": ["Dream Mix", EVIL, "Ink Wash", "my own"],
    "<b>bold": [EVIL],
}


def test_every_term_that_is_typed_must_match_somewhere(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf)
    for typed, found in FOUND.items():
        search(tab, typed)
        assert (typed, names(tab)) == (typed, found)
        assert tab.run("document.getElementById('nothing').hidden") is bool(found)


def test_models_are_sorted_both_ways(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf, "#type=LORA")
    order = [EVIL, "Ink Wash"]
    for key in ("name", "added", "downloads", "likes", "size"):
        choose(tab, "sort", key)
        assert (key, names(tab)) == (key, order)
        tab.run("document.getElementById('direction').click()")
        # Equal ones stay in the order of their names.
        assert (key, names(tab)) == (key, order if key == "size" else order[::-1])
        tab.run("document.getElementById('direction').click()")


def test_what_is_not_known_comes_last_both_ways(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf)
    tab.run("LIBRARY.models.forEach((model) => { model.group = 'LORA'; })")
    choose(tab, "sort", "downloads")
    rows = tab.run(
        "[...document.querySelectorAll('.card')].map((card) => LIBRARY.models[card.dataset.place].downloads ?? null)"
    )
    assert sorted(rows, key=lambda number: number is None) == rows or rows.count(None) == 2


def test_choices_are_remembered_and_the_search_stands_in_the_address(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf)
    choose(tab, "sort", "name")
    tab.run("document.getElementById('direction').click()")
    tab.run("document.getElementById('covers').click()")
    search(tab, "ink")
    tab.wait_for("location.hash === '#q=ink'")
    tab.reload()
    tab.wait_for("document.querySelector('.card')")
    assert tab.run("[document.getElementById('sort').value, document.getElementById('direction').textContent]") == [
        "name",
        "↓",
    ]
    assert tab.run("document.querySelector('.cover')") is None
    assert names(tab) == ["Ink Wash"]


def test_filters_narrow_by_type_base_model_and_level(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf)
    choose(tab, "base", "Pony")
    assert names(tab) == ["Dream Mix"]
    choose(tab, "base", "")
    choose(tab, "level", "1")
    assert names(tab) == [EVIL, "Ink Wash"]
    tab.run("document.querySelector('[data-group=LORA]').click()")
    choose(tab, "level", "16")
    assert names(tab) == [EVIL, "Ink Wash"]
    tab.run("document.getElementById('clear').click()")
    assert len(names(tab)) == 4


def test_mature_covers_are_blurred_until_one_asks(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf)
    blurred = "[...document.querySelectorAll('img.cover')].map((one) => getComputedStyle(one).filter !== 'none')"
    assert tab.run(blurred) == [True, False]
    tab.run("document.getElementById('blur').click()")
    assert tab.run(blurred) == [False, False]


def test_names_and_descriptions_of_strangers_show_as_text(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf)
    assert tab.run("document.querySelectorAll('.card b, .card [onerror]').length") == 0
    tab.open((shelf.root / "evil" / "evil.html").as_uri())
    assert tab.run("document.querySelector('h1').textContent") == EVIL
    assert tab.run("document.querySelectorAll('main img, main script').length") == 0
    assert "taken" not in tab.run("document.title").split("'")[0] or tab.run("document.title").startswith(EVIL)
    assert tab.run("document.title").startswith("<img src=x")
    assert is_clean(tab, shelf.root.as_uri())


def test_the_gallery_is_walked_with_arrows_and_left_with_escape(tab: Tab, shelf: LibraryShelf) -> None:
    tab.open((shelf.root / "ink_wash" / "ink_wash.html").as_uri())
    place = "document.getElementById('place').textContent"
    tab.run("document.querySelector('[data-shot=\"0\"]').focus()")
    tab.press("Enter")
    tab.wait_for("document.getElementById('viewer').open")
    assert tab.run(place) == "1 / 3"
    tab.press("ArrowRight")
    assert tab.run(place) == "2 / 3"
    assert tab.run("document.querySelector('#stage video').controls")
    tab.press("ArrowRight")
    tab.press("ArrowRight")
    assert tab.run(place) == "1 / 3"
    tab.press("ArrowLeft")
    assert tab.run(place) == "3 / 3"
    assert "number 2" in tab.run("document.getElementById('side').textContent")
    assert tab.run("getComputedStyle(document.querySelector('#stage img')).filter") != "none"
    tab.run("document.getElementById('reveal').click()")
    assert tab.run("getComputedStyle(document.querySelector('#stage img')).filter") == "none"
    tab.press("Escape")
    assert not tab.run("document.getElementById('viewer').open")
    tab.wait_for("document.activeElement.dataset.shot === '2'")


COPIES = {
    ".word": "ink wash",
    "[aria-label='Copy all trigger words']": "ink wash, sumi-e",
    ".word.tag": "<lora:ink_wash:1>",
    "#generation-0 [aria-label='Copy the prompt']": "a harbour at dawn, ink wash, number 0",
}


def test_a_copy_button_copies(tab: Tab, shelf: LibraryShelf) -> None:
    tab.open((shelf.root / "ink_wash" / "ink_wash.html").as_uri())
    tab.run("navigator.clipboard.writeText = async (text) => { window.kept = text; }")
    for button, text in COPIES.items():
        tab.run("document.getElementById('said').textContent = ''")
        tab.run(f"document.querySelector({json.dumps(button)}).click()")
        tab.wait_for("document.getElementById('said').textContent === 'Copied'")
        assert tab.run("window.kept") == text


def test_without_a_clipboard_the_old_way_copies(tab: Tab, shelf: LibraryShelf) -> None:
    tab.open((shelf.root / "ink_wash" / "ink_wash.html").as_uri())
    tab.run("navigator.clipboard.writeText = () => Promise.reject(new Error('not here'))")
    tab.run("document.addEventListener('copy', () => { window.kept = document.activeElement.value; })")
    tab.run("document.querySelector('.word').click()")
    tab.wait_for("document.getElementById('said').textContent === 'Copied'")
    assert tab.run("window.kept") == "ink wash"


def test_keys_alone_lead_from_the_search_to_a_model(tab: Tab, shelf: LibraryShelf) -> None:
    index(tab, shelf)
    tab.press("/")
    assert tab.run("document.activeElement.id") == "search"
    tab.type("i")
    tab.press("Escape")
    assert tab.run("document.getElementById('search').value") == ""
    for _ in range(30):
        if tab.run("document.activeElement.classList.contains('card')"):
            break
        tab.press("Tab")
    tab.press("ArrowDown")
    tab.press("ArrowRight")
    assert tab.run("document.activeElement.querySelector('.name').textContent") == "Ink Wash"
    tab.press("Enter")
    tab.wait_for("document.readyState === 'complete' && document.querySelector('h1').textContent === 'Ink Wash'")


def test_a_web_server_shows_the_same_and_nothing_is_asked_elsewhere(tab: Tab, shelf: LibraryShelf, served: str) -> None:
    for page in ("index.html", "models_manager.html", "ink_wash/ink_wash.html", "unknown/unknown.html"):
        tab.call("Page.navigate", url=f"{served}/{page}")
        tab.wait_for("document.readyState === 'complete' && document.querySelector('.card, main h1')")
    assert is_clean(tab, served)


def test_the_old_name_of_the_index_leads_to_it(tab: Tab, shelf: LibraryShelf) -> None:
    tab.call("Page.navigate", url=(shelf.root / "models_manager.html").as_uri())
    tab.wait_for("location.href.endsWith('/index.html') && document.querySelector('.card')")


def test_an_empty_library_says_what_to_do(tab: Tab, tmp_path: Path) -> None:
    empty = LibraryShelf(tmp_path)
    empty.make()
    index(tab, empty)
    assert "civitai-kit library scan" in tab.run("document.getElementById('nothing').textContent")
    assert is_clean(tab, tmp_path.as_uri())


@pytest.mark.parametrize("width", [320, 390, 1280, 1920])
def test_no_page_is_wider_than_its_window(tab: Tab, shelf: LibraryShelf, width: int) -> None:
    tab.size(width, 800)
    for page in ("index.html", "ink_wash/ink_wash.html", "evil/evil.html", "unknown/unknown.html"):
        tab.open((shelf.root / page).as_uri())
        assert tab.run("document.documentElement.scrollWidth") <= width, page


@pytest.mark.slow
def test_thousands_of_models_are_there_at_once_and_searched_at_typing_speed(tab: Tab, many: LibraryShelf) -> None:
    begun = time.monotonic()
    index(tab, many)
    tab.wait_for("document.querySelectorAll('.card').length > 8")
    assert time.monotonic() - begun < 1.5 * SLACK
    assert tab.run("document.querySelectorAll('.card').length") < 200
    costs = tab.run(
        """[..."lora, trigger12"].map((key) => {
          const field = document.getElementById('search');
          field.value += key;
          const begun = performance.now();
          field.dispatchEvent(new Event('input'));
          return performance.now() - begun;
        })"""
    )
    assert sorted(costs)[len(costs) // 2] < 50 * SLACK
    assert len(names(tab)) > 0


def test_every_model_of_hundreds_can_be_scrolled_to(tab: Tab, hundreds: LibraryShelf) -> None:
    tab.size(1280, 1500)
    index(tab, hundreds)
    assert tab.run("document.querySelectorAll('.card').length") < HUNDREDS / 2
    seen: set[int] = set()
    for _ in range(200):
        seen.update(tab.run("[...document.querySelectorAll('.card')].map((card) => Number(card.dataset.place))"))
        if tab.run("window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - 1"):
            break
        before = tab.run("window.scrollY")
        tab.run("window.scrollBy(0, 2 * window.innerHeight)")
        tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert tab.run("window.scrollY") > before
    assert len(seen) == HUNDREDS


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core (npm install --prefix .cache/axe axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "page", ["index.html", "ink_wash/ink_wash.html", "unknown/unknown.html", "gallery", "bare", "filters"]
)
def test_axe_finds_nothing_serious(tab: Tab, shelf: LibraryShelf, page: str, scheme: str) -> None:
    tab.size(390 if page == "filters" else 1280, 900, scheme)
    path = {"gallery": "ink_wash/ink_wash.html", "bare": "index.html", "filters": "index.html"}.get(page, page)
    tab.open((shelf.root / path).as_uri())
    steps = {"gallery": "[data-shot]", "bare": "#covers", "filters": "#more"}
    if page in steps:
        tab.run(f"document.querySelector('{steps[page]}').click()")
    tab.run(AXE.read_text(encoding="utf-8") + "; 0")
    found: list[dict[str, Any]] = tab.run("axe.run().then((said) => said.violations)")
    serious = [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
