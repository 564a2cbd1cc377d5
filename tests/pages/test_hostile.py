"""What strangers wrote is shown as text: no name, description or prompt becomes a tag, a script or a request."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.library.kept_model import KeptModel, KeptPreview
from civitai_kit.pages.descriptions import clean_html
from civitai_kit.pages.render import LibraryPages
from tests.library_shelf import SITE, image_answer, model_answer, version_answer

PAGES = LibraryPages(SITE)
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(1)>' onfocus=alert(1) autofocus x={{7*7}}"


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a tag."""
        self.found.append((tag, dict(attrs)))


def page(kept: KeptModel) -> str:
    """A model's page."""
    return PAGES.page(kept)[1].decode()


def hostile() -> KeptModel:
    """A model every text of which is an attack."""
    image = image_answer(1, meta={"prompt": EVIL, "negativePrompt": EVIL, EVIL: EVIL, "resources": [{"name": EVIL}]})
    version = version_answer(
        10, 1, name=EVIL, baseModel=EVIL, trainedWords=[EVIL], description=EVIL, air=EVIL, images=[image]
    )
    version["files"][0] |= {"name": EVIL, "type": EVIL, "metadata": {"format": EVIL}, "hashes": {"SHA256": EVIL}}
    model = model_answer(
        1, name=EVIL, type=EVIL, creator={"username": EVIL}, tags=[EVIL], description=EVIL, modelVersions=[version]
    )
    return KeptModel(
        folder="ink",
        version=version,
        model=model,
        header={EVIL: EVIL},
        hashes={"filename": EVIL, "hash_value": EVIL, "hash_type": "SHA256"},
        previews=(KeptPreview(name="ink_preview_0.png", index=0),),
    )


def test_no_text_of_a_stranger_becomes_a_tag_or_an_attribute() -> None:
    tags = Tags(page(hostile())).found
    assert [attributes.get("src") for tag, attributes in tags if tag == "script"] == [
        "../_pages/served.js",
        "../_pages/model.js",
    ]
    assert [attributes["src"] for tag, attributes in tags if tag == "img"] == ["ink_preview_0.png"]
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"]
    assert EVIL in next(
        attributes["data-copy"] or "" for tag, attributes in tags if attributes.get("aria-label") == "Copy the prompt"
    )


def test_a_template_in_a_name_is_not_carried_out() -> None:
    assert "{{7*7}}" in page(hostile()) and "x=49" not in page(hostile())


def test_no_data_of_the_index_can_end_its_script() -> None:
    card, _ = PAGES.page(hostile())
    _, script = LibraryPages.cards([card])
    assert b"<" not in script
    assert LibraryPages.cards_in(script) == [card]


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<img src=https://tracker.example/x.png>",
        "<iframe src=https://www.youtube.com/embed/x></iframe>",
        "<style>body{display:none}</style>",
        "<p style='position:fixed' class=bar id=search onclick=alert(1)>x</p>",
        "<form action=https://x.example><input name=a></form>",
        "<svg><script>alert(1)</script></svg>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='file:///etc/passwd'>x</a>",
        "<a href='data:text/html,x'>x</a>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<video src=https://x.example/a.mp4 autoplay></video><link rel=stylesheet href=//x>",
    ],
)
def test_a_description_loads_and_runs_nothing(html: str) -> None:
    cleaned = clean_html(html, SITE)
    tags = Tags(cleaned).found
    assert {tag for tag, _ in tags} <= {"p", "a", "table"}
    assert {name for _, attributes in tags for name in attributes} <= {"rel"}


def test_links_of_a_description_lead_to_the_site_or_where_they_say() -> None:
    hrefs = ("/models/5", "https://ann.example/x?a=1&b=2", "//c.example", "d")
    said = "".join(f"<a href='{href}'>x</a>" for href in hrefs)
    links = [attributes.get("href") for _, attributes in Tags(clean_html(said, SITE)).found]
    assert links == [f"{SITE}/models/5", "https://ann.example/x?a=1&b=2", "https://c.example", None]


def test_a_description_keeps_its_words() -> None:
    said = "<h2>How</h2><ul><li>one</li></ul><p>Weight <code>0.8</code> &amp; more</p>"
    assert clean_html(said, SITE) == said


def test_the_policy_lets_nothing_in_from_outside() -> None:
    every = [page(hostile()), *(text.decode() for path, text in PAGES.index().items() if path.endswith(".html"))]
    for html in every:
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
        assert policy.startswith("default-src 'none'")
        assert set(re.findall(r"(?<=[ ])(?!\S+-src|\S+-uri|\S+-action)[^ ;]+", policy)) <= {"'none'", "'self'", "file:"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def damaged(answer: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An answer some of whose fields hold anything."""
    changes = st.dictionaries(st.sampled_from(sorted(answer)), JSON, max_size=5)
    return changes.map(lambda changed: {**answer, **changed})


@given(
    version=damaged(version_answer(10, 1, images=[image_answer(1)])),
    model=damaged(model_answer(1)),
    header=st.dictionaries(st.text(max_size=8), JSON, max_size=3),
    said=damaged(image_answer(1)),
)
def test_whatever_an_answer_holds_there_is_a_page(
    version: dict[str, Any], model: dict[str, Any], header: dict[str, Any], said: dict[str, Any]
) -> None:
    preview = KeptPreview(name="ink_preview_0.png", index=0, said=said)
    card, html = PAGES.page(KeptModel(folder="ink", version=version, model=model, header=header, previews=(preview,)))
    assert card["name"] and card["group"] and b"</html>" in html
    assert LibraryPages.cards_in(LibraryPages.cards([card])[1])[0]["folder"] == "ink"
