"""The reference shows every public name, and each of them says what it is."""

from __future__ import annotations

from importlib import import_module

import pytest

from manual.pages import REFERENCE, filled, places
from manual.public import MODULES, Entry, entries

TEXTS = {page.name: page.read_text(encoding="utf-8") for page in sorted(REFERENCE.glob("*.md"))}
ENTRIES = {f"{module}.{entry.name}": entry for module in MODULES for entry in entries(module)}
TOLD = {member.name.partition(".")[2] for entry in ENTRIES.values() for member in entry.members if member.doc}


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_on_one_page_of_the_reference(module: str) -> None:
    shown = [name for text in TEXTS.values() for of, names in places(text) if of == module for name in names]
    assert sorted(shown) == sorted(import_module(module).__all__)


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.kind != "data"])
def test_a_public_name_says_what_it_is_and_so_do_its_fields(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.doc
    assert [each.name for each in entry.members if not says_something(each, entry.doc)] == []


def says_something(member: Entry, of_its_class: str) -> bool:
    """A text of its own, or its name in that of its class; a word of an enum says it by its value.

    What the sandbox is given has the names of what it answers with.
    """
    word = member.name.partition(".")[2]
    if member.name.startswith("World") and word in TOLD:
        return True
    return bool(member.doc) or member.signature.startswith(" = ") or f"`{word}`" in of_its_class


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("clients.md", "{py:method} model(model_id: int) -> Model\n"),
        (
            "clients.md",
            "{py:method} images(*, cursor: str | int | None = None, **options: Unpack[ImageOptions]) -> Items[Image]",
        ),
        ("clients.md", "{py:method} model(model_id: int) -> Model\n:async:\n\nAs {py:meth}`Client.model`."),
        (
            "clients.md",
            "by its id, with all versions and images of every level ([site.md 3](../site.md#3-get-modelsid)).",
        ),
        ("answers.md", "{py:attribute} size_kb\n:type: float | None\n\nBytes divided by 1024"),
        ("answers.md", "see {py:class}`NsfwLevel <civitai_kit.NsfwLevel>`. 0 is not rated yet."),
        ("options.md", "as bits: `NsfwLevel.PG | NsfwLevel.R`, or"),
        ("words.md", "{py:attribute} LORA\n:value: \"'LORA'\""),
        ("errors.md", "{py:exception} Gone\n\nA {py:class}`SiteError`."),
        ("testing.md", "| `cut` | storage | The connection closes after byte `at` of the body. | `at=1000` |"),
    ],
)
def test_a_page_of_the_reference_is_made_of_signatures_and_docstrings(page: str, line: str) -> None:
    assert line in filled(TEXTS[page])
