"""Which hosts are Civitai's own."""

from __future__ import annotations

import pytest

from civitai_kit.core.site.hosts import is_civitai


@pytest.mark.parametrize(
    "host", ["civitai.com", "www.civitai.red", "api.civitai.com", "CIVITAI.GREEN:443", "civitai.com."]
)
def test_civitai_its_twins_and_what_is_below_them_are_its_own(host: str) -> None:
    assert is_civitai(f"https://{host}/x")


@pytest.mark.parametrize(
    "host", ["civitai.com.evil.org", "evil-civitai.com", "civitai.org", "127.0.0.1:8765", "civitai.com@evil.org", "box"]
)
def test_what_only_looks_like_it_is_not(host: str) -> None:
    assert not is_civitai(f"https://{host}/civitai.com")
