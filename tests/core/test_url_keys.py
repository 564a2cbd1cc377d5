"""Keys, tokens, passwords and signatures are cut out of URLs, wherever these stand in a text."""

from __future__ import annotations

import re
import string
from time import thread_time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.url_keys import holds_key, without_keys

NAMES = (
    *("token", "api_key", "apikey", "API-Key", "key", "access_token", "Authorization", "sig", "signature", "secret"),
    *("X-Amz-Signature", "X-Amz-Credential", "X-Goog-Signature", "Key-Pair-Id", "Policy", "password", "token[]"),
)
OPEN_NAMES = ("fileId", "type", "format", "size", "fp", "modelVersionId", "tag", "query", "cursor", "keyword", "monkey")
# Signs of our own choice, so that what was planted is found again.
KEY = "k3yK3Yk3y"
_ODD = "?&;#=%/@:'\"\\<>()[]{}, \n\t.-_+u0263fFdD25747aA"


@pytest.mark.parametrize("name", [*NAMES, "%74oken", "api%5Fkey", "%2574oken", "TOKEN", "civitai_token", " token "])
def test_a_name_of_a_secret_is_known_in_any_case_and_encoding(name: str) -> None:
    assert holds_key(name)


@pytest.mark.parametrize("name", [*OPEN_NAMES, "", "tokens", "keyframe", "original"])
def test_other_names_hold_no_key(name: str) -> None:
    assert not holds_key(name)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("https://h/p?token=s3cret&a=1", "https://h/p?a=1"),
        ("https://h/p?a=1&token=s3cret#f", "https://h/p?a=1#f"),
        ("https://h/p?token=s3cret", "https://h/p"),
        ("https://h/p?token=s3cret#f", "https://h/p#f"),
        ("?token=a&TOKEN=b&c=1&sig=d", "?c=1"),
        ("?a=1&amp;api_key=s3cret&amp;b=2", "?a=1&amp;b=2"),
        ("/login?returnUrl=%2Fapi%3Ftoken%3Ds3cret%26b%3D1&z=1", "/login?returnUrl=%2Fapi&z=1"),
        (r'{"next":"https://h/?a=1\u0026token=s3cret","b":1}', r'{"next":"https://h/?a=1","b":1}'),
        ("'https://h/p?%74oken=s3cret' is no page.", "'https://h/p' is no page."),
        ("https://me:s3cret@h:80/p, and so on", "https://h:80/p, and so on"),
        ("https://me:s3@cret@h/p", "https://h/p"),
        ("me:s3cret@civitai.com/models/1", "civitai.com/models/1"),
        ("proxy me:s3cret@127.0.0.1:3128", "proxy 127.0.0.1:3128"),
        ("https%3A%2F%2Fme%3As3cret%40h%2Fp", "https%3A%2F%2Fh%2Fp"),
    ],
)
def test_the_key_goes_and_the_address_stays(text: str, left: str) -> None:
    assert without_keys(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "urn:air:sdxl:lora:civitai:1234@5678.safetensors",
        "https://civitai.com/models/1?modelVersionId=2&type=Pruned%20Model",
        "lora/100%_a=b/x;y#z?w.safetensors",
        "The token was refused: key=value, me@example.com",
        "https://h/?token",
        "C:\\models\\a@b",
    ],
)
def test_a_text_without_keys_comes_back_as_it_is(text: str) -> None:
    assert without_keys(text) == text


def _encoded(text: str, times: int) -> str:
    for _ in range(times):
        text = quote(text, safe="")
    return text


@given(
    name=st.sampled_from(NAMES),
    upper=st.booleans(),
    times=st.integers(0, 2),
    before=st.text(alphabet=_ODD, max_size=30),
    after=st.text(alphabet=_ODD, max_size=30),
)
def test_no_planted_key_is_left(name: str, upper: bool, times: int, before: str, after: str) -> None:
    pair = _encoded(f"?{name.upper() if upper else name}={KEY}", times)
    assert KEY not in without_keys(f"{before}{pair}{after}")


@given(before=st.text(alphabet=string.printable, max_size=30), after=st.text(alphabet=_ODD, max_size=30))
def test_no_planted_password_is_left(before: str, after: str) -> None:
    assert KEY not in without_keys(f"{before}https://me:{KEY}@civitai.com/{after}")


@given(st.lists(st.sampled_from([*_ODD, "token", "key=", "%3f", "%26", "&amp;", "//", "a:b@h/"]), max_size=40))
def test_a_text_that_was_cut_is_not_cut_again(pieces: list[str]) -> None:
    once = without_keys("".join(pieces))
    assert without_keys(once) == once


@given(st.text())
def test_only_what_looks_like_a_key_is_taken_away(text: str) -> None:
    if not re.search(r"(?i)(key|token|pass|pwd|auth|bearer|credential|jwt|secret|sig|policy|amz|goog|%|\\u|@)", text):
        assert without_keys(text) == text


@given(
    st.lists(st.tuples(st.sampled_from(OPEN_NAMES), st.text(alphabet=string.ascii_letters + "%2", max_size=5))),
    st.integers(0, 10),
)
def test_all_other_parameters_stay_in_their_order(pairs: list[tuple[str, str]], place: int) -> None:
    written = [f"{name}={value}" for name, value in pairs]
    planted = [*written[:place], f"token={KEY}", *written[place:]]
    assert without_keys(f"https://h/p?{'&'.join(planted)}") == "https://h/p" + ("?" if pairs else "") + "&".join(
        written
    )


@pytest.mark.parametrize(
    "piece", ["?", "%3F", "&a=", "?token=", "//", "//a@", "a:b@", "%2f%2f", "%25", "&amp;", "a:b,"]
)
def test_a_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    start = thread_time()
    without_keys(f"{piece * 100_000}@")
    # A fraction of a second; a cost that grows with the square of the length would be many minutes.
    assert thread_time() - start < 5
