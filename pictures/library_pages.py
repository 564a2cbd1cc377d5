"""Library pages as a browser shows them, of a library made from nothing."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.browser import CAN_RUN, WHY_NOT, Browser, chromium
from tests.library_shelf import LibraryShelf, image_answer, model_answer, picture, synthetic, version_answer

_PROMPT = "a harbour at dawn, ink wash, loose brush strokes, fog between the masts, paper texture"
_TEXT = """<p>Loose <b>sumi-e</b> brush work for landscapes and harbours.</p>
<h3>How to use</h3><ul><li>Weight 0.6 to 0.9</li><li>DPM++ 2M Karras, 28 steps</li></ul>"""


def draw_pages(folder: Path) -> None:
    """Make a library, look at its index and at one of its models, keep what is seen; says so where no browser is."""
    if not CAN_RUN:
        print(f"No pictures of library pages: that {WHY_NOT}.", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "library"
        root.mkdir()
        shelf = synthetic(root, 400)
        add_ink_wash(shelf)
        shelf.make()
        with chromium(Path(work) / "profile") as browser:
            _take(browser, root / "index.html", folder / "library-index.webp", "light")
            _take(browser, root / "ink_wash" / "ink_wash.html", folder / "library-model.webp", "dark")


def _take(browser: Browser, page: Path, to: Path, scheme: str) -> None:
    tab = browser.tab()
    tab.size(1280, 860, scheme)
    tab.open(page.as_uri())
    tab.wait_for("[...document.images].slice(0, 12).every((image) => image.complete)")
    tab.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    to.write_bytes(tab.picture())


def add_ink_wash(shelf: LibraryShelf) -> None:
    """The model whose page is shown: with six pictures, of three versions."""
    images = [image_answer(number, width=300, height=440 - 60 * (number % 3)) for number in range(6)]
    images[0]["meta"]["prompt"] = _PROMPT
    version = version_answer(12, 1, name="v2.1", images=images, trainedWords=["ink wash", "sumi-e", "loose brush"])
    others = [version_answer(13, 1, name="v3.0", baseModel="Flux.1 D"), version, version_answer(11, 1, name="v1.0")]
    model = model_answer(
        1, name="Ink Wash XL", description=_TEXT, modelVersions=others, tags=["style", "ink", "painting"]
    )
    pictures = [picture(number / 6, number * 0.37 % 1, 300, 440 - 60 * (number % 3)) for number in range(6)]
    shelf.add(
        "ink_wash",
        version=version,
        model=model | {"stats": {"downloadCount": 48210, "thumbsUpCount": 5120, "commentCount": 87}},
        previews={f"_{number}.png": content for number, content in enumerate(pictures)},
        version_id=12,
        model_id=1,
        added_at="2025-11-20T09:00:00Z",
    )
