"""Which proxy counts: of many variables the one that the request would use, and none for what NO_PROXY names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import UsageError
from civitai_kit.core.proxies import Proxy, is_in_clear, proxy_for

SITE = "https://civitai.com"
HERE = "http://127.0.0.1:8080"
P = "http://127.0.0.4:3128"


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, SITE, None),
        ({"https_proxy": P}, SITE, Proxy(P, "https_proxy")),
        ({"HTTPS_PROXY": P}, SITE, Proxy(P, "HTTPS_PROXY")),
        ({"https_proxy": P, "HTTPS_PROXY": "http://other:1"}, SITE, Proxy(P, "https_proxy")),
        ({"https_proxy": "", "HTTPS_PROXY": P}, SITE, None),
        ({"http_proxy": P}, SITE, None),
        ({"http_proxy": P, "ALL_PROXY": "nonsense://x"}, HERE, Proxy(P, "http_proxy")),
        ({"https_proxy": "nonsense://x", "all_proxy": P}, HERE, Proxy(P, "all_proxy")),
        ({"all_proxy": "socks://127.0.0.1:7891/"}, SITE, Proxy("socks5://127.0.0.1:7891/", "all_proxy")),
        ({"all_proxy": "127.0.0.4:3128"}, SITE, Proxy(P, "all_proxy")),
        ({"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, HERE, None),
        ({"ALL_PROXY": "nonsense://x", "NO_PROXY": "civitai.com"}, SITE, None),
    ],
)
def test_only_the_proxy_that_the_request_would_use_counts(
    variables: dict[str, str], url: str, expected: Proxy | None
) -> None:
    assert proxy_for(variables, url) == expected


@pytest.mark.parametrize(
    ("exempt", "url", "straight"),
    [
        ("*", SITE, True),
        ("civitai.com", "https://image.civitai.com", True),
        (".civitai.com", SITE, True),
        ("*.civitai.com", "https://image.civitai.com", True),
        ("vitai.com", SITE, False),
        ("civitai.com:443", SITE, True),
        ("civitai.com:444", SITE, False),
        ("localhost, 127.0.0.1,::1", HERE, True),
        ("localhost 127.0.0.1", HERE, True),
        ("127.0.0.0/8", HERE, True),
        ("10.0.0.0/8,nonsense/99", HERE, False),
        ("0.1", HERE, False),
        ("::1", "http://[::1]:80", True),
        ("[::1]:80", "http://[::1]:80", True),
        ("fe80::/10", "http://[fe80::1]", True),
        (",.,", SITE, False),
        ("https://civitai.com", SITE, True),
    ],
)
def test_what_no_proxy_names_goes_straight(exempt: str, url: str, *, straight: bool) -> None:
    assert (proxy_for({"all_proxy": P, "no_proxy": exempt}, url) is None) is straight


@pytest.mark.parametrize(
    "value",
    ["gopher://me:secret@127.0.0.1:1", "socks4://x:1", "http://", "http://x:99999", "http://[::1", "http://a b"],
)
def test_a_proxy_that_cannot_be_is_refused_by_the_name_of_its_variable(value: str) -> None:
    with pytest.raises(UsageError, match="ALL_PROXY") as caught:
        proxy_for({"ALL_PROXY": value}, SITE)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@given(st.text(), st.text(), st.sampled_from([SITE, HERE, "http://[::1]:9"]))
def test_no_text_of_a_variable_ends_in_anything_but_a_proxy_or_a_refusal(value: str, exempt: str, url: str) -> None:
    try:
        found = proxy_for({"all_proxy": value, "no_proxy": exempt}, url)
    except UsageError:
        return
    assert found is None or found.variable == "all_proxy"


def test_a_proxy_is_shown_without_its_password() -> None:
    assert str(Proxy("http://me:secret@p.example:3128", "http_proxy")) == (
        "the proxy http://p.example:3128 (variable http_proxy)"
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9"])
def test_what_is_asked_on_this_machine_is_not_in_clear(url: str) -> None:
    assert not is_in_clear(url, None)


@pytest.mark.parametrize("url", ["http://127.0.0.1.evil.org", "http://127.evil.org", "http://localhost.evil.org"])
def test_a_host_that_only_looks_like_this_machine_is_none(url: str) -> None:
    assert is_in_clear(url, None)


def test_loopback_is_in_clear_as_soon_as_a_proxy_lies_between() -> None:
    assert not is_in_clear(HERE, None)
    assert is_in_clear(HERE, Proxy(P, "http_proxy"))
    assert is_in_clear("http://example.org", None)
    assert not is_in_clear(SITE, Proxy(P, "https_proxy"))
