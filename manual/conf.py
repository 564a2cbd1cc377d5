"""How Sphinx makes a site of README, CONTRIBUTING, CHANGELOG and docs/; `make docs` runs it from the root."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from civitai_kit import __version__  # noqa: E402
from manual.pages import filled, with_links  # noqa: E402

project = "civitai-kit"
release = version = __version__
copyright = "the authors of civitai-kit"
language = "en"
# Two hyphens stay two, and quotes as they are written.
smartquotes = False

# The pages stay where a code host shows them, and so do the links between them.
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**.md"]
exclude_patterns = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "docs")

extensions = ["myst_parser"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"civitai-kit {__version__}"
html_show_sphinx = False
html_copy_source = False
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
# Light and dark, each with colours that may be read.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

# What stands at the side: on a code host, the README's table does its work.
_SIDE = {
    "Using it": "commands settings images db torrent library library-pages sidecars serve troubleshooting coming-from",
    "From Python": "tutorial client stability programs",
    "Reference": "reference/clients reference/options reference/answers reference/words reference/errors "
    "reference/policies reference/testing",
    "How it is made": "architecture glossary site benchmarks",
}

# Pages whose words in back-ticks are names of Python.
_OF_PYTHON = {"docs/client", "docs/tutorial", "docs/stability"}


def _side() -> str:
    shown = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *(f"docs/{page}" for page in pages.split())])
        for caption, pages in _SIDE.items()
    ]
    return "\n```\n\n".join([*shown]) + "\nCONTRIBUTING\nCHANGELOG\n```\n"


def _read(_app: Any, page: str, source: list[str]) -> None:
    """Put the docstrings into the pages of the reference, links into others, the side's table below the README."""
    if page == root_doc:
        source[0] += "\n" + _side()
    if page.startswith("docs/reference/"):
        source[0] = filled(source[0])
    elif page in _OF_PYTHON:
        source[0] = with_links(source[0])


def _finish(app: Any, error: Exception | None) -> None:
    """A folder is opened at its index.html."""
    if error is None:
        shutil.copyfile(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Any) -> dict[str, bool]:
    """Sphinx asks for this."""
    app.connect("source-read", _read)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
