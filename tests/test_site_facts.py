"""What the code says of the site can be looked up: every `site.md N.M` is a section of docs/site.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "docs" / "site.md"
HEADING = re.compile(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", re.MULTILINE)
# `site.md 7.2`, `site.md 2.1, 8.1`, `site.md 4 to 6`; a line may end within.
CITATION = re.compile(r"\bsite\.md(?:\s+#)?\s+(\d+(?:\.\d+)?(?:(?:,|\s+to|\s+and)\s+\d+(?:\.\d+)?)*)")
# Facts were once cited from a document that is not in the repository.
ELSEWHERE = re.compile(r"\bAPI[\s#]+facts\b|\bapi\.md\b")
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def texts() -> Iterator[tuple[str, str]]:
    """Every text that may cite a fact, by its path in the repository."""
    for folder in ("civitai_kit", "tests", "bench", "docs"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".py", ".md") and file != Path(__file__).resolve():
                yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


SECTIONS = HEADING.findall(SITE.read_text(encoding="utf-8"))
CITED = sorted(
    {(number, name) for name, text in texts() for said in CITATION.findall(text) for number in NUMBER.findall(said)}
)


def test_the_sections_are_numbered_in_order_without_doubles() -> None:
    order = [tuple(int(part) for part in number.split(".")) for number in SECTIONS]
    assert order == sorted(set(order))


def test_every_section_that_is_cited_exists() -> None:
    assert len(CITED) > 50
    assert [(number, name) for number, name in CITED if number not in SECTIONS] == []


def test_facts_are_cited_from_that_page_alone() -> None:
    assert [name for name, text in texts() if ELSEWHERE.search(text)] == []
