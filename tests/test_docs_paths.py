"""Every path of the repository that a page for contributors names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "civitai_kit"
PAGES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md", "docs/site.md")

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"\.?\w[\w.-]*(/[\w.-]+)*/?")
ROOMS = {room.name for room in PACKAGE.iterdir() if room.is_dir()}
OUTSIDE = {"civitai_kit", "tests", "docs", "bench", "requirements", ".ci"}


def is_path(span: str) -> bool:
    """Whether this reads as a path of ours: a module, or something in one of our folders."""
    if not PATH.fullmatch(span):
        return False
    folder, slash, _ = span.partition("/")
    return span.endswith(".py") or (bool(slash) and folder in ROOMS | OUTSIDE)


def is_there(span: str) -> bool:
    """Whether it is below the root or the package; a bare name may be anywhere in the package."""
    if (ROOT / span).exists() or (PACKAGE / span).exists():
        return True
    return "/" not in span and next(PACKAGE.rglob(span), None) is not None


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    named = [span for span in SPAN.findall(text) if is_path(span)]
    assert [span for span in named if not is_there(span)] == []


def test_a_download_is_followed_through_twenty_files_eight_of_them_of_transfer() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    walk = text.partition("## A walk")[2].partition("**File first")[0]
    files = {span for span in SPAN.findall(walk) if span.endswith(".py")}
    assert files and all((PACKAGE / file).is_file() for file in files)
    assert len(files) <= 20 and sum(file.startswith("transfer/") for file in files) <= 8
