"""Which hosts are Civitai's own: to others a key goes only once they have said what they are."""

from __future__ import annotations

from urllib.parse import urlsplit

DOMAINS = ("civitai.com", "civitai.red", "civitai.green")


def is_civitai(url: str) -> bool:
    """Whether a URL leads to Civitai, to a twin of it, or to a host below one of them."""
    host = (urlsplit(url).hostname or "").lower().removesuffix(".")
    return any(host == domain or host.endswith(f".{domain}") for domain in DOMAINS)
