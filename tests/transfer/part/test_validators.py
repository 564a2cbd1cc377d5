"""A validator is one that a request can carry back as it is; whatever else was said is none."""

from __future__ import annotations

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from civitai_kit.transfer.part.validators import sendable_validator


@given(st.text() | st.text(st.characters(max_codepoint=0x1FF)) | st.binary().map(lambda raw: raw.decode("latin-1")))
@example('"a\r\nX: y"')
@example("\x00")
@example("\ud800")
@example("\x7f")
@example(" ")
def test_whatever_was_said_either_is_none_or_can_be_sent(said: str) -> None:
    validator = sendable_validator(said)
    if validator is not None:
        sent = h11.Connection(h11.CLIENT).send(
            h11.Request(method="GET", target="/", headers=[("Host", "h"), ("If-Range", validator)])
        )
        assert sent is not None
        assert b"\r\nIf-Range: " + validator.encode("ascii") + b"\r\n" in sent


@pytest.mark.parametrize("good", ['"e101"', 'W/"e101"', "e101", "Thu, 01 Jan 2026 00:00:00 GMT", '"a b"'])
def test_an_honest_validator_stays_as_it_is(good: str) -> None:
    assert sendable_validator(good) == good
