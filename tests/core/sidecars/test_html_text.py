"""Descriptions as plain text: the words stay, and no description makes us wait or fail."""

from __future__ import annotations

import html
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.sidecars.html_text import as_html, plain_text


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("<p>One <b>two</b></p><p>three<br/>four</p>", "One two\nthree\nfour"),
        ("a<script>x < y</script>b<STYLE>z</STYLE >c", "abc"),
        ("a<!-- <b> -->c", "ac"),
        ("1 &lt; 2 &amp; a < b", "1 < 2 & a < b"),
        ("<![foo[x]]>y", "y"),
        ("a<script>never closed", "a"),
        ("I <3 it", "I <3 it"),
        ("<pre>kept</pre><link>", "kept"),
    ],
)
def test_the_words_of_a_description_stay(description: str, words: str) -> None:
    assert plain_text(description) == words


@pytest.mark.parametrize("piece", ["<!--", "<a ", "<![CDATA[", "</", "<?", "&", "<script>", "<script", "<br", "<!"])
def test_a_hostile_description_is_read_at_once(piece: str) -> None:
    began = time.monotonic()
    plain_text(piece * 100_000)
    assert time.monotonic() - began < 10


def test_a_number_of_thousands_of_digits_is_no_character() -> None:
    assert plain_text("&#" + "9" * 5000 + ";").startswith("&#9")


@given(st.text(alphabet=st.sampled_from("ab<>!-/&#;x0[]? \n\"'="), max_size=40))
def test_any_text_gives_words(description: str) -> None:
    plain_text(description)


@given(st.lists(st.text(alphabet="ab<>&;\"' ", min_size=1).map(str.strip).filter(bool), max_size=3))
def test_plain_text_comes_back_from_html(lines: list[str]) -> None:
    words = "\n".join(" ".join(line.split()) for line in lines)
    assert plain_text(as_html(words)) == words
    assert html.unescape(as_html(words).replace("<br>", "\n")) == words
