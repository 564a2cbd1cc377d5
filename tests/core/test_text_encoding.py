"""Texts that other programs made are read in the encodings that they use."""

from __future__ import annotations

import codecs
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.text_encoding import decoded

LIST = "https://civitai.com/models/1\r\nhttps://civitai.com/models/2\r\n"


@pytest.mark.parametrize(
    "content",
    [
        LIST.encode(),
        codecs.BOM_UTF8 + LIST.encode(),
        codecs.BOM_UTF16_LE + LIST.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + LIST.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + LIST.encode("utf-32-le"),
        LIST.encode("utf-16-le"),
        LIST.encode("utf-16-be"),
    ],
)
def test_a_list_is_read_in_each_encoding(content: bytes) -> None:
    assert decoded(content) == LIST


@given(st.text())
def test_any_text_in_utf8_and_in_marked_utf16_is_read(text: str) -> None:
    plain = text.removeprefix("\ufeff")
    assert decoded(codecs.BOM_UTF16_LE + plain.encode("utf-16-le")) == plain
    if "\0" not in plain:
        assert decoded(plain.encode()) == plain


@given(st.binary(max_size=200))
def test_what_is_no_text_is_an_error_of_decoding_and_no_other(content: bytes) -> None:
    with suppress(UnicodeDecodeError):
        assert isinstance(decoded(content), str)
